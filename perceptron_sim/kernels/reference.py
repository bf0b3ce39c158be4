"""The plain loop of SGD, against which every faster kernel is tested."""

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import draw_batch, needs_order, shuffle_head
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import find_unfitted, margin
from perceptron_sim.kernels.run_state import Recorder, record, write_counts
from perceptron_sim.kernels.status import DIVERGED, FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES


@compiled
def plain_sgd(
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
    shuffled: bool,
) -> int:
    """Run SGD from ``w`` until every sample has margin >= threshold; natural units.

    The loop tests whether all samples are fitted only after P/B null steps in a row. The search
    starts at the sample last seen unfitted, so that it costs no more than the steps. Nothing
    changes in between, so the last non-null step is known exactly.

    Args:
        features: phi = z / sqrt(d), shape (P, d).
        threshold: kappa / T; a sample is unfitted while its margin is below it.
        B: batch size, 1..P.
        rng: batch stream; advanced in place.
        limits: (max_steps, max_updates).
        stop: one flag, read every step; non-zero ends the run as INTERRUPTED.
        recorder: checkpoints to fill.
        w: start weights, shape (d,); final weights on return.
        counters: zeros; filled on return, except places of other kernels.
        hit_counts: zeros, shape (P,); hits of each sample on return.
        shuffled: take batches as consecutive pieces of the training set, which is shuffled anew
            in every epoch of P // B steps; the P mod B samples left over are dropped.

    Returns:
        A code of ``kernels.status``.
    """
    P, d = features.shape
    order = np.arange(P if shuffled or needs_order(P, B) else 0)
    batch, hit = np.empty(B, np.int64), np.empty(B, np.int64)
    drawn, first = (order if shuffled else batch), 0
    per_epoch = P // B
    patience = (P + B - 1) // B
    step, last_update, updates, hits, witness = 0, 0, 0, 0, 0
    ask_at = patience
    due = record(recorder, counters, features, w, threshold, 0)
    status = MAX_STEPS
    while step < limits[0]:
        if due <= step:
            due = record(recorder, counters, features, w, threshold, step + 1)
        if shuffled:
            first = (step % per_epoch) * B
            if first == 0:
                shuffle_head(rng, order, P, P - 1)
        else:
            draw_batch(rng, P, order, batch)
        step += 1
        n_hit = 0
        for b in range(B):
            i = drawn[first + b]
            if margin(features, i, w) < threshold:
                hit[n_hit] = i
                n_hit += 1
        if n_hit > 0:
            for h in range(n_hit):
                hit_counts[hit[h]] += 1
                for j in range(d):
                    w[j] += features[hit[h], j]
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
    write_counts(counters, step, last_update, updates, hits)
    return status
