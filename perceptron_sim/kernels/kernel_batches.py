"""SGD of a kernel machine that draws every batch: for tests, and for comparison with trained nets.

It draws batches as training does. So the same stream gives the same batches.
"""

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import draw_batch
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.kernel_sgd import (
    HITS,
    LAST_UPDATE_STEP,
    NEED_REFRESH,
    REFRESH_AT,
    REFRESH_HITS,
    STEP,
    UPDATES,
    KernelState,
    add_signed,
    record_marks,
)
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES


@compiled
def kernel_batches(
    rows: FloatArray,
    y: FloatArray,
    threshold: float,
    rng: np.random.Generator,
    order: IntArray,
    batch: IntArray,
    limits: IntArray,
    stop: IntArray,
    kernel_state: KernelState,
) -> int:
    """Go on until every sample is fitted, a limit is met, or margins should be computed anew.

    Args:
        rows: all of K, shape (>= P, >= P), float32 or float64.
        y, threshold, rng, limits, stop, kernel_state: as in ``kernel_sgd``.
        order: as in ``draw_batch``.
        batch: space for one batch, shape (B,).

    Returns:
        A code of ``kernels.status``, or NEED_REFRESH.
    """
    margins, hit_counts = kernel_state.margins, kernel_state.hit_counts
    pending, state = kernel_state.pending, kernel_state.state
    P = y.size
    places = np.arange(P)
    while True:
        first = 0
        while first < P and margins[first] >= threshold:
            first += 1
        if first == P:
            return FITTED
        if state[UPDATES] >= limits[1]:
            return MAX_UPDATES
        n_hit = 0
        while n_hit == 0:
            if stop[0] != 0:
                return INTERRUPTED
            if state[STEP] >= limits[0]:
                return MAX_STEPS
            state[STEP] += 1
            draw_batch(rng, P, order, batch)
            for i in batch:
                if margins[i] < threshold:
                    pending[n_hit] = i
                    n_hit += 1
        record_marks(kernel_state, P, threshold, state[STEP])
        add_signed(margins, y, rows, places, pending[:n_hit])
        for i in pending[:n_hit]:
            hit_counts[i] += 1
        state[HITS] += n_hit
        state[UPDATES] += 1
        state[LAST_UPDATE_STEP] = state[STEP]
        if state[HITS] >= state[REFRESH_AT]:
            state[REFRESH_AT] = state[HITS] + REFRESH_HITS
            return NEED_REFRESH
