"""Event-driven SGD: the same process in distribution, without the steps that change nothing.

Three ways of stepping, all exact (THEORY section 5; the argument is spelt out in docs/kernels.md):

plain       Every batch is drawn and evaluated. Best while most batches hit something.
candidates  Samples that provably cannot be unfitted (``certificate``) are left out: only batches
            with some other sample, a candidate, are drawn; their margins are evaluated, and the
            number of null batches in between is drawn at once.
events      The margins of all samples that can be unfitted are kept. The next batch that changes
            something is drawn directly, and each hit adds one cached Gram row to the margins.

Reviews choose by measured rates and a cost model; the choice never changes the process.
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels import cost
from perceptron_sim.kernels.batches import draw_batch, needs_order
from perceptron_sim.kernels.certificate import (
    TOO_SMALL,
    Pool,
    active,
    build_pool,
    is_active,
    is_stale,
    key_bound,
    perpendicular_norm,
    perpendicular_norms,
    shrink_pool,
)
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.gram_rows import (
    BLOCK,
    GramRows,
    add_row,
    compute_row,
    count_below,
    list_below,
    new_rows,
    padded,
    pick,
)
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.null_steps import (
    draw_marked,
    draw_null_steps,
    draw_wait,
    log_null,
    one_given_some,
)
from perceptron_sim.kernels.observables import find_unfitted, margin, training_state
from perceptron_sim.kernels.reference import (
    HITS,
    LAST_UPDATE_STEP,
    RECORDED,
    STEPS_DONE,
    UPDATES,
    Recorder,
)
from perceptron_sim.kernels.status import DIVERGED, FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES
from perceptron_sim.kernels.trace import trace_event

# Schedules: let the cost model choose, or step in one way alone.
AUTO, PLAIN, CANDIDATES, EVENTS = 0, 1, 2, 3

# What a leg returns, besides a final status.
_GO_ON, TO_CANDIDATES, TO_EVENTS, LARGER_POOL, SMALLER_POOL = -1, 100, 101, 102, 103

# Margins are computed anew from the weights after so many hits: between refreshes rounding adds
# up to at most 2^16 * 2^-53 = 7e-12 of the largest margin kept.
_REFRESH = 1 << 16
_REVIEW_HITS = 32
_REVIEW_EVENTS = 512
_TUNE_EVENTS = 64
# Weight of the newest event in the running mean of |w_perp|^2.
_MEMORY = 1.0 / 128.0
_NEVER = np.iinfo(np.int64).max // 2


class Run(NamedTuple):
    """What every leg reads and writes: the arguments of ``event_driven_sgd``."""

    features: FloatArray
    threshold: float
    B: int
    rng: np.random.Generator
    limits: IntArray
    stop: IntArray
    recorder: Recorder
    w: FloatArray
    counters: IntArray
    hit_counts: IntArray
    trace: IntArray
    growth: float
    schedule: int


@compiled
def event_driven_sgd(
    features: FloatArray,
    threshold: float,
    B: int,
    rng: np.random.Generator,
    limits: IntArray,
    stop: IntArray,
    recorder: Recorder,
    w: FloatArray,
    counters: IntArray,
    hit_counts: IntArray,
    trace: IntArray,
    growth: float,
    budget: int,
    schedule: int,
) -> int:
    """Run SGD from w = 0 until every sample is fitted; the same law as ``reference_sgd``.

    Args:
        features: phi = z / sqrt(d), shape (P, d).
        threshold: kappa / T; a sample is unfitted while its margin is below it.
        B: batch size, 1..P.
        rng: the stream; advanced in place.
        limits: (max_steps, max_updates).
        stop: one flag; non-zero ends the run as INTERRUPTED.
        recorder: checkpoints to fill.
        w: zeros, shape (d,); final weights on return.
        counters: as in ``reference``.
        hit_counts: zeros, shape (P,); hits of each sample on return.
        trace: one entry for none, or room for a log (``kernels.trace``) with entry 0 set to 1.
        growth: 2 / (1 + chi); hits to come grow as (unfitted samples)^growth. A hint for the
            cost model alone.
        budget: bytes that cached Gram rows may take.
        schedule: AUTO, or one way of stepping alone, for tests and benchmarks.

    Returns:
        A code of ``kernels.status``.
    """
    # Tuples of arrays are slow to pass from Python but convenient from here on.
    run = Run(
        features,
        threshold,
        B,
        rng,
        limits,
        stop,
        recorder,
        w,
        counters,
        hit_counts,
        trace,
        growth,
        schedule,
    )
    code = _plain(run) if schedule <= PLAIN else TO_CANDIDATES
    if code != TO_CANDIDATES:
        return code
    norms = perpendicular_norms(features)
    slack = np.array([1.25])
    pool = build_pool(features, norms, w[0], _noise(w), run.threshold)
    while True:
        leg = TO_EVENTS if schedule == EVENTS else TO_CANDIDATES
        gram = new_rows(pool.samples.size, budget)
        while leg in (TO_CANDIDATES, TO_EVENTS):
            if leg == TO_EVENTS:
                leg = _events(run, pool, gram, slack)
            else:
                leg = _candidates(run, pool)
        if leg == LARGER_POOL:
            pool = build_pool(features, norms, w[0], _noise(w), run.threshold)
        elif leg == SMALLER_POOL:
            pool = shrink_pool(pool, w[0], _noise(w), run.threshold)
        else:
            return leg


@compiled
def _noise(w: FloatArray) -> float:
    total = 0.0
    for j in range(1, w.size):
        total += w[j] * w[j]
    return math.sqrt(total)


@compiled
def _record(run: Run, rows: FloatArray, step_of_change: int) -> int:
    """Fill the checkpoints before the step that changes something next; return the next due.

    Only ``rows`` can be unfitted, so only they are looked at.
    """
    recorder, counters = run.recorder, run.counters
    k = counters[RECORDED]
    if k < recorder.steps.size and recorder.steps[k] < step_of_change:
        unfitted, loss = training_state(rows, run.w, run.threshold)
        while k < recorder.steps.size and recorder.steps[k] < step_of_change:
            recorder.w[k] = run.w
            recorder.unfitted[k] = unfitted
            recorder.loss[k] = loss
            k += 1
        counters[RECORDED] = k
    return recorder.steps[k] if k < recorder.steps.size else _NEVER


@compiled
def _plain(run: Run) -> int:
    """Step batch by batch until the certificate is worth its set-up."""
    # Locals throughout: every array taken from the tuple in a loop would cost its reference count.
    features, w, counters, threshold = run.features, run.w, run.counters, run.threshold
    rng, stop, hit_counts, B = run.rng, run.stop, run.hit_counts, run.B
    max_steps, max_updates = run.limits
    P, d = features.shape
    order = np.arange(P if needs_order(P, B) else 0)
    batch = np.empty(B, np.int64)
    patience = (P + B - 1) // B
    tracing = run.trace.size > 1
    step, updates, hits, last_update = 0, 0, 0, 0
    ask_at = patience
    witness = 0
    hits_at_review = 0
    step_at_review = 0
    restore_at = restore_interval(P)
    due = _record(run, features, 0)
    code = MAX_STEPS
    while step < max_steps:
        if due <= step:
            due = _record(run, features, step + 1)
        step += 1
        draw_batch(rng, P, order, batch)
        n_hit = 0
        for b in range(B):
            i = batch[b]
            if margin(features, i, w) < threshold:
                batch[n_hit] = i
                n_hit += 1
        if n_hit > 0:
            for h in range(n_hit):
                i = batch[h]
                hit_counts[i] += 1
                for j in range(d):
                    w[j] += features[i, j]
            if tracing:
                trace_event(run.trace, step, batch[:n_hit], batch[:0], False)
            hits += n_hit
            updates += 1
            last_update = step
            if hits >= restore_at:
                restore_weights(features, hit_counts, w)
                restore_at = hits + restore_interval(P)
            ask_at = step + patience
            if not np.isfinite(w[0]):
                code = DIVERGED
                break
            if updates >= max_updates:
                code = MAX_UPDATES
                break
            if hits - hits_at_review >= _REVIEW_HITS and run.schedule == AUTO:
                evaluated = float(B) * (step - step_at_review)
                unfitted = P * (hits - hits_at_review) / evaluated
                if _worth_setting_up(run, step, hits, unfitted):
                    code = TO_CANDIDATES
                    break
                hits_at_review = hits
                step_at_review = step
        elif step == ask_at:
            witness = find_unfitted(features, w, threshold, max(witness, 0))
            if witness < 0:
                code = FITTED
                break
        if stop[0] != 0:
            code = INTERRUPTED
            break
    counters[STEPS_DONE] = step
    counters[UPDATES] = updates
    counters[HITS] = hits
    counters[LAST_UPDATE_STEP] = last_update
    return code


@compiled
def _hits_to_come(run: Run, hits: int, unfitted: float) -> float:
    """Estimate the number of further hits.

    Hits grow as lambda^2 and the unfitted fraction falls as lambda^-(1+chi) until about d/2
    samples are left (THEORY sections 3, 4); half of that is assumed, to be cautious.
    """
    growth = max(unfitted / (0.5 * run.w.size), 1.0) ** run.growth
    return 0.5 * hits * float(growth - 1.0)


@compiled
def _worth_setting_up(run: Run, step: int, hits: int, unfitted: float) -> bool:
    """Return whether the rest of the run will probably repay sorting the samples.

    If no long rest is foreseen, the set-up waits until it is a small part of the work done.
    """
    P, d = run.features.shape
    some = min(P, 64)
    n_active = 0
    radius = _noise(run.w)
    for k in range(some):
        i = k * P // some
        norm = perpendicular_norm(run.features, i)
        n_active += is_active(run.features[i, 0], norm, run.w[0], radius, run.threshold)
    saved = (1.0 - n_active / some) * cost.evaluate_far(d)
    evaluated = _hits_to_come(run, hits, unfitted) * P / max(unfitted, 1.0)
    price = cost.set_up(P, d)
    return bool(evaluated * saved > 2.0 * price or float(run.B) * step * saved > 20.0 * price)


@compiled
def _candidates(run: Run, pool: Pool) -> int:
    """Draw batches with active samples only; the active set follows every hit."""
    w, counters, threshold = run.w, run.counters, run.threshold
    rng, stop, hit_counts, B = run.rng, run.stop, run.hit_counts, run.B
    max_steps, max_updates = run.limits
    rows, index, starts = pool.rows, pool.samples, pool.starts
    P, d = run.features.shape
    order = np.empty(0, np.int64)
    batch = np.empty(B, np.int64)
    tracing = run.trace.size > 1
    step, updates, hits = counters[STEPS_DONE], counters[UPDATES], counters[HITS]
    witness = 0
    evaluated = 0
    hits_at_review = hits
    restore_at = hits + restore_interval(P)
    n = -1
    log_q = 0.0
    one = 0.0
    due = _record(run, rows, 0)
    code = _GO_ON
    while True:
        radius = _noise(w)
        if is_stale(pool, radius, threshold):
            code = LARGER_POOL
            break
        bound = key_bound(pool.offset, pool.smallest_norm, w[0], radius, threshold)
        wanted = active(starts, pool.bin_width, pool.cut, bound)
        if wanted < 0:
            code = LARGER_POOL if wanted == TOO_SMALL else SMALLER_POOL
            break
        if wanted == 0:
            code = FITTED
            break
        if wanted != n:
            n = wanted
            log_q = log_null(P, n, B)
            one = one_given_some(P, n, B, log_q)
        # Batches with candidates, until one hits.
        tries = 0
        since_asked = 0
        n_hit = 0
        while n_hit == 0:
            tries += 1
            u = rng.random()
            if u < one:
                since_asked += 1
                i = int(u / one * n)
                if margin(rows, i, w) < threshold:
                    batch[0] = i
                    n_hit = 1
            else:
                drawn = draw_marked(rng, P, n, B, 2 if one > 0.0 else 1)
                if needs_order(n, drawn) and order.size != n:
                    order = np.arange(n)
                draw_batch(rng, n, order, batch[:drawn])
                since_asked += drawn
                for b in range(drawn):
                    i = batch[b]
                    if margin(rows, i, w) < threshold:
                        batch[n_hit] = i
                        n_hit += 1
            if n_hit == 0 and since_asked >= n:
                # Nothing hit for long: is there anything left to hit?
                evaluated += since_asked
                since_asked = -_NEVER
                witness = find_unfitted(rows[:n], w, threshold, min(max(witness, 0), n - 1))
                if witness < 0:
                    code = FITTED
                    break
            if stop[0] != 0:
                code = INTERRUPTED
                break
        if code != _GO_ON:
            break
        evaluated += max(since_asked, 0)
        target = step + tries + draw_null_steps(rng, log_q, tries)
        if due < target:
            due = _record(run, rows[:n], min(target, max_steps))
        if target > max_steps:
            step = max_steps
            code = MAX_STEPS
            break
        step = target
        if tracing:
            trace_event(run.trace, step, index[batch[:n_hit]], index[:n], False)
        for h in range(n_hit):
            i = batch[h]
            hit_counts[index[i]] += 1
            for j in range(d):
                w[j] += rows[i, j]
        hits += n_hit
        updates += 1
        counters[LAST_UPDATE_STEP] = step
        if hits >= restore_at:
            restore_weights(run.features, hit_counts, w)
            restore_at = hits + restore_interval(P)
        if updates >= max_updates:
            code = MAX_UPDATES
            break
        new_hits = hits - hits_at_review
        if new_hits >= _REVIEW_HITS and run.schedule == AUTO:
            by_trial = cost.candidate_hit(d, evaluated / new_hits)
            # At most one row for each active sample is computed, and for each hit to come.
            per_hit = evaluated / new_hits
            to_come = max(_hits_to_come(run, hits, n / per_hit), 0.1 * hits)
            if cost.event_hit(d, 1.4 * n, min(1.0, n / to_come)) < 0.8 * by_trial:
                code = TO_EVENTS
                break
            evaluated = 0
            hits_at_review = hits
    counters[STEPS_DONE] = step
    counters[UPDATES] = updates
    counters[HITS] = hits
    return code


@compiled
def _events(run: Run, pool: Pool, gram: GramRows, slack: FloatArray) -> int:
    """Draw the updates directly from the kept margins."""
    w, counters, threshold = run.w, run.counters, run.threshold
    rng, stop, hit_counts, B = run.rng, run.stop, run.hit_counts, run.B
    max_steps, max_updates = run.limits
    rows, norm, index, starts = pool.rows, pool.norm, pool.samples, pool.starts
    gram_rows, gram_slot, gram_length, gram_recent = gram.rows, gram.slot, gram.length, gram.recent
    P, d = run.features.shape
    size = rows.shape[0]
    margins = np.full(padded(size), math.inf)
    below = np.zeros(padded(size) // BLOCK, np.int64)
    found = np.empty(padded(size), np.int64)
    tracing = run.trace.size > 1
    step, updates, hits = counters[STEPS_DONE], counters[UPDATES], counters[HITS]
    # By the number k of unfitted samples: ln P(null), and P(one hit | some); grown on demand.
    log_q = np.zeros(size + 1)
    inverse = np.zeros(size + 1)
    one = np.zeros(size + 1)
    known = 0
    r_squared = 0.0
    bound_squared = -1.0
    mean_r_squared = _noise(w) ** 2
    tune_at = 0
    n = 0
    k = 0
    hits_at_refresh = hits
    restore_at = hits + restore_interval(P)
    hits_at_review = hits
    events = 0
    misses = 0
    trials_sum = 0.0
    due = _record(run, rows, 0)
    code = _GO_ON
    while True:
        # Keep the active set: it must cover |w_perp|^2 <= bound_squared.
        if r_squared > bound_squared or events >= tune_at:
            # The radius is chosen so that |w_perp| forces about one tuning in three.
            if n > 0:
                slack[0] *= 1.02 if r_squared > bound_squared else 0.99
                slack[0] = min(max(slack[0], 1.05), 3.0)
            radius = max(slack[0] * math.sqrt(max(mean_r_squared, 0.0)), 1.02 * _noise(w))
            if is_stale(pool, radius, threshold):
                code = LARGER_POOL
                break
            bound = key_bound(pool.offset, pool.smallest_norm, w[0], radius, threshold)
            wanted = active(starts, pool.bin_width, pool.cut, bound)
            if wanted < 0:
                code = LARGER_POOL if wanted == TOO_SMALL else SMALLER_POOL
                break
            first = n
            if hits - hits_at_refresh >= _REFRESH:
                first = 0
                hits_at_refresh = hits
                if hits >= restore_at:
                    restore_weights(run.features, hit_counts, w)
                    restore_at = hits + restore_interval(P)
            n = padded(wanted)
            for i in range(first, min(n, size)):
                margins[i] = margin(rows, i, w)
            count_below(margins, first, n, threshold, below)
            k = below[: n // BLOCK].sum()
            r_squared = _noise(w) ** 2
            bound_squared = radius * radius
            tune_at = events + _TUNE_EVENTS
        if k == 0:
            code = FITTED
            break
        while known < k:
            # C(P-k-1, B) / C(P-k, B) = (P-k-B) / (P-k).
            log_q[known + 1] = -math.inf
            if P - known > B:
                log_q[known + 1] = log_q[known] + math.log1p(-B / (P - known))
            known += 1
            inverse[known] = -1.0 / log_q[known]
            one[known] = one_given_some(P, known, B, log_q[known])

        target = step + draw_wait(rng, inverse[k])
        if due < target:
            due = _record(run, rows[:n], min(target, max_steps))
        if target > max_steps:
            step = max_steps
            code = MAX_STEPS
            break
        step = target

        u = rng.random()
        n_hit = 1
        if u < one[k]:
            found[0] = pick(margins, threshold, below, int(u / one[k] * k))
        else:
            n_hit = draw_marked(rng, P, k, B, 2 if one[k] > 0.0 else 1)
            list_below(margins, n, threshold, found)
            for h in range(n_hit):
                other = h + int(rng.random() * (k - h))
                found[h], found[other] = found[other], found[h]
        if tracing:
            unfitted = np.empty(n, np.int64)
            count = list_below(margins, n, threshold, unfitted)
            trace_event(run.trace, step, index[found[:n_hit]], index[unfitted[:count]], True)
        trials_sum += 1.0 / k
        by_rows = 2 * n_hit <= d
        for h in range(n_hit):
            i = found[h]
            hit_counts[index[i]] += 1
            r_squared += 2.0 * (margins[i] - w[0] * rows[i, 0]) + norm[i] * norm[i]
            for j in range(d):
                w[j] += rows[i, j]
            if by_rows:
                slot = gram_slot[i]
                if slot < 0 or gram_length[slot] < n:
                    slot = compute_row(gram, rows, i, n)
                    misses += 1
                gram_recent[slot] = 1
                k = add_row(margins, gram_rows, slot, n, threshold, below)
        if not by_rows:
            for i in range(min(n, size)):
                margins[i] = margin(rows, i, w)
            count_below(margins, 0, n, threshold, below)
            k = below[: n // BLOCK].sum()
            r_squared = _noise(w) ** 2
        hits += n_hit
        updates += 1
        counters[LAST_UPDATE_STEP] = step
        events += 1
        mean_r_squared += (r_squared - mean_r_squared) * _MEMORY
        if updates >= max_updates:
            code = MAX_UPDATES
            break
        if events >= _REVIEW_EVENTS:
            by_event = cost.event_hit(d, n, misses / (hits - hits_at_review))
            trials = n / slack[0] * trials_sum / events
            if cost.candidate_hit(d, trials) < 0.7 * by_event and run.schedule == AUTO:
                code = TO_CANDIDATES
                break
            if stop[0] != 0:
                code = INTERRUPTED
                break
            hits_at_review = hits
            misses = 0
            tune_at -= events
            events = 0
            trials_sum = 0.0
    counters[STEPS_DONE] = step
    counters[UPDATES] = updates
    counters[HITS] = hits
    return code
