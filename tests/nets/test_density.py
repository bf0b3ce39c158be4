"""The density exponent from margins: on the perceptron, and where margins have none."""

import math

import numpy as np
import pytest

from nets.config import NetConfig
from nets.lazy import LazyConfig, build_kernel
from nets.lazy.density import DensityFit, DensityLog, density_row, early_margins, fit_density
from nets.training import draw_data


def _config(chi: float, d: int, seed: int, P: int) -> NetConfig:
    return NetConfig(data="perceptron", arch="linear", chi=chi, d=d, P=P, B=2, P_test=0, seed=seed)


def _kernel(chi: float, d: int, seed: int, P: int):
    run = LazyConfig(_config(chi, d, seed, P))
    return run, build_kernel(run)


def _margins(config: NetConfig) -> np.ndarray:
    """Return early margins by their definition, without a matrix of P x P."""
    data = draw_data(config)
    z = data.y[:, None] * data.x
    return (z @ z.sum(axis=0) - np.sum(z * z, axis=1)) / config.d


@pytest.mark.parametrize(
    ("chi", "d", "spread"),
    [(0.0, 16, 0.04), (0.0, 200, 0.06), (0.5, 64, 0.06), (1.0, 64, 0.09), (2.0, 64, 0.25)],
)
def test_the_exponent_of_the_perceptron_is_found(chi: float, d: int, spread: float) -> None:
    # ``spread`` is the measured standard deviation of one fit at P = 3000; the mean of six and a
    # bias of half a spread: beyond 5.5 standard errors, a false alarm below 1e-6.
    fits = [fit_density(_margins(_config(chi, d, seed, 3000))) for seed in range(6)]
    row = density_row(fits)
    assert row.measured == pytest.approx(chi, abs=(5.5 / math.sqrt(6) + 0.5) * spread)
    assert row.ci_low < row.measured < row.ci_high
    assert row.misfit < 1.5
    assert (row.P, row.n_seeds) == (3000, 6)


def test_margins_leave_the_own_part_of_a_sample_out() -> None:
    run, kernel = _kernel(1.0, 8, 0, P=60)
    K, y = kernel.matrix.entries.astype(np.float64), kernel.y
    expected = [y[i] * sum(K[i, j] * y[j] for j in range(60) if j != i) for i in range(60)]
    assert np.allclose(early_margins(kernel), expected, rtol=1e-5, atol=1e-5)
    assert np.allclose(_margins(run.config), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mean", [0.0, 0.15, 0.3, 0.7])
def test_gaussian_margins_determine_nothing(mean: float) -> None:
    rng = np.random.default_rng(1)
    # False alarm: about 1e-4 each, were the seed another one.
    fits = [fit_density(mean + rng.standard_normal(4000)) for _ in range(4)]
    row = density_row(fits)
    assert row.error == pytest.approx(0.5 * math.erfc(mean / math.sqrt(2)), abs=0.02)
    assert (row.measured, row.ci_low, row.ci_high) == (None, None, None)


def test_one_seed_has_no_interval() -> None:
    row = density_row([DensityFit(1.2, 20.0, 0.1, 0.01, 100, 0.9)])
    assert (row.measured, row.ci_low, row.ci_high) == (1.2, None, None)


def test_fits_are_kept_for_a_resumed_scan(tmp_path) -> None:
    path = tmp_path / "density.json"
    run, kernel = _kernel(1.0, 8, 0, P=400)
    small_run, small = _kernel(1.0, 8, 0, P=300)
    log = DensityLog(path)
    log.add([small_run], small)
    assert [fit.P for fit in DensityLog(path).of([small_run])] == [300]
    assert DensityLog(path).of([small_run, run]) == []
    log.add([run], kernel)
    log.add([small_run], small)
    assert [fit.P for fit in DensityLog(path).of([small_run, run])] == [400]
    path.write_text("{")
    assert DensityLog(path).of([run]) == []
