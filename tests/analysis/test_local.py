"""Local exponents of made runs: slopes, intervals, and which runs enter."""

import math

import numpy as np
import pandas as pd
import pytest

from perceptron_sim.analysis.figures.local import figure_local
from perceptron_sim.analysis.local import local_exponents
from perceptron_sim.theory.prediction import end_of_training

SIZES = (64, 160, 1600, 16000)


def _frame(scatter: float = 0.0, seeds: int = 4, chi: float = 1.0, seed: int = 5) -> pd.DataFrame:
    """Return runs of d = 16 with slopes 0.3 and 1.5, at two T where noise dominates and one not."""
    rng = np.random.default_rng(seed)
    rows = [
        {
            "model": "perceptron",
            "dynamics": "sgd",
            "kernel": "event",
            "shared_seeds": False,
            "chi": chi,
            "d": 16,
            "B": 2,
            "P": P,
            "T": T,
            "kappa": 1.0,
            "seed": replica,
            "status": "fitted",
            "w_norm": T * P**0.3 * math.exp(scatter * rng.standard_normal()),
            "t_star": T * P**1.5 * math.exp(scatter * rng.standard_normal()),
        }
        for P in SIZES
        for T in (1.0, 1024.0, 2048.0)
        for replica in range(seeds)
    ]
    # What is not noise-dominated must not enter.
    return pd.DataFrame(rows).assign(w_norm=lambda f: f["w_norm"] * (1 + 9 * (f["T"] == 1.0)))


def test_slopes_between_neighbours_beside_predicted_ones() -> None:
    found = local_exponents(_frame())
    # P/d = 4 is left out: three P, two slopes, of two quantities.
    assert [(row.quantity, row.P_low, row.P_high) for row in found] == [
        (quantity, low, 10 * low) for quantity in ("gamma", "b") for low in (160, 1600)
    ]
    up, down = (end_of_training(1.0, P, 16, 2, 0.0) for P in (16000, 1600))
    for row in found:
        assert row.measured == pytest.approx(0.3 if row.quantity == "gamma" else 1.5)
        assert row.n_seeds == 8
    assert found[1].P_over_d == pytest.approx(math.sqrt(1600 * 16000) / 16)
    assert found[1].predicted == pytest.approx(math.log(up.w_norm / down.w_norm) / math.log(10))
    assert found[3].predicted == pytest.approx(math.log(up.t_star / down.t_star) / math.log(10))


def test_intervals_cover_what_is_measured() -> None:
    # 95 % of 2 x 2 x 40 slopes: fewer than 128 has probability below 1e-9.
    covered = 0
    for seed in range(40):
        for row in local_exponents(_frame(0.3, 6, 1.0, seed).query("T > 1")):
            truth = 0.3 if row.quantity == "gamma" else 1.5
            covered += row.ci_low < truth < row.ci_high
    assert covered >= 128


def test_a_point_with_a_run_that_was_not_fitted_is_left_out() -> None:
    frame = _frame()
    last = (frame["P"] == 1600) & (frame["T"] > 1.0) & (frame["seed"] == 0)
    frame.loc[last, "status"] = "max_steps"
    assert [(row.P_low, row.P_high) for row in local_exponents(frame)] == [(160, 16000)] * 2
    assert local_exponents(frame[frame["P"] == 160]) == []


def test_the_figure_has_points_prediction_and_both_limits() -> None:
    chart = figure_local(local_exponents(_frame(0.1)))
    assert [len(row) for row in chart.panels] == [1, 1]
    labels = [series.label for series in chart.panels[0][0].series]
    assert labels[0] == "d = 16"
    assert len(labels) == 4
    (limit,) = (s for s in chart.panels[0][0].series if "(26)" in s.label)
    assert limit.y[0] == pytest.approx(15 / 17 / 2)
