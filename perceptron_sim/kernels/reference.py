"""The obvious SGD loop, the oracle every faster kernel is held against."""

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import draw_batch, needs_order
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import find_unfitted, margin, training_state
from perceptron_sim.kernels.run_state import (
    HITS,
    LAST_UPDATE_STEP,
    RECORDED,
    STEPS_DONE,
    UPDATES,
    Recorder,
)
from perceptron_sim.kernels.status import (
    DIVERGED,
    FITTED,
    INTERRUPTED,
    MAX_STEPS,
    MAX_UPDATES,
)


@compiled
def reference_sgd(
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
) -> int:
    """Run SGD from ``w`` until every sample has margin >= threshold; natural units.

    Whether all samples are fitted is asked only after P/B steps in a row changed nothing, and
    the search starts at the sample last seen unfitted, so that the asking costs no more than
    the stepping. As nothing changes in between, the last non-null step is known exactly.

    Args:
        features: phi = z / sqrt(d), shape (P, d).
        threshold: kappa / T; a sample is unfitted while its margin is below it.
        B: batch size, 1..P.
        rng: batch stream; advanced in place.
        limits: (max_steps, max_updates).
        stop: one flag, read every step; non-zero ends the run as INTERRUPTED.
        recorder: checkpoints to fill.
        w: start weights, shape (d,); final weights on return.
        counters: filled with LAST_UPDATE_STEP, UPDATES, HITS, STEPS_DONE, RECORDED; the rest is
            for other kernels.
        hit_counts: zeros, shape (P,); hits of each sample on return.

    Returns:
        A code of ``kernels.status``.
    """
    P, d = features.shape
    order = np.arange(P if needs_order(P, B) else 0)
    batch = np.empty(B, np.int64)
    patience = (P + B - 1) // B
    step = 0
    last_update = 0
    updates = 0
    hits = 0
    witness = 0
    recorded = 0
    ask_at = patience
    status = MAX_STEPS

    while step < limits[0]:
        if recorded < recorder.steps.size and recorder.steps[recorded] == step:
            recorder.w[recorded] = w
            recorder.unfitted[recorded], recorder.loss[recorded] = training_state(
                features, w, threshold
            )
            recorded += 1

        step += 1
        draw_batch(rng, P, order, batch)
        n_hit = 0
        for b in range(B):
            i = batch[b]
            if margin(features, i, w) < threshold:
                # The head of ``batch`` is free to hold the hits: it has been read.
                batch[n_hit] = i
                n_hit += 1

        if n_hit > 0:
            for h in range(n_hit):
                hit_counts[batch[h]] += 1
                for j in range(d):
                    w[j] += features[batch[h], j]
            hits += n_hit
            updates += 1
            last_update = step
            ask_at = step + patience
            if not np.isfinite(w[0]):
                status = DIVERGED
                break
            if updates >= limits[1]:
                status = MAX_UPDATES
                break
        elif step == ask_at:
            witness = find_unfitted(features, w, threshold, max(witness, 0))
            if witness < 0:
                status = FITTED
                break
        if stop[0] != 0:
            status = INTERRUPTED
            break

    counters[LAST_UPDATE_STEP] = last_update
    counters[UPDATES] = updates
    counters[HITS] = hits
    counters[STEPS_DONE] = step
    counters[RECORDED] = recorded
    return status
