"""The chain of (w_1, |w_perp|) on fresh samples, step by step; also with the JIT off."""

import math

import numpy as np
import pytest

from perceptron_sim import InputError, simulate_online
from perceptron_sim.kernels.online import online_sgd

pytestmark = pytest.mark.jit_free


def _run(chi: float, d: int, B: int, threshold: float, n: int, seed: int = 1):
    steps = np.arange(1, n + 1)
    w1, w_perp = np.empty(n), np.empty(n)
    online_sgd(np.random.default_rng(seed), chi, d, B, threshold, steps, w1, w_perp)
    return w1, w_perp


def _by_hand(chi: float, d: int, B: int, threshold: float, n: int, seed: int = 1):
    """The same chain with NumPy's own draws, in the same order."""
    rng, w1, w_perp, course = np.random.default_rng(seed), 0.0, 0.0, []
    for _ in range(n):
        z = [(math.sqrt(2 * rng.standard_gamma((chi + 1) / 2)), rng.normal()) for _ in range(B)]
        hit = [(u, g) for u, g in z if (w1 * u + w_perp * g) / math.sqrt(d) < threshold]
        if hit:
            w1 += sum(u for u, _ in hit) / math.sqrt(d)
            along = w_perp + sum(g for _, g in hit) / math.sqrt(d)
            across = len(hit) * rng.chisquare(d - 2) / d if d > 2 else 0.0
            w_perp = math.sqrt(along**2 + across)
        course.append((w1, w_perp))
    return np.array(course).T


@pytest.mark.parametrize(
    ("chi", "d", "B", "threshold"),
    [(0.0, 2, 1, 1e-300), (1.0, 7, 3, 1e-300), (-0.5, 16, 2, 0.8), (3.0, 64, 5, 20.0)],
)
def test_the_chain_is_that_of_its_definition(chi: float, d: int, B: int, threshold: float) -> None:
    measured = _run(chi, d, B, threshold, 60)
    expected = _by_hand(chi, d, B, threshold, 60)
    np.testing.assert_allclose(measured, expected, rtol=1e-9)
    assert np.all(np.diff(measured[0]) >= 0.0)


def test_results_have_units_and_replicas_of_their_own() -> None:
    one = simulate_online([4.0, 40.0], chi=1.0, d=8, B=2, T=1.0, kappa=0.5, replicas=3, seed=2)
    assert one.w1.shape == one.w_perp.shape == (3, 2)
    assert len(set(one.w1[:, -1])) == 3
    scaled = simulate_online([8.0, 80.0], chi=1.0, d=8, B=2, T=2.0, kappa=1.0, replicas=3, seed=2)
    np.testing.assert_array_equal(scaled.w1, 2 * one.w1)
    np.testing.assert_array_equal(scaled.t, 2 * one.t)


def test_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match="t must be positive"):
        simulate_online([0.0])
    with pytest.raises(InputError, match="replicas = 0 is too small"):
        simulate_online([1.0], replicas=0)
    with pytest.raises(InputError, match="0 < T < inf"):
        simulate_online([1.0], T=0.0)
