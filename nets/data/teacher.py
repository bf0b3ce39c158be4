"""The perceptron's own data, with labels unfolded, so that nets can run where theory is known."""

import numpy as np

from nets.data.images import Subsets
from perceptron_sim.kernels.sampler import sample_folded


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
