"""Stepping by events: margins of all samples that can be unfitted are kept.

The next batch that changes something is drawn directly. Each hit adds one cached Gram row.
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels import cost
from perceptron_sim.kernels.batches import shuffle_head
from perceptron_sim.kernels.certificate import (
    NEAR_FROM,
    TOO_SMALL,
    Pool,
    active,
    displacement,
    displacement_squared,
    is_stale,
    reach_of,
)
from perceptron_sim.kernels.event_driven.state import (
    AUTO,
    GO_ON,
    LARGER_POOL,
    SMALLER_POOL,
    TO_CANDIDATES,
    TO_NEAR,
    Run,
    pause_due,
    record,
)
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.fixed_point import (
    FITTED_ALWAYS,
    add_row,
    classify,
    error_bound,
    error_rate,
    extent_of,
    largest_margin,
    move_margins,
    refresh,
    scale_for,
    settle,
)
from perceptron_sim.kernels.gram_rows import GramRows, claim_row, compute_row, forget_rows, padded
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.lanes import BLOCK, list_ones, nth_of_masks
from perceptron_sim.kernels.null_steps import draw_marked, draw_wait, extend_laws
from perceptron_sim.kernels.run_state import (
    HITS,
    LAST_UPDATE_STEP,
    RESTORE_AT,
    STEPS_DONE,
    UPDATES,
    write_counts,
)
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES, PAUSED
from perceptron_sim.kernels.trace import UNFITTED, trace_event

# Margins are computed anew from the weights after so many hits, so that few are unclear.
_REFRESH = 1 << 12
_REVIEW_EVENTS = 512
_TUNE_EVENTS = 64
# Weight of the newest event in the running mean of |w_perp|^2.
_MEMORY = 1.0 / 128.0


@compiled
def add_hits(w: FloatArray, rows: FloatArray, found: IntArray, n_hit: int) -> None:
    """Add the rows of the first samples of ``found`` to ``w`` one by one, four in one pass."""
    last = n_hit - n_hit % 4
    for h in range(0, last, 4):
        a, b, c, e = found[h], found[h + 1], found[h + 2], found[h + 3]
        for j in range(w.size):
            w[j] = w[j] + rows[a, j] + rows[b, j] + rows[c, j] + rows[e, j]
    for h in range(last, n_hit):
        for j in range(w.size):
            w[j] += rows[found[h], j]


@compiled
def event_leg(run: Run, pool: Pool, gram: GramRows, slack: FloatArray, near_allowed: bool) -> int:
    """Draw the updates directly from the kept margins.

    ``slack`` holds the factor by which the covered radius exceeds the usual displacement. It adapts
    during the run. Returns TO_NEAR, if ``near_allowed``, once |w_perp| is many hits large.
    """
    w, counters, threshold = run.w, run.counters, run.threshold
    rng, stop, hit_counts, B = run.rng, run.stop, run.hit_counts, run.B
    max_steps, max_updates = run.limits
    rows, index, starts = pool.rows, pool.samples, pool.starts
    gram_rows, gram_slot, gram_recent = gram.rows, gram.slot, gram.recent
    gram_length, gram_claimed = gram.length, gram.claimed
    center = pool.center
    P, d = run.P, run.w.size
    size = rows.shape[0]
    margins = np.full(padded(size), FITTED_ALWAYS, np.int32)
    unfitted = np.zeros(padded(size) // BLOCK, np.int64)
    unclear = np.zeros(padded(size) // BLOCK, np.int64)
    found = np.empty(padded(size), np.int64)
    extent = extent_of(pool, threshold)
    rate = 0.0
    tracing = run.trace.size > 1
    step, updates, hits = counters[STEPS_DONE], counters[UPDATES], counters[HITS]
    # By the number k of unfitted samples: ln P(null), and P(one hit | some); grown on demand.
    log_q, inverse, one = np.empty(size + 1), np.empty(size + 1), np.empty(size + 1)
    log_q[0] = 0.0
    known = 0
    r_squared = 0.0
    bound_squared = -1.0
    scale = 0.0
    blocks = 0
    w_1_tuned = w[0]
    w_1_limit = w[0]
    mean_r_squared = displacement_squared(w, center)
    tune_at = 0
    n = 0
    k = 0
    hits_at_refresh = hits
    restore_at = counters[RESTORE_AT]
    hits_at_review = hits
    events = 0
    misses = 0
    credit = 1
    trials_sum = 0.0
    due = record(run, rows, 0)
    code = GO_ON
    while True:
        # Keep the active set: it must cover the displacement, and w_1, which falls only if some
        # sample lies on the wrong side of the teacher; and keep margins within range.
        if r_squared > bound_squared or events >= tune_at or w[0] < w_1_tuned or w[0] > w_1_limit:
            # So that |w_perp| forces about one tuning in three; less than FIRST_SPARE in any case.
            if n > 0 and w[0] >= w_1_tuned:
                slack[0] *= 1.02 if r_squared > bound_squared else 0.99
                slack[0] = min(max(slack[0], 1.05), 1.9)
            radius = max(slack[0] * math.sqrt(mean_r_squared), 1.02 * displacement(w, center))
            if pool.near:
                # All of a near pool is active: its samples were chosen for this reach.
                radius = max(radius, pool.cut / 1.001)
            if is_stale(pool, radius, threshold):
                code = LARGER_POOL
                break
            bound = reach_of(pool, w[0], radius, threshold)
            wanted = active(starts, pool.bin_width, pool.cut, bound)
            if wanted < 0:
                code = LARGER_POOL if wanted == TOO_SMALL else SMALLER_POOL
                break
            first = n
            if hits >= restore_at:
                first = 0
                restore_weights(run.features, hit_counts, w)
                restore_at = hits + restore_interval(run.features.shape[0])
                if pause_due(counters, hits):
                    code = PAUSED
                    break
            elif hits - hits_at_refresh >= _REFRESH:
                first = 0
            n = padded(wanted)
            blocks = n // BLOCK
            span = 1.25 * abs(w[0] - center[0]) + pool.typical_norm
            largest = largest_margin(extent, blocks, span, radius)
            if not largest <= gram.scale[1]:
                gram.scale[1] = 1.5 * largest
                gram.scale[0] = scale_for(gram.scale[1])
                forget_rows(gram)
                first = 0
            scale = gram.scale[0]
            if first == 0:
                hits_at_refresh = hits
            w_norm = span + radius + math.sqrt(center @ center)
            rate = error_rate(scale, d, w_norm, extent)
            refresh(margins, first, min(n, size), rows, w, threshold, scale)
            error = error_bound(rate, hits - hits_at_refresh)
            classify(margins, first // BLOCK, blocks, error, unfitted, unclear)
            k = settle(rows, w, threshold, blocks, unfitted, unclear)
            r_squared = displacement_squared(w, center)
            bound_squared = radius * radius
            tune_at = events + _TUNE_EVENTS
            w_1_tuned = w[0]
            w_1_limit = center[0] + span
            if stop[0] != 0:
                code = INTERRUPTED
                break
        if k == 0:
            code = FITTED
            break
        if known < k:
            known = extend_laws(P, B, known, k, log_q, inverse, one)

        target = step + draw_wait(rng, inverse[k])
        if due < target:
            due = record(run, rows[:n], min(target, max_steps))
        if target > max_steps:
            step = max_steps
            code = MAX_STEPS
            break
        step = target

        u = rng.random()
        n_hit = 1
        if u < one[k]:
            found[0] = nth_of_masks(unfitted, int(u / one[k] * k))
        else:
            n_hit = draw_marked(rng, P, k, B, 2 if one[k] > 0.0 else 1)
            list_ones(unfitted, blocks, found)
            shuffle_head(rng, found, k, n_hit)
        if tracing:
            listed = np.empty(n, np.int64)
            count = list_ones(unfitted, blocks, listed)
            trace_event(run.trace, step, index[found[:n_hit]], index[listed[:count]], UNFITTED)
        trials_sum += 1.0 / k
        cached = 2 * n_hit <= d
        # A missing row costs as much as all margins anew. Rows are computed after as much has been
        # spent on margins. So the cost is at most twice the least.
        lacking = 0
        for h in range(n_hit if cached else 0):
            slot = gram_slot[found[h]]
            lacking += slot < 0 or gram_length[slot] < n
        by_rows = cached and lacking <= credit
        if lacking > credit:
            credit += 1
        elif lacking > 1:
            credit -= lacking - 1
        doubt = False
        add_hits(w, rows, found, n_hit)
        for h in range(n_hit):
            i = found[h]
            hit_counts[index[i]] += 1
            if cached:
                slot = gram_slot[i]
                if slot < 0 or gram_claimed[slot] < n:
                    slot = claim_row(gram, i, n)
                    misses += 1
                gram_recent[slot] = 1
            if by_rows:
                if gram_length[slot] < n:
                    compute_row(gram, rows, i, n)
                if h + 1 < n_hit:
                    move_margins(margins, gram_rows, slot, blocks)
                else:
                    error = error_bound(rate, hits + n_hit - hits_at_refresh)
                    k, doubt = add_row(margins, gram_rows, slot, blocks, error, unfitted, unclear)
        if not by_rows:
            refresh(margins, 0, min(n, size), rows, w, threshold, scale)
            classify(margins, 0, blocks, error_bound(rate, 0), unfitted, unclear)
            doubt = True
            hits_at_refresh = hits + n_hit
        if doubt:
            k = settle(rows, w, threshold, blocks, unfitted, unclear)
        r_squared = displacement_squared(w, center)
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
            if cost.candidate_hit(d, B, trials) < 0.7 * by_event and run.schedule == AUTO:
                code = TO_CANDIDATES
                break
            if near_allowed and r_squared > (NEAR_FROM * pool.typical_norm) ** 2:
                code = TO_NEAR
                break
            hits_at_review = hits
            misses = 0
            tune_at -= events
            events = 0
            trials_sum = 0.0
    counters[RESTORE_AT] = restore_at
    write_counts(counters, step, counters[LAST_UPDATE_STEP], updates, hits)
    return code
