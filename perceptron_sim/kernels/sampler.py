"""Training data of the perceptron: density |x_1|^chi exp(-x_1^2/2) at the boundary."""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray


def sample_folded(rng: np.random.Generator, P: int, d: int, chi: float) -> FloatArray:
    """Draw P label-folded samples z = y x of the teacher y = sign(x_1): docs/theory.md (1).

    z_1 = |x_1| = sqrt(2 G), G ~ Gamma((chi+1)/2), has density ~ |x_1|^chi exp(-x_1^2/2). The
    other coordinates are N(0, 1). Folding keeps this law, since it is symmetric.

    Args:
        rng: source of randomness; advanced in place.
        P: number of samples.
        d: dimension of the input, >= 2.
        chi: density exponent at the boundary, > -1.

    Returns:
        z, shape (P, d), float64, C-contiguous, z[:, 0] >= 0.
    """
    z = np.empty((P, d))
    z[:, 0] = rng.standard_gamma(0.5 * (chi + 1.0), size=P)
    np.sqrt(2.0 * z[:, 0], out=z[:, 0])
    # Blocks of rows avoid a second array of the size of the data.
    rows = max(1, (1 << 20) // d)
    for start in range(0, P, rows):
        block = z[start : start + rows, 1:]
        block[...] = rng.standard_normal(block.shape)
    return z


def abs_x1_cdf(x: FloatArray, chi: float) -> FloatArray:
    """Return the distribution function of |x_1|: the chi law with 1 + chi degrees of freedom."""
    from scipy import special

    return np.asarray(special.gammainc(0.5 * (chi + 1.0), 0.5 * np.square(x)))


def memory_bytes(P: int, d: int) -> int:
    """Return the memory that one run's data takes, in bytes: samples, features, bookkeeping."""
    return 8 * P * (2 * d + 4) + 8 * math.ceil((1 << 20) / d) * d
