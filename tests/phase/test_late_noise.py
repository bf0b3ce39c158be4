"""When curves separate: synthetic courses whose time of separation is known."""

import math

import numpy as np
import pandas as pd
import pytest

from perceptron_sim.phase.courses import loss_curves
from perceptron_sim.phase.late_noise import FACTOR, separation, separations
from perceptron_sim.theory.crossovers import crossovers

T_COLD, END = 2.0**-5, 1e5


def _loss(t: np.ndarray, apart_at: float) -> np.ndarray:
    """A loss that falls as t^-1/2, four times slower beyond ``apart_at``."""
    slow = np.maximum(t / apart_at, 1.0) ** 0.375
    return t**-0.5 * slow


def _runs(rng: np.random.Generator, T: float, apart_at: float, end: float, seeds: int = 20):
    rows = []
    for seed in range(seeds):
        t_star = end * math.exp(0.3 * rng.normal())
        t = np.append(0.0, np.geomspace(2 * T, t_star, 200))
        loss = np.append(1.0, _loss(t[1:], apart_at) * np.exp(0.05 * rng.normal()))
        loss[-1] = 0.0
        rows.append(
            {"T": T, "seed": seed, "t_star": t_star}
            | {"checkpoint_t": t, "checkpoint_train_loss": loss}
        )
    return rows


def _separations(apart_at: float, seed: int = 1):
    rng = np.random.default_rng(seed)
    runs = [*_runs(rng, T_COLD, 1e9, END), *_runs(rng, 0.5, apart_at, 2 * END)]
    shared = {"chi": 1.0, "d": 32, "P": 1024, "B": 2, "kappa": 1.0}
    return separations(pd.DataFrame(runs), shared)


@pytest.mark.parametrize("apart_at", [30.0, 1000.0])
def test_the_time_of_separation_is_found(apart_at: float) -> None:
    (row,), headline = _separations(apart_at)
    # (t / apart_at)^0.375 = FACTOR. A level off by 0.05/sqrt(20) (twice, and 1.25 for a median)
    # moves it by 5 %, t* by 8 %: a factor 1.5 is four of both together, 1e-4, with a fixed seed.
    truth = apart_at * FACTOR ** (1 / 0.375)
    assert row["t_sep"] == pytest.approx(truth, rel=0.25)
    assert row["measured"] == pytest.approx(truth / END, rel=0.5)
    assert row["ci_low"] < truth / END < row["ci_high"]
    assert row["ci_high"] / row["ci_low"] < 3.0
    assert row["rms_before"] < math.log(FACTOR)
    assert row["decades_together"] == pytest.approx(math.log10(row["t_sep"]))
    assert headline["n_T"] == 1
    assert headline["measured"] == pytest.approx(row["measured"])
    assert row["T_over_T_c"] == pytest.approx(0.5 / crossovers(1.0, 1024, 32).T_c_over_kappa)


def test_curves_that_never_part_do_so_at_the_first_end() -> None:
    (row,), _ = _separations(1e9)
    # The coldest ends first here: from there on the other is infinitely above it.
    assert row["measured"] == pytest.approx(1.0, rel=0.2)
    assert 0.0 < row["rms_before"] < 0.2


def test_separation_counts_the_last_parting() -> None:
    t = np.geomspace(1.0, 1e4, 401)
    bump = 1.0 + 9.0 * ((t > 3.0) & (t < 10.0)) + 9.0 * (t > 1000.0)
    assert math.exp(separation(t, bump / t, 1.0 / t)) == pytest.approx(1000.0, rel=0.03)
    assert math.exp(separation(t, 3.0 / t, 1.0 / t)) == 1.0
    assert math.exp(separation(t, 1.0 / t, 1.0 / t)) == pytest.approx(1e4)
    ended = np.where(t < 500.0, 1.0 / t, 0.0)
    assert math.exp(separation(t, 1.0 / t, ended)) == pytest.approx(500.0, rel=0.03)
    assert math.exp(separation(t, ended, ended)) == pytest.approx(500.0, rel=0.03)


def test_curves_start_at_the_margin_and_end_at_zero() -> None:
    runs = pd.DataFrame(
        [{"seed": 0, "checkpoint_t": [0, 2, 8], "checkpoint_train_loss": [1.0, 0.5, 0.0]}]
    )
    (curve,) = loss_curves(runs, np.array([1.0, 2.0, 4.0, 8.0, 9.0]))
    np.testing.assert_allclose(curve, [1.0, 0.5, 0.25, 0.0, 0.0])


def test_one_temperature_or_one_seed_says_nothing() -> None:
    rng = np.random.default_rng(1)
    shared = {"chi": 1.0, "d": 32, "P": 1024, "B": 2, "kappa": 1.0}
    alone = pd.DataFrame(_runs(rng, T_COLD, 1e9, END))
    assert separations(alone, shared) == ([], {})
    single = pd.DataFrame([*_runs(rng, T_COLD, 1, END, 1), *_runs(rng, 1.0, 1, END, 1)])
    assert separations(single, shared) == ([], {})
