"""Boundaries recovered from synthetic maps, with intervals that cover; what theory predicts."""

import math
from functools import partial

import numpy as np
import pandas as pd
import pytest

from perceptron_sim import InputError
from perceptron_sim.phase.entries import Estimate, systematic
from perceptron_sim.phase.law import fit_law, fit_slope
from perceptron_sim.phase.perceptron import distinct_cells, fit_cells, fit_windows
from perceptron_sim.theory import predict
from perceptron_sim.theory.crossovers import crossovers

TAU_C, B_STAR, A, SHARP = 3.1, 57.0, 12.0, 4.0


def _map(rng: np.random.Generator, seeds: int = 4, noise: float = 0.1, outer: float = 1.0):
    """Cells of a (B, eta) map at kappa = 2^-7, and ln(||w||/kappa) of every seed."""
    B, eta = np.meshgrid(2.0 ** np.arange(14), 2.0 ** np.arange(-5, 14))
    B, tau = B.ravel(), (eta / B / 2.0**-7).ravel()
    bracket = (1.0 + tau / TAU_C) ** SHARP + (outer * B * tau / (TAU_C * B_STAR)) ** SHARP
    mean = math.log(A) + np.log(bracket) / SHARP
    return tau, B, [m + noise * rng.normal(size=seeds) for m in mean]


def test_the_three_boundaries_are_recovered() -> None:
    fit = fit_law(*_map(np.random.default_rng(1)), first_step=True)
    assert fit is not None
    assert fit.B_star is not None
    # Errors are about a per cent: five of them, twice.
    for found, truth in ((fit.tau_c, TAU_C), (fit.B_star, B_STAR), (fit.plateau, A)):
        assert 0.001 < found.error < 0.03
        assert abs(math.log(found.value / truth)) < 6 * found.error
    assert fit.rms == pytest.approx(0.05, rel=0.2)
    # A map whose first step is twice as strong has half the B*: it is the data that speak.
    other = fit_law(*_map(np.random.default_rng(1), outer=2.0), first_step=True)
    assert other is not None
    assert other.B_star is not None
    assert other.B_star.value == pytest.approx(0.5 * fit.B_star.value, rel=0.05)


def test_intervals_cover_as_often_as_they_say() -> None:
    # 150 maps: coverage outside 0.95 -+ 0.09 is five standard errors, below 1e-6 for each of two.
    rng = np.random.default_rng(2)
    inside = np.zeros(2)
    for _ in range(150):
        fit = fit_law(*_map(rng), first_step=True)
        assert fit is not None
        assert fit.B_star is not None
        for k, (found, truth) in enumerate(((fit.tau_c, TAU_C), (fit.B_star, B_STAR))):
            inside[k] += found.ci_low <= truth <= found.ci_high
    assert np.all(np.abs(inside / 150 - 0.95) < 0.09)


def test_crossover_without_large_batches() -> None:
    rng = np.random.default_rng(3)
    tau = 2.0 ** np.arange(-6, 12)
    logs = [math.log(A * (1 + t / TAU_C)) + 0.05 * rng.normal(size=6) for t in tau]
    fit = fit_law(tau, np.full(len(tau), 2.0), logs, first_step=False)
    assert fit is not None
    assert fit.B_star is None
    assert abs(math.log(fit.tau_c.value / TAU_C)) < 6 * fit.tau_c.error
    np.testing.assert_allclose(fit.log_law(tau, tau), [v.mean() for v in logs], atol=0.15)


def test_a_crossover_outside_the_window_is_not_made_up() -> None:
    rng = np.random.default_rng(4)
    tau = 2.0 ** np.arange(8, 20)
    logs = [math.log(A * (1 + t / TAU_C)) + 0.02 * rng.normal(size=6) for t in tau]
    assert fit_law(tau, np.full(len(tau), 2.0), logs, first_step=False) is None
    assert fit_law(tau[:4], np.full(4, 2.0), logs[:4], first_step=False) is None
    assert fit_law(np.ones(9), np.full(9, 2.0), logs[:9], first_step=False) is None


