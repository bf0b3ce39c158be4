"""The perceptron's own data, with labels unfolded, so that nets can run where theory is known."""

import numpy as np

from nets.data.images import Subsets
from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.sampler import sample_folded

# Samples are drawn so many at a time, so that a smaller set is the beginning of a larger one.
_BLOCK = 256


def draw_nested(
    n: int, d: int, chi: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw n samples (n, d) and labels (n,), the first of any larger number from this stream."""
    blocks = [draw_teacher_data(_BLOCK, 0, d, chi, rng) for _ in range(-(-n // _BLOCK))]
    x = np.concatenate([np.zeros((0, d)), *(block.x for block in blocks)])
    return x[:n], np.concatenate([np.zeros(0), *(block.y for block in blocks)])[:n]


def draw_teacher_data(P: int, P_test: int, d: int, chi: float, rng: np.random.Generator) -> Subsets:
    """Draw samples x = y z of the teacher y = sign(x_1), density ~ |x_1|^chi (docs/theory.md (1)).

    Args:
        P, P_test: numbers of training and test samples.
        d: input dimension, >= 2.
        chi: density exponent at the boundary, > -1.
        rng: source of randomness; advanced in place.
    """
    z = sample_folded(rng, P + P_test, d, chi)
    y = np.where(rng.random(P + P_test) < 0.5, -1.0, 1.0)
    x = z * y[:, None]
    return Subsets(x=x[:P], y=y[:P], x_test=x[P:], y_test=y[P:])
