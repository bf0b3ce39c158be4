"""Collapse quality on synthetic series."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim.analysis.collapse import Points, collapse_quality, collapses, series_of


def _series(rng: np.random.Generator, shift: float, noise: float) -> list[Points]:
    found = []
    for i, d in enumerate((8, 16, 32)):
        log_x = np.linspace(0.0, 4.0, 9) + 0.1 * i
        curve = 0.7 * log_x + shift * i
        logs = [y + noise * rng.standard_normal(12) for y in curve]
        found.append(Points(d, (0.0, 2), log_x, logs))
    return found


def test_quality_is_one_within_errors() -> None:
    rng = np.random.default_rng(1)
    found = [collapse_quality(_series(rng, 0.0, 0.2))[0] for _ in range(100)]
    # Mean of 100 at 6 standard errors: 1e-8 a run; 10 % for the straight lines between points.
    error = np.std(found, ddof=1) / 10.0
    assert abs(np.mean(found) - 1.0) < 0.1 + 6 * error


def test_a_shift_is_seen_in_quality_and_measured_as_spread() -> None:
    quality, n_points, spread = collapse_quality(_series(np.random.default_rng(2), 0.5, 0.05))
    assert quality > 50
    assert n_points > 20
    assert 0.4 < spread < 1.2


def test_only_series_with_all_else_equal_are_compared() -> None:
    series = _series(np.random.default_rng(3), 0.0, 0.1)
    apart = [Points(s.d, (float(i), 2), s.log_x, s.logs) for i, s in enumerate(series)]
    quality, n_points, _ = collapse_quality(apart)
    assert n_points == 0
    assert math.isnan(quality)


@given(factor=st.floats(-5.0, 5.0))
@settings(max_examples=20, deadline=None)
def test_quality_does_not_depend_on_units(factor: float) -> None:
    series = _series(np.random.default_rng(4), 0.1, 0.1)
    moved = [Points(s.d, s.alike, s.log_x + factor, [y - factor for y in s.logs]) for s in series]
    assert collapse_quality(moved)[0] == pytest.approx(collapse_quality(series)[0], rel=1e-6)


def _frame(power: float) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    rows = [
        {
            "chi": 1.0,
            "d": d,
            "P": load * d,
            "B": 2,
            "T": T,
            "kappa": 0.5 * T,
            "seed": seed,
            "status": "fitted",
            "w_norm": T * math.sqrt(d) * load**0.5 * math.exp(0.1 * rng.standard_normal()),
            "t_star": T * d**power * load**2 * math.exp(0.1 * rng.standard_normal()),
        }
        for d in (8, 32)
        for load in (16, 32, 64)
        for T in (1.0, 2.0)
        for seed in range(8)
    ]
    return pd.DataFrame(rows)


def test_scales_are_taken_out_and_runs_in_other_units_counted_once() -> None:
    frame = _frame(1.0)
    series = series_of(frame, "w_norm", "P/d")
    assert [s.d for s in series] == [8, 32]
    assert {len(logs) for s in series for logs in s.logs} == {8}
    found = {(c.observable, c.abscissa): c for c in collapses(frame)}
    assert found["w_norm", "P/d"].quality < 5
    assert found["t_star", "P/d"].quality < 5
    assert math.isfinite(found["t_star", "P/d"].error)
    wrong = {(c.observable, c.abscissa): c for c in collapses(_frame(1.3))}
    assert wrong["t_star", "P/d"].quality > 20


def test_points_with_a_run_that_was_not_fitted_are_left_out() -> None:
    frame = _frame(1.0)
    frame.loc[(frame["P"] == 32 * 8) & (frame["seed"] == 3), "status"] = "max_steps"
    sizes = {s.d: len(s.logs) for s in series_of(frame, "w_norm", "P/d")}
    assert sizes == {8: 2, 32: 3}
