"""The law of the batches that change nothing, and of the first one that changes something.

Let K of P samples be marked. A batch of B distinct samples holds none of them with probability
C(P-K, B) / C(P, B), docs/kernels.md (1). The number of steps to the next batch that holds some is
geometric. The number of marked samples in it is hypergeometric, conditioned on being positive.
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.jit import compiled

# Waits and products up to here are exact; a longer wait ends any run.
_LARGEST = 1 << 62


@compiled
def log_null(P: int, K: int, B: int) -> float:
    """Return ln of the probability that a batch of B holds none of K marked samples of P."""
    if P - K < B:
        return -math.inf
    few, many = min(B, K), max(B, K)
    total = 0.0
    for i in range(few):
        total += math.log1p(-many / (P - i))
    return total


@compiled
def one_given_some(P: int, K: int, B: int, log_q: float) -> float:
    """Return P(batch holds exactly one marked sample | it holds some); ``log_q`` = log_null.

    It is zero where no batch can be without marked samples. Then ``draw_marked`` decides.
    """
    if P - K < B:
        return 0.0
    if B == 1 or K == 1:
        return 1.0
    return math.exp(log_q) * K * B / ((P - K - B + 1) * -math.expm1(log_q))


@compiled
def extend_laws(
    P: int,
    B: int,
    known: int,
    wanted: int,
    log_q: FloatArray,
    inverse: FloatArray,
    one: FloatArray,
) -> int:
    """Fill tables of the laws by number K of marked samples, from known + 1 to wanted.

    Args:
        P, B: numbers of samples and of samples in a batch.
        known: largest K filled already; ``log_q[0]`` is 0.
        wanted: largest K to fill.
        log_q: ln P(null), as ``log_null``.
        inverse: -1 / log_q, for ``draw_wait``.
        one: as ``one_given_some``.

    Returns:
        The largest K filled.
    """
    for K in range(known + 1, wanted + 1):
        # C(P-K, B) / C(P-K+1, B) = (P-K+1-B) / (P-K+1).
        log_q[K] = -math.inf
        if P - K + 1 > B:
            log_q[K] = log_q[K - 1] + math.log1p(-B / (P - K + 1))
        inverse[K] = -1.0 / log_q[K]
        one[K] = one_given_some(P, K, B, log_q[K])
    return max(known, wanted)


@compiled
def draw_marked(rng: np.random.Generator, P: int, K: int, B: int, low: int) -> int:
    """Draw the number of marked samples in a batch, given that it is at least ``low``.

    Inversion from the mode outwards: ratios of neighbouring probabilities are rational, so
    nothing cancels, overflows or underflows.
    """
    low = max(low, B - (P - K))
    high = min(B, K)
    if low == high:
        return low
    mode = (B + 1) * (K + 1) // (P + 2) if K < _LARGEST // (B + 1) else int((B + 1) * ((K + 1) / P))
    mode = min(max(mode, low), high)
    total = 1.0
    weight = 1.0
    for h in range(mode, high):
        weight *= (K - h) * (B - h) / ((h + 1.0) * (P - K - B + h + 1))
        total += weight
        if weight < 1e-18 * total:
            break
    weight = 1.0
    for h in range(mode, low, -1):
        weight *= h * (P - K - B + h) / ((K - h + 1.0) * (B - h + 1))
        total += weight
        if weight < 1e-18 * total:
            break
    left = rng.random() * total - 1.0
    if left < 0.0:
        return mode
    weight = 1.0
    for h in range(mode, high):
        weight *= (K - h) * (B - h) / ((h + 1.0) * (P - K - B + h + 1))
        left -= weight
        if left < 0.0:
            return h + 1
        if weight < 1e-18 * total:
            break
    weight = 1.0
    for h in range(mode, low, -1):
        weight *= h * (P - K - B + h) / ((K - h + 1.0) * (B - h + 1))
        left -= weight
        if left < 0.0:
            return h - 1
        if weight < 1e-18 * total:
            break
    # Rounding left a remainder below 1e-15: it belongs to the most likely outcome.
    return mode


@compiled
def draw_wait(rng: np.random.Generator, inverse: float) -> int:
    """Draw the number of steps to the next non-null one, itself included.

    Geometric, as the integer part of an exponential variable; ``inverse`` = -1 / ln P(null), 0 if
    no step can be null.
    """
    if inverse == 0.0:
        return 1
    return 1 + int(min(rng.standard_exponential() * inverse, _LARGEST - 1024.0))


@compiled
def draw_null_steps(rng: np.random.Generator, log_q: float, count: int) -> int:
    """Draw how many null steps precede ``count`` non-null ones; ``log_q`` = ln P(null).

    The sum of geometric variables is negative binomial: a Poisson variable whose mean is
    Gamma(count) distributed.
    """
    if log_q == -math.inf:
        return 0
    if count == 1:
        return draw_wait(rng, -1.0 / log_q) - 1
    if log_q > -(2.0**-32):
        # The waits are so long that their fractions of a step are uniform.
        wait = rng.standard_gamma(float(count)) / -log_q - 0.5 * count
        return int(min(max(wait, 0.0), _LARGEST - 1024.0))
    odds = math.exp(log_q) / -math.expm1(log_q)
    return int(rng.poisson(rng.standard_gamma(float(count)) * odds))
