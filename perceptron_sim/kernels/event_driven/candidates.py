"""Stepping by candidates: only batches with samples that could be unfitted are drawn.

Samples that provably cannot be unfitted (``certificate``) are left out. The others are candidates.
Those in a batch are drawn and evaluated. The null batches in between are counted at once.
"""

import numpy as np

from perceptron_sim.kernels import cost
from perceptron_sim.kernels.batches import draw_batch, needs_order
from perceptron_sim.kernels.certificate import (
    NEAR_FROM,
    TOO_SMALL,
    Pool,
    active,
    displacement,
    is_stale,
    reach_of,
)
from perceptron_sim.kernels.codes import (
    CODES_FROM,
    COPY,
    fill_codes,
    in_range,
    new_codes,
    set_weights,
    surely_fitted,
)
from perceptron_sim.kernels.event_driven.state import (
    AUTO,
    GO_ON,
    LARGER_POOL,
    REVIEW_HITS,
    SMALLER_POOL,
    TO_EVENTS,
    TO_NEAR,
    Run,
    hits_to_come,
    pause_due,
    record,
)
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.null_steps import (
    draw_marked,
    draw_null_steps,
    log_null,
    one_given_some,
)
from perceptron_sim.kernels.observables import find_unfitted, margin
from perceptron_sim.kernels.run_state import (
    HITS,
    LAST_UPDATE_STEP,
    NEVER,
    RESTORE_AT,
    STEPS_DONE,
    UPDATES,
    write_counts,
)
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES, PAUSED
from perceptron_sim.kernels.trace import ACTIVE, trace_event


@compiled
def candidate_leg(run: Run, pool: Pool, near_allowed: bool) -> int:
    """Draw batches with active samples only; the active set follows every hit.

    Returns TO_NEAR, if ``near_allowed``, once |w_perp| is many hits large.
    """
    w, counters, threshold = run.w, run.counters, run.threshold
    rng, stop, hit_counts, B = run.rng, run.stop, run.hit_counts, run.B
    max_steps, max_updates = run.limits
    rows, index, starts = pool.rows, pool.samples, pool.starts
    center = pool.center
    P, d = run.P, run.w.size
    order = np.empty(0, np.int64)
    batch = np.empty(B, np.int64)
    tracing = run.trace.size > 1
    step, updates, hits = counters[STEPS_DONE], counters[UPDATES], counters[HITS]
    witness = 0
    evaluated = 0
    hits_at_review = hits
    restore_at = counters[RESTORE_AT]
    # A first look at coarse copies pays unless it costs as much as the margin itself, or settles
    # nothing, because |w_perp| is large beside what margins vary by.
    looks = 0.0
    coarse = False
    can_be_coarse = d >= CODES_FROM and not pool.near
    codes, facts = new_codes(rows.shape[0] if can_be_coarse else 0, d)
    weights = np.zeros(codes.shape[1], np.float32)
    coded = 0
    n = -1
    log_q = 0.0
    one = 0.0
    due = record(run, rows, 0)
    code = GO_ON
    while True:
        radius = displacement(w, center)
        if is_stale(pool, radius, threshold):
            code = LARGER_POOL
            break
        bound = reach_of(pool, w[0], radius, threshold)
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
        w_1 = w[0]
        coarse = can_be_coarse and looks > COPY * n and in_range(radius)
        if coarse:
            set_weights(w, weights)
            if coded < n:
                fill_codes(rows, coded, n, codes, facts)
                coded = n
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
                fitted = coarse and surely_fitted(codes, facts, i, weights, w_1, radius, threshold)
                if not fitted and margin(rows, i, w) < threshold:
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
                    fitted = coarse and surely_fitted(
                        codes, facts, i, weights, w_1, radius, threshold
                    )
                    if not fitted and margin(rows, i, w) < threshold:
                        batch[n_hit] = i
                        n_hit += 1
            if n_hit == 0 and since_asked >= n:
                # No hit for long: test whether any sample is unfitted.
                evaluated += since_asked
                since_asked = -NEVER
                witness = find_unfitted(rows[:n], w, threshold, min(max(witness, 0), n - 1))
                if witness < 0:
                    code = FITTED
                    break
            if stop[0] != 0:
                code = INTERRUPTED
                break
        if code != GO_ON:
            break
        evaluated += max(since_asked, 0)
        looks += tries
        target = step + tries + draw_null_steps(rng, log_q, tries)
        if due < target:
            due = record(run, rows[:n], min(target, max_steps))
        if target > max_steps:
            step = max_steps
            code = MAX_STEPS
            break
        step = target
        if tracing:
            trace_event(run.trace, step, index[batch[:n_hit]], index[:n], ACTIVE)
        for h in range(n_hit):
            i = batch[h]
            hit_counts[index[i]] += 1
            for j in range(d):
                w[j] += rows[i, j]
        hits += n_hit
        updates += 1
        counters[LAST_UPDATE_STEP] = step
        restored = hits >= restore_at
        if restored:
            restore_weights(run.features, hit_counts, w)
            restore_at = hits + restore_interval(run.features.shape[0])
        if updates >= max_updates:
            code = MAX_UPDATES
            break
        if restored and pause_due(counters, hits):
            code = PAUSED
            break
        new_hits = hits - hits_at_review
        if new_hits >= REVIEW_HITS and run.schedule == AUTO:
            if near_allowed and radius > NEAR_FROM * pool.typical_norm:
                code = TO_NEAR
                break
            by_trial = cost.candidate_hit(d, B, evaluated / new_hits)
            # More cautious than the forecast for a pool: in a short run tables and rows are costly.
            # Rows are computed for the samples still to be hit; some 3 (d + k) were, typically.
            per_hit = evaluated / new_hits
            unfitted = n / per_hit
            to_come = max(hits_to_come(run, hits, 0.25 * unfitted), 0.1 * hits)
            to_compute = min(float(n), 3.0 * (d + unfitted))
            if cost.event_hit(d, 1.4 * n, min(1.0, to_compute / to_come)) < 0.8 * by_trial:
                code = TO_EVENTS
                break
            evaluated = 0
            hits_at_review = hits
    counters[RESTORE_AT] = restore_at
    write_counts(counters, step, counters[LAST_UPDATE_STEP], updates, hits)
    return code
