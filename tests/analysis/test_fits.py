"""Intervals that cover: fits recover known exponents on synthetic power laws."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from synthetic import paper_law, perceptrons

from perceptron_sim import ExponentRow, MemoryStore, PerceptronGrid, scan
from perceptron_sim.analysis import power_law
from perceptron_sim.analysis.exponents import distinct, exponent_rows
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.theory import exponents

X = 2.0 ** np.arange(8, 13)
DRAWS = 2000


@pytest.fixture
def intervals_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit no parts of the window, which intervals do not depend on: two fits in three."""
    monkeypatch.setattr(power_law, "_window_shift", lambda points, slope: math.nan)


def _synthetic(rng, x, n_seeds: int, growth: float, skewed: bool, slope: float = 1.5):
    """Log-observables with spread growing as x^growth, Gaussian or skewed (log-gamma)."""
    logs = []
    for value in x:
        if skewed:
            noise = (np.log(rng.gamma(4.0, size=n_seeds)) - 1.2561176684) / math.sqrt(0.2838229557)
        else:
            noise = rng.standard_normal(n_seeds)
        logs.append(slope * math.log(value) + 0.3 * (value / x[0]) ** growth * noise)
    return logs


@pytest.mark.usefixtures("intervals_alone")
@pytest.mark.parametrize(
    ("n_seeds", "growth", "skewed", "n_groups"),
    [(3, 0.0, False, 1), (5, 0.5, False, 1), (8, 0.25, True, 1), (8, -0.3, True, 3)],
)
def test_95_percent_intervals_cover_93_to_97_percent(n_seeds, growth, skewed, n_groups) -> None:
    rng = np.random.default_rng(n_seeds)
    x = np.tile(X, n_groups)
    groups = np.repeat(np.arange(n_groups), len(X)).tolist()
    covered = 0
    for _ in range(DRAWS):
        fit = fit_power_law(x, _synthetic(rng, x, n_seeds, growth, skewed), groups)
        covered += fit.ci_low <= 1.5 <= fit.ci_high
    assert 0.93 <= covered / DRAWS <= 0.97


def test_raw_weights_would_not_cover() -> None:
    # Why variances are smoothed: 1/se^2 from three seeds each gives far too narrow intervals.
    rng = np.random.default_rng(0)
    covered = 0
    design = np.column_stack([np.ones(len(X)), np.log(X)])
    for _ in range(500):
        logs = _synthetic(rng, X, 3, 0.0, False)
        weight = np.array([3 / v.var(ddof=1) for v in logs])
        inverse = np.linalg.inv(design.T @ (design * weight[:, None]))
        slope = (inverse @ design.T @ (weight * [v.mean() for v in logs]))[1]
        covered += abs(slope - 1.5) < 1.96 * math.sqrt(inverse[1, 1])
    assert covered / 500 < 0.85


def _correlated(rng, n_seeds: int, n_groups: int, shared: float):
    """Log-observables of seeds that each have a level, and a slope of their own around 1.5."""
    level = rng.standard_normal(n_seeds)
    tilt = 1.5 + shared * rng.standard_normal(n_seeds)
    x = np.log(np.tile(X, n_groups) / X[2])
    noise = 0.05 * rng.standard_normal((len(x), n_seeds))
    return list(x[:, None] * tilt + level + noise)


@pytest.mark.usefixtures("intervals_alone")
def test_intervals_of_a_slope_between_two_paired_temperatures_cover() -> None:
    # Correlated over T as ln ||w - w_0|| of nets was measured to be, over two sizes nested in one.
    rng, T = np.random.default_rng(1), np.array([1.0, 4.0, 1.0, 4.0])
    among = 0.87 * np.ones((4, 4)) + 0.13 * np.eye(4)
    root, groups, draws = np.linalg.cholesky(among), [0, 0, 1, 1], 1000
    covered = alone = 0
    for _ in range(draws):
        logs = list(np.log(T)[:, None] + 0.1 * root @ rng.standard_normal((4, 6)))
        paired, apart = (fit_power_law(T, logs, groups, by_seed=by) for by in (True, False))
        covered += paired.ci_low <= 1.0 <= paired.ci_high
        alone += apart.ci_low <= 1.0 <= apart.ci_high
    assert 0.93 <= covered / draws <= 0.97
    # Taken for independent, the same runs give intervals nearly three times too wide.
    assert alone == draws


@pytest.mark.usefixtures("intervals_alone")
@pytest.mark.parametrize(("n_seeds", "n_groups"), [(4, 1), (8, 4), (20, 4)])
def test_intervals_by_seed_cover_where_runs_of_a_seed_are_correlated(n_seeds, n_groups) -> None:
    rng = np.random.default_rng(n_seeds)
    x = np.tile(X, n_groups)
    groups = np.repeat(np.arange(n_groups), len(X)).tolist()
    covered = independent = bootstrapped = 0
    misfit = []
    draws = 120 if n_seeds >= 20 else DRAWS
    others = min(draws, 400)
    for i in range(draws):
        logs = _correlated(rng, n_seeds, n_groups, 0.1)
        fit = fit_power_law(x, logs, groups, by_seed=True)
        covered += fit.ci_low <= 1.5 <= fit.ci_high
        bootstrapped += fit.bootstrap_low <= 1.5 <= fit.bootstrap_high
        misfit.append(fit.chi2 / fit.chi2_dof)
        if i < others:
            fit = fit_power_law(x, logs, groups)
            independent += fit.ci_low <= 1.5 <= fit.ci_high
    # Half a per cent is the standard error of a coverage of 95 % in 2000 draws, two in 120.
    slack = 0.0 if draws == DRAWS else 0.05
    assert 0.93 - slack <= covered / draws <= 0.97 + slack
    # Levels that a seed has at all points widen the other interval, slopes of its own narrow it.
    assert not 0.93 <= independent / others <= 0.97
    assert np.mean(misfit) == pytest.approx(1.0, abs=0.1 if n_seeds > 4 else 1.0)
    if n_seeds >= 20:
        assert 0.85 <= bootstrapped / draws <= 0.99


