"""SGD with epoch-wise shuffling: every sample once an epoch, in a new order each."""

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import shuffle_head
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
def shuffled_sgd(
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
    """Run SGD whose batches are consecutive pieces of a shuffled training set; natural units.

    An epoch has P // B steps; the P mod B samples left over at its end are dropped, as usual.
    Arguments, counters and result are those of ``reference_sgd``.
    """
    P, d = features.shape
    order = np.arange(P)
    hit = np.empty(B, np.int64)
    per_epoch = P // B
    step = 0
    last_update = 0
    updates = 0
    hits = 0
    witness = 0
    recorded = 0
    ask_at = per_epoch
    status = MAX_STEPS

    while step < limits[0]:
        if recorded < recorder.steps.size and recorder.steps[recorded] == step:
            recorder.w[recorded] = w
            recorder.unfitted[recorded], recorder.loss[recorded] = training_state(
                features, w, threshold
            )
            recorded += 1

        first = (step % per_epoch) * B
        if first == 0:
            shuffle_head(rng, order, P, P - 1)
        step += 1
        n_hit = 0
        for b in range(B):
            if margin(features, order[first + b], w) < threshold:
                hit[n_hit] = order[first + b]
                n_hit += 1

        if n_hit > 0:
            for h in range(n_hit):
                hit_counts[hit[h]] += 1
                for j in range(d):
                    w[j] += features[hit[h], j]
            hits += n_hit
            updates += 1
            last_update = step
            ask_at = step + per_epoch
            if not np.isfinite(w[0]):
                status = DIVERGED
                break
            if updates >= limits[1]:
                status = MAX_UPDATES
                break
        elif step >= ask_at:
            witness = find_unfitted(features, w, threshold, max(witness, 0))
            if witness < 0:
                status = FITTED
                break
            ask_at = step + per_epoch
        if stop[0] != 0:
            status = INTERRUPTED
            break

    counters[LAST_UPDATE_STEP] = last_update
    counters[UPDATES] = updates
    counters[HITS] = hits
    counters[STEPS_DONE] = step
    counters[RECORDED] = recorded
    return status
