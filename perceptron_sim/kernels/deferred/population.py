"""The law of the data as the certificate sees it: u = z_1 and v = |z_perp|.

u^2 is chi^2-distributed with 1 + chi degrees of freedom and v^2 with d - 1, independently; the
direction of z_perp is uniform (docs/theory.md (1)). What lies below a line u < a + s v is measured
by one quadrature over v.
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.jit import compiled

# Nodes are kept where the density of v is above this part of its maximum.
_NEGLIGIBLE = 1e-22


class Population(NamedTuple):
    """The distribution that samples are drawn from.

    Attributes:
        power: p = 1 + chi; the distribution function of u goes as u^p at 0.
        d: dimension.
        nodes: values of v, shape (n,).
        weights: of the nodes; they sum to 1, shape (n,).
    """

    power: float
    d: int
    nodes: FloatArray
    weights: FloatArray


@functools.lru_cache(maxsize=64)
def population(chi: float, d: int) -> Population:
    """Return the population of a configuration.

    The rule is the trapezoid in x, v = exp(x - exp(-x)): v has no branch point on the way to 0,
    and the integrand falls off doubly exponentially at both ends. The error is below 1e-12 of the
    result up to chi = 20, at every d.
    """
    step = 0.24 / math.sqrt(d + 3.0 + max(chi, 0.0))
    largest = 9.0 + 2.0 * math.sqrt(d) + math.sqrt(1.0 + chi)
    x = np.arange(-4.0, math.log(largest), step)
    log_v = x - np.exp(-x)
    log_density = (d - 1) * log_v - 0.5 * np.exp(2.0 * log_v) + np.log1p(np.exp(-x))
    kept = log_density > np.max(log_density) + math.log(_NEGLIGIBLE)
    weights = np.exp(log_density[kept] - np.max(log_density))
    return Population(1.0 + chi, d, np.exp(log_v[kept]), weights / np.sum(weights))


@compiled
def lower_gamma(alpha: float, y: float) -> float:
    """Return the regularised lower incomplete gamma function P(alpha, y).

    By its power series below alpha + 1, and by the continued fraction of 1 - P above.
    """
    if not y > 0.0:
        return 0.0
    if y == math.inf:
        return 1.0
    front = math.exp(alpha * math.log(y) - y - math.lgamma(alpha + 1.0))
    if y < alpha + 1.0:
        term = 1.0
        total = 1.0
        k = alpha
        while term > 1e-17 * total:
            k += 1.0
            term *= y / k
            total += term
        return front * total
    # Lentz's method.
    b = y + 1.0 - alpha
    c = 1e300
    inverse = 1.0 / b
    h = inverse
    for i in range(1, 10_000):
        a = -i * (i - alpha)
        b += 2.0
        inverse = 1.0 / (a * inverse + b)
        c = b + a / c
        h *= inverse * c
        if abs(inverse * c - 1.0) < 1e-16:
            break
    return 1.0 - front * alpha * h


@compiled
def below(power: float, x: float) -> float:
    """Return P(u < x)."""
    return lower_gamma(0.5 * power, 0.5 * x * x) if x > 0.0 else 0.0


@compiled
def mean_below(power: float, x: float) -> float:
    """Return E[u; u < x]."""
    if x <= 0.0:
        return 0.0
    half = 0.5 * power
    mean = math.sqrt(2.0) * math.exp(math.lgamma(half + 0.5) - math.lgamma(half))
    return mean * lower_gamma(half + 0.5, 0.5 * x * x)


@compiled
def mass(data: Population, a: float, s: float) -> float:
    """Return P(u < a + s v)."""
    total = 0.0
    for i in range(data.nodes.size):
        total += data.weights[i] * below(data.power, a + s * data.nodes[i])
    return total


@compiled
def power_mass(data: Population, a: float, s: float) -> float:
    """Return what ``mass`` would be without the factor exp(-u^2/2) of the density of u."""
    total = 0.0
    for i in range(data.nodes.size):
        total += data.weights[i] * (a + s * data.nodes[i]) ** data.power
    half = 0.5 * data.power
    return total * math.exp(-half * math.log(2.0) - math.lgamma(half + 1.0))


@compiled
def most_likely(data: Population, a: float, s: float) -> float:
    """Return the v at which (a + s v)^p v^(d-2) exp(-v^2/2) is largest, by bisection."""
    low, high = 0.0, math.sqrt(data.d + data.power)
    for _ in range(40):
        v = 0.5 * (low + high)
        if data.power * s / (a + s * v) + (data.d - 2) / v > v:
            low = v
        else:
            high = v
    return 0.5 * (low + high)
