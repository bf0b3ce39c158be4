"""Dynamics of a kernel machine other than SGD: shuffled epochs, SDEs of its noise, Poisson hits.

In natural units f = K v with v = y c, as for SGD (``kernel_sgd``), but c need not count hits. An
SDE gives each unfitted sample a normal increment. Drift and covariance are those that ``sde`` has
for weights, with y_mu y_nu K_munu for the products of samples. No root of K is formed, and f = K v
stays exact.
"""

import math

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import shuffle_head
from perceptron_sim.kernels.dynamics import CENTRED, POISSON, SHUFFLED, UNCENTRED
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.kernel_sgd import (
    HITS,
    LAST_UPDATE_STEP,
    STEP,
    UPDATES,
    KernelState,
    record_marks,
)
from perceptron_sim.kernels.sde import draw_hits, draw_moves
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES


@compiled
def kernel_noise(
    rows: NDArray[np.floating],
    y: FloatArray,
    threshold: float,
    B: int,
    rng: np.random.Generator,
    order: IntArray,
    limits: IntArray,
    stop: IntArray,
    kernel_state: KernelState,
    refine: int,
    kind: int,
) -> int:
    """Go on until every sample is fitted or a limit is met.

    A step lasts T / ``refine``, or eta / ``refine`` if ``kind`` is UNCENTRED or SHUFFLED.

    Args:
        rows: all of K, shape (>= P, >= P), float32 or float64.
        y, threshold, rng, limits, stop: as in ``kernel_sgd``.
        B: batch size.
        order: a permutation of the samples, shape (P,), reordered in place by SHUFFLED.
        kernel_state: as in ``kernel_sgd``, but ``hit_counts`` are numbers; changed in place.
        refine: steps in the time of one.
        kind: CENTRED, UNCENTRED, POISSON or SHUFFLED of ``kernels.dynamics``.

    Returns:
        A code of ``kernels.status``.
    """
    P, state = y.size, kernel_state.state
    margins = kernel_state.margins
    unfitted, weights = np.empty(P, np.int64), np.empty(P)
    drift = (B if kind == UNCENTRED else 1.0) / P / refine
    amplitude = math.sqrt(drift)
    if kind == CENTRED:
        amplitude = math.sqrt((P - B) / (P - 1.0) / P / refine) if P > 1 else 0.0
    per_epoch = P // B
    while True:
        k = 0
        for i in range(P):
            if margins[i] < threshold:
                unfitted[k] = i
                k += 1
        if k == 0:
            return FITTED
        if state[UPDATES] >= limits[1]:
            return MAX_UPDATES
        if stop[0] != 0:
            return INTERRUPTED
        target = state[STEP] + 1
        if kind == POISSON:
            # In steps without a hit, probability exp(-k drift), nothing changes.
            wait = math.floor(-math.log(1.0 - rng.random()) / (k * drift))
            target += int(min(wait, float(limits[0])))
        n_hit = 0
        while kind == SHUFFLED and n_hit == 0 and target <= limits[0]:
            first = ((target - 1) % per_epoch) * B
            if first == 0:
                shuffle_head(rng, order, P, P - 1)
            for i in order[first : first + B]:
                if margins[i] < threshold:
                    unfitted[n_hit] = i
                    weights[n_hit] = 1.0
                    n_hit += 1
            target += n_hit == 0
        if target > limits[0]:
            state[STEP] = limits[0]
            return MAX_STEPS
        record_marks(kernel_state, P, threshold, target)
        state[STEP] = state[LAST_UPDATE_STEP] = target
        state[UPDATES] += 1
        if kind == SHUFFLED:
            k = n_hit
            state[HITS] += n_hit
        elif kind == POISSON:
            state[HITS] += draw_hits(rng, k * drift, weights[:k])
        else:
            draw_moves(rng, drift, amplitude, P if kind == CENTRED else 0, weights[:k])
        for a in range(k):
            if weights[a] != 0.0:
                nu = unfitted[a]
                kernel_state.hit_counts[nu] += weights[a]
                move = y[nu] * weights[a]
                for i in range(P):
                    margins[i] += y[i] * move * rows[nu, i]