def test_a_fit_by_seed_needs_the_same_seeds_everywhere() -> None:
    with pytest.raises(ValueError, match="same seeds"):
        fit_power_law([1.0, 2.0], [np.zeros(3), np.zeros(4)], by_seed=True)


def test_curvature_shows_as_misfit_by_seed() -> None:
    rng = np.random.default_rng(11)
    straight = _correlated(rng, 8, 1, 0.1)
    curved = [v + 0.5 * math.log(x / 1024) ** 2 for v, x in zip(straight, X, strict=True)]
    fits = [fit_power_law(X, logs, by_seed=True) for logs in (straight, curved)]
    assert fits[1].chi2 > 10 * fits[1].chi2_dof
    assert fits[0].chi2 < 3 * fits[0].chi2_dof


def test_bootstrap_agrees_from_twenty_seeds_on() -> None:
    rng = np.random.default_rng(3)
    fit = fit_power_law(X, _synthetic(rng, X, 40, 0.25, True))
    assert fit.bootstrap_high - fit.bootstrap_low == pytest.approx(
        fit.ci_high - fit.ci_low, rel=0.35
    )
    few = fit_power_law(X, _synthetic(rng, X, 19, 0.25, True))
    assert math.isnan(few.bootstrap_low)


def test_curvature_shows_as_systematic_and_misfit() -> None:
    rng = np.random.default_rng(4)
    straight = _synthetic(rng, X, 8, 0.0, False)
    curved = [v + 0.5 * math.log(x / 1024) ** 2 for v, x in zip(straight, X, strict=True)]
    fits = [fit_power_law(X, logs) for logs in (straight, curved)]
    assert fits[1].systematic > 3 * fits[1].std_error > fits[0].systematic
    assert fits[1].chi2 > 10 * fits[1].chi2_dof > fits[0].chi2


def test_exact_data_give_an_exact_slope() -> None:
    fit = fit_power_law(X, [np.full(3, 2.0 * math.log(x)) for x in X])
    assert fit.slope == pytest.approx(2.0, abs=1e-12)
    assert fit.ci_high - fit.ci_low < 1e-9


def test_groups_share_the_slope_only() -> None:
    rng = np.random.default_rng(5)
    x = np.tile(X, 2)
    logs = _synthetic(rng, x, 6, 0.0, False)
    shifted = [v + (10.0 if i >= len(X) else 0.0) for i, v in enumerate(logs)]
    groups = [0] * len(X) + ["other"] * len(X)
    assert fit_power_law(x, shifted, groups).slope == pytest.approx(
        fit_power_law(x, logs, groups).slope, abs=1e-9
    )


@pytest.mark.parametrize("seeds", [[3, 3], [1, 1, 1]])
def test_nothing_to_fit(seeds) -> None:
    x = [256.0] * len(seeds) if seeds == [3, 3] else [1.0, 2.0, 4.0]
    assert fit_power_law(x, [np.zeros(n) for n in seeds]) is None
    assert fit_power_law([], []) is None


def test_runs_that_are_all_alike_give_rows_that_json_can_hold() -> None:
    grid = PerceptronGrid(chi=1.0, d=16, P=(256, 1024, 4096), T=(1.0, 2.0), seeds=3)
    store = MemoryStore()
    scan(grid, store, checkpoints=None)
    alike = store.frame().assign(t_star=lambda frame: frame["T"])
    text = json.dumps([row.to_json() for row in exponent_rows(alike)], allow_nan=False)
    assert [ExponentRow.from_json(row) for row in json.loads(text)]


def test_intervals_cover_where_all_temperatures_share_one_trajectory() -> None:
    # At kappa = 0 runs of a seed at eight T are one run in other units. Of 60 intervals at 95 %,
    # 43 or fewer cover with probability 1e-9; fitted as independent runs they covered 45 to 56 %.
    rng, P = np.random.default_rng(0), (1024, 4096, 16384)
    theory = exponents(1.0)
    covered = {"gamma": 0, "b": 0}
    for _ in range(60):
        one = perceptrons(rng, 5, paper_law, chi=[1.0], d=[16], P=P, T=[1.0], law_error=False)
        one["kappa"] = 0.0
        hotter = [
            one.assign(T=T, w_norm=T * one["w_norm"], t_star=T * one["t_star"])
            for T in 2.0 ** np.arange(8)
        ]
        frame = pd.concat(hotter, ignore_index=True)
        assert len(distinct(frame)) == len(one)
        for row in exponent_rows(frame):
            if row.quantity in covered:
                covered[row.quantity] += row.ci_low <= getattr(theory, row.quantity) <= row.ci_high
    assert min(covered.values()) > 43, covered
