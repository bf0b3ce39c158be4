"""What every kernel of a run writes: counters and checkpoints."""

from typing import NamedTuple

from perceptron_sim.arrays import FloatArray, IntArray

# Places in the counter array.
LAST_UPDATE_STEP, UPDATES, HITS, STEPS_DONE, RECORDED, RESTORE_AT, PAUSE_AT = range(7)
N_COUNTERS = 7


class Recorder(NamedTuple):
    """Where a kernel writes its checkpoints.

    Attributes:
        steps: the step numbers at which to record, increasing, shape (n,).
        w: weights after that many steps, natural units, shape (n, d).
        unfitted: number of unfitted training samples, or its mean given what is known, shape (n,).
        loss: sum of threshold - margin over the unfitted samples, or its mean, shape (n,).
        exact: 0 where the numbers are means, else 1, shape (n,).
    """

    steps: IntArray
    w: FloatArray
    unfitted: FloatArray
    loss: FloatArray
    exact: IntArray
