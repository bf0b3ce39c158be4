"""The plane of B and eta of nets: what kernels predict, and planted maps found again."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from nets.lazy.norms import KernelNorm
from nets.max_margin.crossovers import Crossovers, crossovers
from nets.phase.batch_entries import NetPhases
from nets.phase.batch_law import boundary, fits_of, phase_slopes
from nets.phase.batch_on_P import B_star_on_P
from perceptron_sim import simulate_kernel

SEEDS, H, ALPHA = 6, 16, 2.0**10
TAU_C, B_STAR, A = 0.5, 20.0, 30.0


def _norm(K: np.ndarray, y: np.ndarray, omega: float = 3.0) -> KernelNorm:
    P = len(y)
    pairs = (y @ K @ y - np.trace(K)) / (P * (P - 1))
    return KernelNorm(P, omega, 1e-3, float(np.trace(K) / P), 0.0, P, 1.0, float(pairs))


def test_the_first_step_overtakes_noise_at_the_predicted_batch_size() -> None:
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(6, 8)) + 0.7, np.array([1.0, 1, 1, 1, -1, 1])
    K = X @ X.T
    norm = _norm(K, y)
    # The mean square of the first step over every batch of B distinct samples, by simulation of
    # the full batch and by enumeration; at B* it is the square of the noise, u <K> omega / B.
    squares = {
        B: np.mean([y[list(b)] @ K[np.ix_(b, b)] @ y[list(b)] / B**2 for b in _batches(6, B)])
        for B in range(1, 7)
    }
    one = simulate_kernel(K, y, B=6, eta=2.0, kappa=1e-9, max_steps=1)
    assert one.w_norm == pytest.approx(2.0 * math.sqrt(squares[6]))
    for B, square in squares.items():
        u = B * math.sqrt(square) / (norm.K_mean * norm.omega)
        found = crossovers(norm, H, u)
        assert found.B_star == pytest.approx(B)
        assert found.T_c_over_kappa == pytest.approx(1.0 / (u * H * norm.K_mean))
    assert crossovers(KernelNorm(2, None, None, 1.0, 0.0, 0, 1.0), H) is None
    assert crossovers(KernelNorm(2, 1.0, 0.0, 1.0, 0.0, 0, 1.0), H).B_star is None


def _batches(P: int, B: int):
    return [list(batch) for batch in itertools.combinations(range(P), B)]


def _map(rng, B_star: float = B_STAR, scale: float = 1.0) -> pd.DataFrame:
    """Plant the law with 2 % of scatter, a test error that rises with T under noise alone."""
    rows = []
    for B, eta in itertools.product(2 ** np.arange(10), 2.0 ** np.arange(-12, 7)):
        tau = eta * ALPHA / (B * H)
        if tau < 2.0**-6:
            continue
        w = scale * A / ALPHA * (((1 + tau / TAU_C) ** 4 + (B * tau / TAU_C / B_star) ** 4) ** 0.25)
        error = 0.1 * (1.0 + tau / TAU_C) ** 0.1 if B_star > B else 0.1
        row = {"B": B, "eta": eta, "width": H, "alpha": ALPHA, "status": "fitted"}
        row |= {"n_seeds": SEEDS, "model": "lazy"}
        for name, value in (("dw", w), ("test_error", error)):
            row[f"{name}_seeds"] = (math.log(value) + 0.02 * rng.normal(size=SEEDS)).tolist()
        rows.append(row)
    return pd.DataFrame(rows)


def test_planted_boundaries_and_exponents_are_found() -> None:
    fits = fits_of(_map(np.random.default_rng(1)))
    assert fits is not None
    at = [Crossovers(TAU_C, A, B_STAR)] * SEEDS
    # Standard errors are below 0.01: six of them and more.
    for name in ("tau_c", "plateau", "B_star"):
        found = boundary(fits, name, at, 0.01)
        assert found.ratio.measured == pytest.approx(0.0, abs=0.06)
        assert found.agrees
        assert not boundary(fits, name, [Crossovers(1.0, 60.0, 40.0)] * SEEDS, 0.01).agrees
        assert boundary(fits, name, None, 0.01).predicted is None
    slopes = {(s.phase, s.quantity, s.on): s for s in phase_slopes(fits)}
    assert len(slopes) == 12
    expected = {("noise", "dw", "T"): 0.98, ("first step", "dw", "eta"): 1.0}
    expected |= {("noise", "test_error", "T"): 0.1, ("gradient descent", "dw", "T"): 0.06}
    for key, slope in slopes.items():
        # Errors below 0.003, and up to 0.02 of the law itself so near its corners.
        assert slope.measured == pytest.approx(expected.get(key, 0.0), abs=0.04), key
    claimed = {key for key, slope in slopes.items() if slope.expected is None}
    assert claimed == {("noise", "test_error", "T"), ("first step", "test_error", "eta")}


def test_the_exponent_of_B_star_beside_gamma_and_its_prediction() -> None:
    rng = np.random.default_rng(3)
    rows = []
    for P in (256, 1024, 4096):
        # B* ~ P^0.25, ||w - w_0|| ~ P^0.5: a first step that grows as P^0.25.
        fits = fits_of(_map(rng, B_STAR * (P / 256) ** 0.25, (P / 256) ** 0.5))
        star = boundary(fits, "B_star", None, 0.0)
        row = NetPhases(
            *("lazy", "digits", "mlp", 3, H, ALPHA, P, "", SEEDS, 9, 9, 0),
            *(star, star, star, 4.0, 0.0, 0.0, None, None, ()),
        )
        rows.append((row, fits, [Crossovers(TAU_C, A, P**0.5)] * SEEDS))
    (found,) = B_star_on_P(rows)
    # Standard errors about 0.005.
    assert found.x.measured == pytest.approx(0.25, abs=0.03)
    assert found.gamma.measured == pytest.approx(0.5, abs=0.03)
    assert found.difference.measured == pytest.approx(-0.25, abs=0.04)
    assert found.predicted == pytest.approx(0.5)
    assert found.agrees is False
    assert B_star_on_P(rows[:1]) == []
