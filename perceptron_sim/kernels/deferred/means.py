"""How many unseen samples are unfitted on average, and their loss: shell by shell.

With z_perp = v times a direction at an angle phi to -w_perp, a sample is unfitted if
u < A = (threshold sqrt(d) + |w_perp| v cos phi) / w_1; its threshold - margin is then
(A - u) w_1 / sqrt(d). Over all samples v cos phi is standard normal, which leaves one quadrature.
What lies beyond the line of an inner shell takes two; it is often nothing.
"""

import math

import numpy as np

from perceptron_sim.kernels.deferred.population import Population, below, mean_below
from perceptron_sim.kernels.deferred.shells import MASS, A, S, Shells
from perceptron_sim.kernels.jit import compiled

# Gauss-Legendre on (0, 1).
_NODES = 0.5 + 0.5 * np.polynomial.legendre.leggauss(8)[0]
_WEIGHTS = 0.5 * np.polynomial.legendre.leggauss(8)[1]
_STEP = 0.06
# Means are good to six digits with every second node of v, and without those of less weight.
_STRIDE, _LIGHT = 2, 1e-8


@compiled
def unfitted_in_all(data: Population, shift: float, spread: float) -> tuple[float, float]:
    """Return P(u < A) and E[A - u; u < A] for A = shift + spread g, g standard normal."""
    ratio = shift / spread
    fraction, gap = 0.0, 0.0
    if ratio > 6.0:
        # A is positive but for a part of 1e-9: the trapezoid in g.
        for i in range(-32, 33):
            g = 0.25 * i
            weight = 0.25 * math.exp(-0.5 * g * g) / math.sqrt(2.0 * math.pi)
            top = max(shift + spread * g, 0.0)
            part = below(data.power, top)
            fraction += weight * part
            gap += weight * (top * part - mean_below(data.power, top))
        return fraction, gap
    # As in ``population``: A = spread exp(x - exp(-x)).
    x = -3.6
    while x < math.log(ratio + 10.0):
        y = math.exp(x - math.exp(-x))
        weight = _STEP * y * (1.0 + math.exp(-x)) * math.exp(-0.5 * (y - ratio) ** 2)
        weight /= math.sqrt(2.0 * math.pi)
        part = below(data.power, spread * y)
        fraction += weight * part
        gap += weight * (spread * y * part - mean_below(data.power, spread * y))
        x += _STEP
    return fraction, gap


@compiled
def unfitted_beyond(
    data: Population, shift: float, spread: float, a: float, s: float
) -> tuple[float, float]:
    """Return P(a + s v < u < A) and E[A - u; a + s v < u < A] for A = shift + spread v cos phi.

    The line (a, s) is not below (shift, 0).
    """
    fraction, gap = 0.0, 0.0
    if s >= spread and a >= shift:
        return fraction, gap
    d = data.d
    norm = math.inf
    if d > 2:
        norm = math.exp(math.lgamma(0.5 * (d - 2)) - math.lgamma(0.5 * (d - 1)))
        norm *= math.sqrt(math.pi)
    for i in range(0, data.nodes.size, _STRIDE):
        v = data.nodes[i]
        line = a + s * v
        least = (line - shift) / (spread * v)
        if least >= 1.0 or data.weights[i] < _LIGHT:
            continue
        under, mean_under = below(data.power, line), mean_below(data.power, line)
        largest = math.acos(least)
        width = min(largest, 7.0 / math.sqrt(d))
        for j in range(_NODES.size if d > 2 else 1):
            phi = largest - width * _NODES[j] if d > 2 else 0.0
            weight = 0.5 * _STRIDE * data.weights[i]
            if d > 2:
                weight *= 2.0 * width * _WEIGHTS[j] * math.sin(phi) ** (d - 3) / norm
            top = shift + spread * v * math.cos(phi)
            part = below(data.power, top) - under
            fraction += weight * part
            gap += weight * (top * part - mean_below(data.power, top) + mean_under)
    return fraction, gap


@compiled
def unfitted_unseen(
    data: Population, shells: Shells, last: int, w_1: float, radius: float, threshold: float
) -> tuple[float, float]:
    """Return the mean number of unfitted ones among the unseen samples, and their mean loss.

    Args:
        data, shells: the unseen samples.
        last: no sample outside shells 0..last can be unfitted.
        w_1: signal; 0 only at the start.
        radius: |w_perp|.
        threshold: kappa / T; the loss is the sum of threshold - margin, as in ``Recorder``.
    """
    lines = shells.lines
    if not w_1 > 0.0:
        return float(shells.unseen[0]), shells.unseen[0] * threshold
    shift, spread = threshold * math.sqrt(data.d) / w_1, radius / w_1
    number, loss = 0.0, 0.0
    outside, outside_gap = unfitted_in_all(data, shift, spread)
    inner_mass = 0.0
    for k in range(last + 1):
        beyond, gap = 0.0, 0.0
        if k < last and shells.unseen[k] + shells.unseen[k + 1] > 0:
            beyond, gap = unfitted_beyond(data, shift, spread, lines[k, A], lines[k, S])
        each = shells.unseen[k] / (lines[k, MASS] - inner_mass)
        number += each * (outside - beyond)
        loss += each * (outside_gap - gap)
        outside, outside_gap, inner_mass = beyond, gap, lines[k, MASS]
    return number, loss * w_1 / math.sqrt(data.d)
