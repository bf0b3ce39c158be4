"""The stopping law against simulation: ends, local exponents, the limit at fixed d.

Seeds are fixed, so nothing is left to chance. Over fresh seeds, a comparison at 5 standard
errors with 8 or more seeds would fail in fewer than one of 1e3 cases (Student t), one at 6 and
60 seeds in fewer than one of 1e7.
"""

import math

import numpy as np
import pandas as pd
import pytest

from perceptron_sim.analysis.calibration import calibrate, ends_table, markdown
from perceptron_sim.analysis.exponents import exponent_rows
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import simulate
from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import MemoryStore
from perceptron_sim.theory import exponents, exponents_at_dimension, minimal_error, stopping
from perceptron_sim.theory.order_parameters import unfitted_fraction
from perceptron_sim.theory.prediction import accuracy, accuracy_of_test_error, end_of_training


def _runs(grid: PerceptronGrid):
    store = MemoryStore()
    report = scan(grid, store, checkpoints=None)
    assert not report.not_fitted
    return store.frame(report.keys)


@pytest.fixture(scope="module")
def ends():
    # Off the grid that the law was fitted to: other chi, d, B and P/d.
    frame = _runs(
        PerceptronGrid(
            chi=(0.25, 0.75, 2.5),
            d=(12, 48),
            P=(1152,),
            B=(3,),
            T=(1.0,),
            kappa=(0.0, 0.5, 8.0),
            seeds=12,
        )
    )
    return ends_table(frame)


def test_predictions_agree_with_simulation(ends) -> None:
    assert len(ends) == 18
    assert ends["trusted"].all()
    of_w, of_t = accuracy(12)
    for name, of_law in (("w1", of_w), ("lam", 0.05), ("t_star", of_t)):
        miss = (ends[f"log_{name}_predicted"] - ends[f"log_{name}"]).abs()
        allowed = np.hypot(ends[f"{name}_error"], of_law)
        assert (miss < 5.0 * allowed).all()
        assert miss.median() < {"w1": 0.10, "lam": 0.12, "t_star": 0.25}[name]


def test_the_test_error_is_predicted_within_its_error(ends) -> None:
    pulls = []
    for row in ends.itertuples():
        predicted = (
            float(unfitted_fraction(math.exp(row.log_lam_predicted), row.chi)) * row.P / row.d
        )
        allowed = math.hypot(row.c_error, accuracy_of_test_error(row.chi, row.d))
        pulls.append(math.log(predicted / row.c) / allowed)
    assert max(map(abs, pulls)) < 5.0
    # An error stated five times too large would be noticed too.
    assert float(np.sqrt(np.mean(np.square(pulls)))) > 0.3


def test_a_wrong_law_would_be_noticed(ends) -> None:
    # The overshoot doubled: far outside where noise dominates, unseen where the margin does.
    noisy = ends[ends["kappa"] == 0.0]
    miss = noisy["log_w1_predicted"] + math.log(2.0) - noisy["log_w1"]
    assert (miss.abs() > 5.0 * np.hypot(noisy["w1_error"], accuracy(12)[0])).all()


def test_for_small_T_the_end_is_the_least_signal(ends) -> None:
    # No free parameter there: c = n P/d tends to that of the least signal.
    cold = ends[(ends["kappa"] == 8.0) & (ends["d"] == 48)]
    for row in cold.itertuples():
        assert row.c < 1.35 * minimal_error(row.chi) * (1 + 5 * row.c_error)


def test_the_law_can_be_fitted_again(ends) -> None:
    # Eighteen points do not fix twenty numbers: what is asked is that the fit runs, lowers the
    # misfit and reports what it used.
    found = {part.name: part for part in calibrate(_many(ends))}
    assert set(found) == {"OVERSHOOT", "LAM", "DELAY"}
    for name, part in found.items():
        truth = np.array(getattr(stopping, name))
        assert np.all(np.abs(part.values - truth) < 5 * part.errors + 1e-6)
        assert part.chi2_per_dof < 1.5
    assert markdown(ends).count("\n") == len(ends) + 1


