"""Weights from counts against exact rational arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from perceptron_sim.kernels.exact_weights import restore_weights

pytestmark = pytest.mark.jit_free


def test_sums_are_right_to_the_last_bits() -> None:
    rng = np.random.default_rng(0)
    features = rng.standard_normal((50, 3))
    features[25:] = -features[:25] * (1 + 1e-12)
    counts = rng.integers(0, 2**40, 50)
    counts[25:] = counts[:25]
    counts[[3, 28]] = 2**52 + 1
    w = np.empty(3)
    restore_weights(features, counts, w)
    for j in range(3):
        exact = sum(
            Fraction(float(x)) * int(c) for x, c in zip(features[:, j], counts, strict=True)
        )
        assert abs(Fraction(float(w[j])) - exact) <= abs(exact) * Fraction(1, 2**50)
    naive = counts.astype(float) @ features
    assert np.max(np.abs(naive / w - 1)) > 1e-9
