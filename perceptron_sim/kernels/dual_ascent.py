"""Greedy coordinate ascent of the dual of the hard-margin machine without bias.

The dual is to maximise sum_i a_i - a.Q.a / 2 over a >= 0, with Q_ij = y_i y_j K_ij. Its slope
is g = 1 - Q a, one minus the margins. Each step moves the coordinate that gains most. After as
many steps as there are samples, the whole move is stretched as far as it gains. This is faster than
single coordinates, and shows at once a direction in which the dual has no bound.

libsvm (scikit-learn's one-class machine of y y' K) takes half the time, but keeps rows of the
kernel in single precision. Its gap stops at 5e-6 to 1e-5, and it needs all of K in memory twice.
"""

import math

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled

# Largest stretch of a move that nothing bounds.
_FAR = 1e9


@compiled
def dual_ascent(
    K: NDArray[np.floating],
    y: FloatArray,
    active: IntArray,
    dual: FloatArray,
    slope: FloatArray,
    gap: float,
    steps: int,
) -> tuple[float, int]:
    """Ascend over the samples of ``active`` until their gap is reached or steps are spent.

    Args:
        K: kernel, shape (>= P, >= P), float32 or float64; positive diagonal.
        y: labels, shape (P,).
        active: samples that may move, ascending, shape (n,).
        dual: weights a >= 0, shape (P,), changed in place.
        slope: 1 - Q a of the active samples, shape (n,), changed in place.
        gap: relative gap between primal and dual norm at which to end.
        steps: largest number of moved coordinates.

    Returns:
        The relative gap over the active samples, and the number of steps.
    """
    n = active.size
    before, slope_before = np.empty(n), np.empty(n)
    diagonal, a, signs = np.empty(n), np.empty(n), np.empty(n)
    for j in range(n):
        i = active[j]
        diagonal[j], a[j], signs[j] = K[i, i], dual[i], y[i]
    done, reached = 0, relative_gap(a, slope)
    while done < steps and reached > gap:
        before[:], slope_before[:] = a, slope
        for _ in range(n):
            best, gain = -1, 0.0
            for j in range(n):
                move = max(slope[j] / diagonal[j], -a[j])
                gained = move * (slope[j] - 0.5 * move * diagonal[j])
                if gained > gain:
                    best, gain = j, gained
            if best < 0:
                break
            move = max(slope[best] / diagonal[best], -a[best])
            a[best] = max(a[best] + move, 0.0)
            row, signed = K[active[best]], move * signs[best]
            for j in range(n):
                slope[j] -= signed * signs[j] * row[active[j]]
            done += 1
        _stretch(a, slope, before, slope_before)
        reached = relative_gap(a, slope)
        if best < 0:
            break
    for j in range(n):
        dual[active[j]] = a[j]
    return reached, done


@compiled
def _stretch(
    a: FloatArray, slope: FloatArray, before: FloatArray, slope_before: FloatArray
) -> None:
    """Go on in the direction of the last move as far as the dual rises and a >= 0."""
    rise = curvature = 0.0
    most = _FAR
    for j in range(a.size):
        move = a[j] - before[j]
        rise += slope[j] * move
        curvature += move * (slope_before[j] - slope[j])
        if move < 0.0:
            most = min(most, a[j] / -move)
    if rise <= 0.0:
        return
    length = most if curvature * most <= rise else rise / curvature
    for j in range(a.size):
        a[j] = max(a[j] + length * (a[j] - before[j]), 0.0)
        slope[j] += length * (slope[j] - slope_before[j])


@compiled
def relative_gap(a: FloatArray, slope: FloatArray) -> float:
    """Return primal over dual norm less one, inf where no margin is positive.

    With margins m = 1 - slope the weights over min m fit with margin 1, of norm |w| / min m;
    for any a the least norm is at least sum a / |w|.
    """
    squared, total, least = 0.0, 0.0, math.inf
    for j in range(a.size):
        squared += a[j] * (1.0 - slope[j])
        total += a[j]
        least = min(least, 1.0 - slope[j])
    if least <= 0.0 or total <= 0.0:
        return math.inf
    return max(squared / (least * total) - 1.0, 0.0)
