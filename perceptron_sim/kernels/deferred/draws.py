"""Random draws: binomial numbers of any size, and samples given the shell they lie in."""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.deferred.population import Population
from perceptron_sim.kernels.jit import compiled

_FEW = 32.0


@compiled
def draw_binomial(rng: np.random.Generator, n: int, p: float) -> int:
    """Draw from the binomial law, exactly to rounding for n up to 2^62.

    While the mean is large, an order statistic of the n uniform numbers, which is Beta-distributed,
    settles on which side of p most of them are; about the square root of the mean is left.
    """
    drawn, sign = 0, 1
    while n > 0 and p > 0.0:
        if p > 0.5:
            drawn += sign * n
            sign = -sign
            p = 1.0 - p
        elif n * p < _FEW:
            # From one success to the next.
            rate = -1.0 / math.log1p(-p)
            left = float(n)
            while True:
                left -= 1.0 + math.floor(rng.standard_exponential() * rate)
                if left < 0.0:
                    return drawn
                drawn += sign
        else:
            middle = int(n * p)
            x = rng.standard_gamma(float(middle))
            x /= x + rng.standard_gamma(n - middle + 1.0)
            if x <= p:
                drawn += sign * middle
                n -= middle
                p = (p - x) / (1.0 - x)
            else:
                n = middle - 1
                p /= x
    return drawn


@compiled
def draw_between(
    rng: np.random.Generator,
    data: Population,
    outer: tuple[float, float],
    inner: tuple[float, float],
    mode: float,
    ratio: float,
    by_power: bool,
) -> tuple[float, float]:
    """Draw (u, v) from the population given that it lies between two lines (a, s).

    Either from the whole population, until it lies there, or from v^(d-2) exp(-v^2/2) u^chi below
    the outer line and above ``ratio`` times it, a region that holds the shell. Then v has a density
    whose logarithm bends by 1 at least, so a normal one at its mode is an envelope.

    Args:
        rng: the stream.
        data: the population.
        outer: outer line of the shell.
        inner: its inner line; (0, 0) if there is none.
        mode: where (a + s v)^p v^(d-2) exp(-v^2/2) of the outer line is largest.
        ratio: least ratio of the inner line to the outer one.
        by_power: which of the two ways.
    """
    p, d = data.power, data.d
    (a, s), (inner_a, inner_s) = outer, inner
    if not by_power:
        while True:
            u = math.sqrt(2.0 * rng.standard_gamma(0.5 * p))
            v = math.sqrt(2.0 * rng.standard_gamma(0.5 * (d - 1)))
            if inner_a + inner_s * v <= u < a + s * v:
                return u, v
    least = ratio**p
    while True:
        v = mode + rng.standard_normal()
        if v <= 0.0:
            continue
        top = a + s * v
        log_odds = p * math.log(top / (a + s * mode)) - mode * (v - mode)
        if d > 2:
            log_odds += (d - 2) * math.log(v / mode)
        if rng.standard_exponential() < -log_odds:
            continue
        u = top * (least + rng.random() * (1.0 - least)) ** (1.0 / p)
        if u >= inner_a + inner_s * v and rng.standard_exponential() >= 0.5 * u * u:
            return u, v


@compiled
def draw_direction(rng: np.random.Generator, u: float, v: float, rows: FloatArray, i: int) -> float:
    """Write the features of a sample with this u and v into row i; return their |phi_perp|."""
    d = rows.shape[1]
    scale = 1.0 / math.sqrt(d)
    total = 0.0
    while total == 0.0:
        for j in range(1, d):
            z = rng.standard_normal()
            rows[i, j] = z
            total += z * z
    rows[i, 0] = u * scale
    norm = v * scale
    factor = norm / math.sqrt(total)
    for j in range(1, d):
        rows[i, j] *= factor
    return norm
