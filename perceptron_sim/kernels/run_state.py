"""Counters and checkpoints, which every kernel of a run writes."""

from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import training_state

# Places in the counter array.
LAST_UPDATE_STEP, UPDATES, HITS, STEPS_DONE, RECORDED, RESTORE_AT, PAUSE_AT = range(7)
N_COUNTERS = 7
NEVER = np.iinfo(np.int64).max // 2


class Recorder(NamedTuple):
    """The checkpoints that a kernel writes.

    Attributes:
        steps: the step numbers at which to record, increasing, shape (n,).
        w: weights after that many steps, natural units, shape (n, d).
        unfitted: number of unfitted training samples, or its mean given samples seen, shape (n,).
        loss: sum of threshold - margin over the unfitted samples, or its mean, shape (n,).
        exact: 0 where the numbers are means, else 1, shape (n,).
    """

    steps: IntArray
    w: FloatArray
    unfitted: FloatArray
    loss: FloatArray
    exact: IntArray


@compiled
def record(
    recorder: Recorder,
    counters: IntArray,
    rows: FloatArray,
    w: FloatArray,
    threshold: float,
    step_of_change: int,
) -> int:
    """Fill the checkpoints before the step that changes something next; return the next due.

    Only ``rows``, shape (n, d), can be unfitted, so only they are evaluated.
    """
    k = counters[RECORDED]
    if k < recorder.steps.size and recorder.steps[k] < step_of_change:
        unfitted, loss = training_state(rows, w, threshold)
        while k < recorder.steps.size and recorder.steps[k] < step_of_change:
            for j in range(w.size):
                recorder.w[k, j] = w[j]
            recorder.unfitted[k] = unfitted
            recorder.loss[k] = loss
            k += 1
        counters[RECORDED] = k
    return recorder.steps[k] if k < recorder.steps.size else NEVER


@compiled
def write_counts(counters: IntArray, step: int, last_update: int, updates: int, hits: int) -> None:
    """Write the counts that a loop has in local variables."""
    counters[STEPS_DONE] = step
    counters[LAST_UPDATE_STEP] = last_update
    counters[UPDATES] = updates
    counters[HITS] = hits
