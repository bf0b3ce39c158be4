"""Plain stepping: every batch is drawn and evaluated. Best while most batches hit something."""

import numpy as np

from perceptron_sim.kernels import cost
from perceptron_sim.kernels.batches import draw_batch, needs_order
from perceptron_sim.kernels.certificate import is_active, noise, perpendicular_norm
from perceptron_sim.kernels.event_driven.state import (
    AUTO,
    REVIEW_HITS,
    TO_CANDIDATES,
    Run,
    hits_to_come,
    record,
)
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import find_unfitted, margin
from perceptron_sim.kernels.run_state import RESTORE_AT, write_counts
from perceptron_sim.kernels.status import DIVERGED, FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES
from perceptron_sim.kernels.trace import ACTIVE, trace_event

# Number of samples in a review. Reviews are so rare that they take little time.
_LOOKED_AT = 32
_REVIEW_EVALUATED = 40.0 * _LOOKED_AT


@compiled
def plain_leg(run: Run) -> int:
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
    due = record(run, features, 0)
    code = MAX_STEPS
    while step < max_steps:
        if due <= step:
            due = record(run, features, step + 1)
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
                trace_event(run.trace, step, batch[:n_hit], batch[:0], ACTIVE)
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
            evaluated = float(B) * (step - step_at_review)
            if (
                hits - hits_at_review >= REVIEW_HITS
                and evaluated >= _REVIEW_EVALUATED
                and run.schedule == AUTO
            ):
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
    counters[RESTORE_AT] = restore_at
    write_counts(counters, step, last_update, updates, hits)
    return code


@compiled
def _worth_setting_up(run: Run, step: int, hits: int, unfitted: float) -> bool:
    """Return whether the rest of the run will probably repay sorting the samples.

    If no long rest is foreseen, the set-up waits until it is a small part of the work done.
    """
    P, d = run.features.shape
    some = min(P, _LOOKED_AT)
    n_active = 0
    radius = noise(run.w)
    for k in range(some):
        i = k * P // some
        norm = perpendicular_norm(run.features, i)
        n_active += is_active(run.features[i, 0], norm, run.w[0], radius, run.threshold)
    saved = cost.saved_by_candidates(P, d, run.B, n_active / some)
    evaluated = hits_to_come(run, hits, unfitted) * P / max(unfitted, 1.0)
    if 8 * run.B > P:
        # Batches this large hit many samples at once, and the forecast is far too high.
        evaluated = 0.0
    price = cost.set_up(P, d)
    return bool(evaluated * saved > price or float(run.B) * step * saved > 20.0 * price)