def _many(ends):
    """Return ends on a wide grid that follow the law with noise of known size."""
    rng = np.random.default_rng(3)
    rows = []
    for chi in (-0.3, 0.0, 1.0, 2.0, 4.0):
        for d in (8, 64):
            for load in (16, 512):
                for kappa in (0.0, 0.25, 1.0, 16.0):
                    end = end_of_training(chi, load * d, d, 2, kappa)
                    row = {"chi": chi, "d": d, "P": load * d, "B": 2, "T": 1.0, "kappa": kappa}
                    for name, error in (("w1", 0.003), ("lam", 0.04), ("t_star", 0.1)):
                        row[f"{name}_error"] = error
                        truth = math.log(getattr(end, name))
                        row[f"log_{name}"] = truth + error * rng.standard_normal()
                    rows.append(row)
    return pd.DataFrame(rows, columns=[c for c in ends.columns if c in rows[0]])


def test_local_exponents_follow_the_prediction_and_not_the_asymptote() -> None:
    frame = _runs(
        PerceptronGrid(
            chi=(0.0, 1.0),
            d=(16,),
            P=(512, 1024, 2048, 4096, 8192),
            T=(1.0,),
            kappa=(0.0,),
            seeds=24,
        )
    )
    for chi in (0.0, 1.0):
        for quantity in ("gamma", "b"):
            row = next(r for r in exponent_rows(frame) if r.chi == chi and r.quantity == quantity)
            gap = abs(row.measured - row.finite_size)
            assert gap < 5.0 * math.hypot(row.std_error, row.finite_size_error)
            # Five means with one free level: chi^2 per degree below 5 is 99.9 %.
            assert row.finite_size_chi2 < 5.0
            asymptotic = getattr(exponents(chi), quantity)
            assert row.measured < asymptotic - 3.0 * row.std_error


@pytest.mark.parametrize("d", [2, 3, 4])
def test_at_fixed_d_exponents_are_those_of_that_d(d: int) -> None:
    sizes = [2**k for k in range(8, 15)]
    logs = [
        np.log(
            [
                simulate(
                    PerceptronConfig(chi=0.0, d=d, P=P, kappa=0.0, seed=seed), checkpoints=None
                ).w1
                for seed in range(30)
            ]
        )
        for P in sizes
    ]
    fit = fit_power_law([float(P) for P in sizes], logs)
    assert fit is not None
    theory = exponents_at_dimension(0.0, d)
    assert abs(fit.slope - theory.gamma) < 6 * fit.std_error + 0.05
    assert fit.slope < exponents(0.0).gamma - 10 * fit.std_error


@pytest.mark.parametrize(
    ("chi", "d", "ends", "seeds"),
    [(3.0, 3, (2**14, 2**30), 30), (3.0, 4, (2**14, 2**30), 30), (1.0, 3, (2**14, 2**24), 40)],
)
def test_at_fixed_d_exponents_are_those_of_that_d_over_decades(
    chi: float, d: int, ends: tuple[int, int], seeds: int
) -> None:
    logs = []
    for P in ends:
        runs = [
            simulate(PerceptronConfig(chi=chi, d=d, P=P, kappa=0.0, seed=seed), checkpoints=None)
            for seed in range(seeds)
        ]
        logs.append(np.log([(run.w1, run.t_star) for run in runs]))
    step = math.log(ends[1] / ends[0])
    gamma, b = (logs[1].mean(axis=0) - logs[0].mean(axis=0)) / step
    error, of_b = np.sqrt(sum(np.var(each, axis=0) / seeds for each in logs)) / step
    theory = exponents_at_dimension(chi, d).gamma
    assert abs(gamma - theory) < 6 * error + 0.03 * theory
    # A departure by a quarter would be seen.
    assert 6 * error < 0.3 * theory
    # The last sample is found after ~P steps at the earliest.
    assert b > 1.0 - 6 * of_b
