"""Intervals that cover: fits recover known exponents on synthetic power laws."""

import math

import numpy as np
import pytest

from perceptron_sim.experiments.fits import fit_power_law

X = 2.0 ** np.arange(8, 13)
DRAWS = 2000


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
