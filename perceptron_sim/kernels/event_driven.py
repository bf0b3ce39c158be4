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
from perceptron_sim.kernels.batches import draw_batch
from perceptron_sim.kernels.certificate import (
    Pool,
    active,
    build_pool,
    is_active,
    perpendicular_norm,
    perpendicular_norms,
)
from perceptron_sim.kernels.gram_rows import (
    BLOCK,
    GramRows,
    add_row,
    count_below,
    list_below,
    new_rows,
    pick,
    row_slot,
)
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.null_steps import (
    draw_marked,
    draw_null_steps,
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

# What a leg returns when it is not over.
_GO_ON, TO_PLAIN, TO_CANDIDATES, TO_EVENTS, NEW_POOL = -1, 100, 101, 102, 103

# Margins and |w_perp| are computed anew after so many hits: between refreshes rounding adds up
# to at most 2^16 * 2^-53 = 7e-12 of the largest margin kept.
_REFRESH = 1 << 16
_REVIEW_HITS = 32


class Run(NamedTuple):
    """What every leg reads and writes; natural units.

    Attributes:
        features: phi = z / sqrt(d), shape (P, d).
        threshold: kappa / T.
        B: batch size.
        rng: the stream.
        limits: (max_steps, max_updates).
        stop: one flag; non-zero ends the run.
        recorder: checkpoints.
        w: weights, shape (d,).
        counters: as in ``reference``.
        hit_counts: hits of each sample, shape (P,).
        trace: see ``trace``.
    """

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


@compiled
def event_driven_sgd(run: Run, budget: int) -> int:
    """Run SGD until every sample is fitted; the same law as ``reference_sgd``.

    Args:
        run: the problem, the state and the outputs.
        budget: bytes that cached Gram rows may take.

    Returns:
        A code of ``kernels.status``.
    """
    features, w = run.features, run.w
    code = _plain(run)
    if code < TO_PLAIN:
        return code
    norms = perpendicular_norms(features)
    shape = np.array([1.25])
    while True:
        radius = 1.05 * _noise(w)
        pool = build_pool(features, norms, w[0], radius, run.threshold, 2.0)
        code = TO_CANDIDATES if code == NEW_POOL else code
        gram = new_rows(pool.index.size, budget)
        while code != NEW_POOL:
            if code == TO_EVENTS:
                code = _events(run, pool, gram, shape)
            else:
                code = _candidates(run, pool)
            if code < TO_PLAIN:
                return code


@compiled
def _noise(w: FloatArray) -> float:
    total = 0.0
    for j in range(1, w.size):
        total += w[j] * w[j]
    return math.sqrt(total)


@compiled
def _record(run: Run, rows: FloatArray, step_of_change: int) -> None:
    """Fill the checkpoints before the step that changes something next.

    Only ``rows`` can be unfitted, so only they are looked at.
    """
    recorder, counters = run.recorder, run.counters
    k = counters[RECORDED]
    if k >= recorder.steps.size or recorder.steps[k] >= step_of_change:
        return
    unfitted, loss = training_state(rows, run.w, run.threshold)
    while k < recorder.steps.size and recorder.steps[k] < step_of_change:
        recorder.w[k] = run.w
        recorder.unfitted[k] = unfitted
        recorder.loss[k] = loss
        k += 1
    counters[RECORDED] = k


@compiled
def _count_update(run: Run, n_hit: int) -> int:
    """Book an update of ``n_hit`` hits at the present step; return a final status or _GO_ON."""
    counters = run.counters
    counters[HITS] += n_hit
    counters[UPDATES] += 1
    counters[LAST_UPDATE_STEP] = counters[STEPS_DONE]
    if not np.isfinite(run.w[0]):
        return DIVERGED
    if counters[UPDATES] >= run.limits[1]:
        return MAX_UPDATES
    if run.stop[0] != 0:
        return INTERRUPTED
    return _GO_ON


@compiled
def _advance(run: Run, rows: FloatArray, steps: int) -> bool:
    """Go ``steps`` on to the next change, with checkpoints; False if the limit comes first."""
    counters = run.counters
    target = counters[STEPS_DONE] + steps
    if target > run.limits[0]:
        _record(run, rows, run.limits[0])
        counters[STEPS_DONE] = run.limits[0]
        return False
    _record(run, rows, target)
    counters[STEPS_DONE] = target
    return True


@compiled
def _plain(run: Run) -> int:
    """Step batch by batch until the certificate is worth its set-up."""
    features, w, counters = run.features, run.w, run.counters
    P, d = features.shape
    B = run.B
    order = np.arange(P)
    batch = np.empty(B, np.int64)
    patience = (P + B - 1) // B
    null_steps = 0
    witness = 0
    asked = False
    hits_at_review = 0
    steps_at_review = 0
    while counters[STEPS_DONE] < run.limits[0]:
        _record(run, features, counters[STEPS_DONE] + 1)
        counters[STEPS_DONE] += 1
        draw_batch(run.rng, order, batch)
        n_hit = 0
        for b in range(B):
            i = batch[b]
            if margin(features, i, w) < run.threshold:
                batch[n_hit] = i
                n_hit += 1
        if n_hit == 0:
            null_steps += 1
            if null_steps >= patience and not asked:
                asked = True
                witness = find_unfitted(features, w, run.threshold, max(witness, 0))
                if witness < 0:
                    return FITTED
            if run.stop[0] != 0:
                return INTERRUPTED
            continue
        null_steps = 0
        asked = False
        if run.trace.size > 1:
            trace_event(run.trace, counters[STEPS_DONE], batch[:n_hit], batch[:0], False)
        for h in range(n_hit):
            run.hit_counts[batch[h]] += 1
            for j in range(d):
                w[j] += features[batch[h], j]
        code = _count_update(run, n_hit)
        if code != _GO_ON:
            return code
        if counters[HITS] - hits_at_review >= _REVIEW_HITS:
            evaluated = float(B) * (counters[STEPS_DONE] - steps_at_review)
            if _worth_setting_up(run, evaluated / (counters[HITS] - hits_at_review)):
                return TO_CANDIDATES
            hits_at_review = counters[HITS]
            steps_at_review = counters[STEPS_DONE]
    return MAX_STEPS


@compiled
def _worth_setting_up(run: Run, evaluated_per_hit: float) -> bool:
    """Return whether the rest of the run will probably repay sorting the samples.

    While far more samples are unfitted than the about d/2 at which training ends (THEORY
    section 4), at least as many hits are still to come as there were. Otherwise wait until the
    set-up is a small part of the work done.
    """
    P, d = run.features.shape
    some = min(P, 64)
    n_active = 0
    radius = 1.05 * _noise(run.w)
    for k in range(some):
        i = k * P // some
        norm = perpendicular_norm(run.features, i)
        n_active += is_active(run.features[i, 0], norm, run.w[0], radius, run.threshold)
    saved = (1.0 - n_active / some) * cost.evaluate_far(d)
    done = float(run.B) * run.counters[STEPS_DONE]
    if P / evaluated_per_hit > d:
        return run.counters[HITS] * evaluated_per_hit * saved > cost.set_up(P, d)
    return done * saved > 20.0 * cost.set_up(P, d)


@compiled
def _candidates(run: Run, pool: Pool) -> int:
    """Draw batches with active samples only; the active set follows every hit."""
    rng, w, threshold, counters, B = run.rng, run.w, run.threshold, run.counters, run.B
    rows = pool.rows
    P, d = run.features.shape
    order = np.arange(rows.shape[0])
    batch = np.empty(B, np.int64)
    witness = 0
    evaluated_at_review = 0
    hits_at_review = counters[HITS]
    repeated = 0
    evaluated = 0
    n_before = 0
    log_q = 0.0
    one = 0.0
    r_squared = _noise(w) ** 2
    while True:
        n = active(pool, w[0], math.sqrt(max(r_squared, 0.0)), threshold)
        if n < 0 or (n * 8 < rows.shape[0] and rows.shape[0] > 512):
            return NEW_POOL
        if n == 0:
            _record_rest(run, rows[:0])
            return FITTED
        if n != n_before:
            n_before = n
            log_q = log_null(P, n, B)
            one = one_given_some(P, n, B, log_q)
            if order.size != n:
                order = np.arange(n)
        # Batches with candidates, until one hits.
        tries = 0
        since_asked = 0
        asked = False
        n_hit = 0
        while n_hit == 0:
            tries += 1
            u = rng.random()
            drawn = 1
            if u < one:
                i = int(u / one * n)
                if margin(rows, i, w) < threshold:
                    batch[0] = i
                    n_hit = 1
            else:
                drawn = draw_marked(rng, P, n, B, 2 if one > 0.0 else 1)
                draw_batch(rng, order, batch[:drawn])
                for b in range(drawn):
                    i = batch[b]
                    if margin(rows, i, w) < threshold:
                        batch[n_hit] = i
                        n_hit += 1
            evaluated += drawn
            since_asked += drawn
            if n_hit == 0 and since_asked >= n and not asked:
                asked = True
                witness = find_unfitted(rows[:n], w, threshold, min(max(witness, 0), n - 1))
                if witness < 0:
                    _record_rest(run, rows[:n])
                    return FITTED
                if run.stop[0] != 0:
                    return INTERRUPTED
        if not _advance(run, rows[:n], tries + draw_null_steps(rng, log_q, tries)):
            return MAX_STEPS
        if run.trace.size > 1:
            trace_event(
                run.trace, counters[STEPS_DONE], pool.index[batch[:n_hit]], pool.index[:n], False
            )
        for h in range(n_hit):
            i = batch[h]
            repeated += run.hit_counts[pool.index[i]] > 0
            run.hit_counts[pool.index[i]] += 1
            for j in range(d):
                w[j] += rows[i, j]
        r_squared = _noise(w) ** 2
        code = _count_update(run, n_hit)
        if code != _GO_ON:
            return code
        new_hits = counters[HITS] - hits_at_review
        if new_hits >= _REVIEW_HITS:
            per_hit = (evaluated - evaluated_at_review) / new_hits
            miss = 1.0 - repeated / new_hits
            by_trial = cost.candidate_hit(d, per_hit, 1.0)
            if cost.event_hit(d, 1.2 * n, miss) < 0.8 * by_trial:
                return TO_EVENTS
            evaluated_at_review = evaluated
            hits_at_review = counters[HITS]
            repeated = 0


@compiled
def _record_rest(run: Run, rows: FloatArray) -> None:
    """Nothing will change any more: leave the remaining checkpoints to the caller."""


@compiled
def _events(run: Run, pool: Pool, gram: GramRows, slack: FloatArray) -> int:
    """Draw the updates directly from the kept margins."""
    rng, w, threshold, counters, B = run.rng, run.w, run.threshold, run.counters, run.B
    rows, norm, index = pool.rows, pool.norm, pool.index
    P, d = run.features.shape
    size = rows.shape[0]
    margins = np.empty(size)
    below = np.zeros(size // BLOCK + 1, np.int64)
    found = np.empty(size, np.int64)
    # By the number k of unfitted samples: ln P(null), and P(one hit | some); grown on demand.
    log_q = np.zeros(size + 1)
    inverse = np.zeros(size + 1)
    one = np.zeros(size + 1)
    known = 0
    r_squared = _noise(w) ** 2
    bound = 0.0
    n = 0
    k = 0
    w_1_tuned = 0.0
    hits_at_review = counters[HITS]
    hits_at_refresh = counters[HITS]
    misses = 0
    unfitted_sum = 0.0
    calm = False
    events = 0
    while True:
        # Keep the active set: it must cover |w_perp| <= radius, radius^2 = bound.
        if r_squared > bound or w[0] > 1.05 * w_1_tuned or counters[HITS] - hits_at_refresh >= _REFRESH:
            if calm:
                slack[0] = max(1.05, 0.99 * slack[0])
            elif r_squared > bound:
                slack[0] = min(3.0, 1.02 * slack[0])
            calm = not r_squared > bound
            refresh = counters[HITS] - hits_at_refresh >= _REFRESH or n == 0
            r_squared = _noise(w) ** 2
            radius = slack[0] * math.sqrt(r_squared)
            bound = radius * radius
            w_1_tuned = w[0]
            wanted = active(pool, w[0], radius, threshold)
            if wanted < 0 or (wanted * 8 < size and size > 512):
                return NEW_POOL
            wanted = min(size, (wanted + BLOCK - 1) // BLOCK * BLOCK)
            first = n
            if refresh:
                first = 0
                hits_at_refresh = counters[HITS]
            for i in range(first, wanted):
                margins[i] = margin(rows, i, w)
            n = wanted
            k = count_below(margins, n, threshold, below)
        if k == 0:
            return FITTED
        while known < k:
            # C(P-k-1, B) / C(P-k, B) = (P-k-B) / (P-k).
            log_q[known + 1] = -math.inf
            if P - known > B:
                log_q[known + 1] = log_q[known] + math.log1p(-B / (P - known))
            known += 1
            inverse[known] = -1.0 / log_q[known]
            one[known] = one_given_some(P, known, B, log_q[known])
        steps = 1
        if inverse[k] > 0.0:
            steps += int(rng.standard_exponential() * inverse[k])
        if not _advance(run, rows[:n], steps):
            return MAX_STEPS
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
        if run.trace.size > 1:
            unfitted = np.empty(n, np.int64)
            count = list_below(margins, n, threshold, unfitted)
            trace_event(
                run.trace, counters[STEPS_DONE], index[found[:n_hit]], index[unfitted[:count]], True
            )
        for h in range(n_hit):
            i = found[h]
            run.hit_counts[index[i]] += 1
            r_squared += 2.0 * (margins[i] - w[0] * rows[i, 0]) + norm[i] * norm[i]
            for j in range(d):
                w[j] += rows[i, j]
            if 2 * n_hit <= d:
                slot, was_there = row_slot(gram, rows, i, n)
                misses += not was_there
                k = add_row(margins, gram.rows[slot], n, threshold, below)
        if 2 * n_hit > d:
            for i in range(n):
                margins[i] = margin(rows, i, w)
            k = count_below(margins, n, threshold, below)
            r_squared = _noise(w) ** 2
        code = _count_update(run, n_hit)
        if code != _GO_ON:
            return code
        unfitted_sum += k
        events += 1
        new_hits = counters[HITS] - hits_at_review
        if events >= 16 * _REVIEW_HITS:
            mean_unfitted = unfitted_sum / events
            by_event = cost.event_hit(d, n, misses / new_hits)
            if cost.candidate_hit(d, n / slack[0], mean_unfitted) < 0.7 * by_event:
                return TO_CANDIDATES
            hits_at_review = counters[HITS]
            misses = 0
            events = 0
            unfitted_sum = 0.0