def test_slope_of_estimates() -> None:
    P = [256.0, 1024.0, 4096.0]
    of = [Estimate(3.0 * p**0.4, 0.02, 0.0, 0.0) for p in P]
    slope = fit_slope(P, of, [7.0 * p**0.3 for p in P])
    assert slope is not None
    assert slope.value == pytest.approx(0.4)
    assert slope.expected == pytest.approx(0.3)
    assert slope.error == pytest.approx(0.02 / math.sqrt(2.0) / math.log(4.0))
    assert slope.expected_error == pytest.approx(1.0 / math.sqrt(2.0) / math.log(4.0))
    # Misfit beyond the errors enters them.
    bent = [Estimate(e.value * f, 0.02, 0.0, 0.0) for e, f in zip(of, (1, 1.5, 1), strict=True)]
    wide = fit_slope(P, bent, None)
    assert wide is not None
    assert wide.error > 5 * slope.error
    assert fit_slope(P[:1], of[:1], None) is None


@pytest.mark.parametrize(("chi", "d", "P"), [(0.0, 32, 4096), (1.0, 16, 2048), (3.0, 64, 4096)])
def test_boundaries_follow_from_the_stopping_law(chi: float, d: int, P: int) -> None:
    at = crossovers(chi, P, d)
    cold = predict(chi=chi, P=P, d=d, T=1e-4, kappa=1.0)
    hot = predict(chi=chi, P=P, d=d, T=1.0, kappa=1e-5)
    assert at.plateau == pytest.approx(cold.w_norm, rel=2e-3)
    # Both laws meet at T_c, up to the per cent that |w_perp| contributes to ||w||.
    assert at.plateau / at.T_c_over_kappa == pytest.approx(hot.w_norm, rel=0.03)
    # B* grows with P as the signal does.
    more = predict(chi=chi, P=4 * P, d=d, T=1.0, kappa=1e-5)
    growth = crossovers(chi, 4 * P, d).B_star / at.B_star
    assert growth == pytest.approx(more.w1 / hot.w1, rel=1e-3)


def test_no_boundaries_below_capacity() -> None:
    with pytest.raises(InputError, match="below which no signal is needed"):
        crossovers(1.0, 20, 16)


def test_what_windows_add_is_beyond_chance() -> None:
    # The law holds everywhere in these maps: shifts of parts of them are chance, and are taken as
    # such. A law that changes its B* with eta is noticed.
    rng = np.random.default_rng(8)
    found = []
    for bent in (0.0, 0.3):
        tau, B, logs = _map(rng)
        eta = tau * B * 2.0**-7
        cells = pd.DataFrame({"B": B, "eta": eta, "kappa": 2.0**-7, "status": "fitted"})
        drift = bent * np.clip(np.log(eta / 8.0), 0.0, None) * (B > B_STAR)
        cells["w_norm_seeds"] = [
            v + math.log(2.0**-7) - x for v, x in zip(logs, drift, strict=True)
        ]
        fit = fit_cells(cells, first_step=True)
        parts = fit_windows(
            cells,
            {"B": B_STAR, "eta": B_STAR * TAU_C / 128},
            partial(fit_cells, first_step=True),
        )
        assert len(parts) == 4
        found.append(systematic(fit.B_star, [part and part.B_star for part in parts]))
    # Errors 0.015 and, of parts, up to 0.03.
    assert found[0] < 0.1
    assert found[1] > 0.2
    assert systematic(fit.B_star, [None]) is None


def test_cells_that_are_one_another_in_other_units_count_once() -> None:
    rng = np.random.default_rng(3)
    T = 2.0 ** np.arange(-4, 10)
    w = [math.log(3.0 * (1.0 + t / 2.0)) + 0.1 * rng.standard_normal(5) for t in T]
    one = pd.DataFrame({"B": 2, "kappa": 1.0, "T": T, "w_norm_seeds": w})
    scaled = one.assign(kappa=4.0, T=4.0 * T, w_norm_seeds=[v[:3] + math.log(4.0) for v in w])
    both = pd.concat([scaled, one], ignore_index=True)
    assert fit_cells(both, first_step=False) == fit_cells(one, first_step=False)
    # Another batch size, or another ratio, is another run.
    assert len(
        distinct_cells(pd.concat([one, one.assign(B=4), one.assign(kappa=1.3)], ignore_index=True))
    ) == 3 * len(T)
