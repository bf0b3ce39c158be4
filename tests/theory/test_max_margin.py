"""The hard-margin norm against another solver, against Gordon's bound, and bad input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import optimize

from perceptron_sim import InputError, max_margin_norm
from perceptron_sim.kernels.sampler import sample_folded
from perceptron_sim.testing.strategies import gram_matrices
from perceptron_sim.theory import MaxMargin, Separability, minimal_signal
from perceptron_sim.theory.integrals import excess


def _least_distance(K: np.ndarray, y: np.ndarray) -> float:
    """Return the norm by least-distance programming (Lawson & Hanson, ch. 23); inf if none."""
    values, vectors = np.linalg.eigh(K)
    kept = values > 1e-12 * values[-1]
    features = y[:, None] * vectors[:, kept] * np.sqrt(values[kept])
    system = np.vstack([features.T, np.ones(len(y))])
    target = np.append(np.zeros(kept.sum()), 1.0)
    weights, _ = optimize.nnls(system, target, maxiter=100 * len(y))
    rest = system @ weights - target
    return float(np.linalg.norm(rest[:-1] / rest[-1])) if -rest[-1] > 1e-8 else math.inf


def _holds(found: MaxMargin, K: np.ndarray, y: np.ndarray, gap: float) -> None:
    """Check the certificate from the weights alone."""
    f = K @ (y * found.dual)
    squared = found.dual @ (y * f)
    assert np.min(y * f) == pytest.approx(1.0, abs=1e-9)
    assert math.sqrt(squared) == pytest.approx(found.omega, rel=1e-9)
    lower = found.dual.sum() / math.sqrt(squared)
    assert found.omega / lower - 1.0 <= gap + 1e-9
    assert found.gap <= gap
    assert found.margin * found.omega == pytest.approx(1.0)
    assert found.support.tolist() == np.flatnonzero(found.dual).tolist()


@given(case=gram_matrices())
@settings(max_examples=50, deadline=None)
def test_the_norm_is_that_of_another_solver(case) -> None:
    K, y = case
    found = max_margin_norm(K, y, gap=1e-8)
    expected = _least_distance(K, y)
    if found.status is Separability.SEPARABLE:
        assert found.omega == pytest.approx(expected, rel=1e-6)
        _holds(found, K, y, 1e-8)
    else:
        assert found.status is Separability.NOT_SEPARABLE
        assert expected * math.sqrt(K.max()) > 1e5
        assert (found.omega, found.margin, found.gap) == (math.inf, 0.0, math.inf)


@pytest.mark.parametrize("d", [60, 120])
def test_the_perceptron_meets_gordon(d: int) -> None:
    # Gordon's bound is sharp for d -> infinity: 3 % and 6 standard errors over seeds; 1e-8 a run.
    chi, P = 1.0, 8 * d

    def norm_at(log_margin: float) -> float:
        """Return |w| of the weights that just fit with this margin over |w_perp|."""
        m = math.exp(log_margin)
        log_lam = optimize.brentq(
            lambda x: math.log(excess(1 + chi, math.exp(x), m) * P / (d - 1)), -6, 9
        )
        return math.sqrt(d * (1.0 + math.exp(2.0 * log_lam))) / m

    norm = optimize.minimize_scalar(norm_at, bounds=(-3.0, 1.6), method="bounded").fun
    rng = np.random.default_rng(d)
    found, signal = [], []
    for _ in range(6):
        z = sample_folded(rng, P, d, chi)
        end = max_margin_norm(z @ z.T / d, np.ones(P), gap=1e-4)
        found.append(math.log(end.omega / norm))
        w = z.T @ end.dual
        signal.append(w[0] / math.sqrt(d) / math.sqrt(d) / minimal_signal(chi, P, d).slope)
    error = np.std(found, ddof=1) / math.sqrt(6)
    assert abs(np.mean(found)) < 0.03 + 6 * error
    # The least signal of all is below that of the least norm, and close to it.
    assert 0.97 < np.mean(signal) < 1.15


def test_nested_samples_go_on_from_one_another(tmp_path) -> None:
    rng = np.random.default_rng(3)
    features = rng.standard_normal((300, 400)) / 20.0
    K = (features @ features.T).astype(np.float32)
    y = rng.choice([-1.0, 1.0], 300)
    K.tofile(tmp_path / "K")
    kept = np.memmap(tmp_path / "K", np.float32, "r+", shape=K.shape)
    first = max_margin_norm(K[:150, :150], y[:150])
    warm = max_margin_norm(kept, y, dual=first.dual)
    cold = max_margin_norm(K, y)
    assert warm.omega == pytest.approx(cold.omega, rel=3e-6)
    assert warm.omega > first.omega
    again = max_margin_norm(K, y, dual=warm.dual)
    assert again.steps == 0


def test_what_has_no_solution_says_so() -> None:
    rng = np.random.default_rng(4)
    features = rng.standard_normal((6, 9))
    features[4] = features[1]
    K, y = features @ features.T, np.array([1.0, 1, 1, 1, -1, 1])
    found = max_margin_norm(K, y)
    assert found.status == "not separable"
    assert found.message == "samples 1 and 4 are equal and of opposite labels"
    assert max_margin_norm(K, np.ones(6)).status in {"separable", "not separable"}
    features[2] = 0.0
    zero = max_margin_norm(features @ features.T, np.ones(6))
    assert zero.message == "sample 2 has kernel 0 with itself: f there is always 0"
    # Three directions in a plane, 120 degrees apart: no half-plane holds them.
    angles = 2.0 * np.pi * np.arange(3) / 3.0
    plane = np.column_stack([np.cos(angles), np.sin(angles)])
    spread = max_margin_norm(plane @ plane.T, np.ones(3))
    assert spread.status == "not separable"
    assert np.linalg.norm(plane.T @ spread.dual) < 1e-6


def test_one_sample_has_a_closed_form() -> None:
    found = max_margin_norm([[4.0]], [-1.0])
    assert (found.status, found.omega, found.margin) == ("separable", 0.5, 2.0)
    assert found.dual.tolist() == [0.25]


def test_a_budget_that_is_spent_leaves_a_certified_bound() -> None:
    rng = np.random.default_rng(5)
    features = rng.standard_normal((200, 201))
    K = features @ features.T
    max_margin_norm(K[:5, :5], np.ones(5))
    found = max_margin_norm(K, rng.choice([-1.0, 1.0], 200), budget=1e-9)
    assert found.status == "gap not reached"
    assert "raise budget or gap" in found.message
    assert found.omega == math.inf


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"y": [1.0, 2.0]}, "y must be a vector of labels"),
        ({"y": [1.0]}, "K has 2 samples and y has 1 labels"),
        ({"y": [1.0] * 3}, "K has 2 samples and y has 3 labels"),
        ({"K": [[1.0, 2.0], [2.0, 1.0]]}, "not positive semi-definite"),
        ({"K": [[1.0, math.nan], [math.nan, 1.0]]}, "not finite"),
        ({"gap": 0.0}, "gap"),
        ({"gap": 2.0}, "allowed is 1e-12..1"),
        ({"budget": -1.0}, "allowed are seconds > 0"),
        ({"dual": [-1.0]}, "weights >= 0"),
        ({"dual": [1.0] * 3}, "at most P = 2 weights"),
    ],
)
def test_bad_input_is_refused(change, says) -> None:
    with pytest.raises(InputError, match=says):
        max_margin_norm(**({"K": np.eye(2), "y": [1.0, -1.0]} | change))
