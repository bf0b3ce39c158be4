"""The chi sampler. False alarm of each test: below 1e-7 a run, and the seeds are fixed."""

import math

import numpy as np
import pytest
from scipy import stats

from perceptron_sim.kernels.sampler import abs_x1_cdf, sample_folded
from perceptron_sim.theory import mean_abs_x1

CHIS = [-0.5, 0.0, 0.7, 1.0, 3.0, 8.0]
P = 100_000


@pytest.mark.parametrize("chi", CHIS)
def test_abs_x1_has_the_exact_distribution(chi: float) -> None:
    x = sample_folded(np.random.default_rng(1), P, 2, chi)[:, 0]
    assert stats.kstest(x, lambda v: abs_x1_cdf(v, chi)).pvalue > 1e-8
    # The test can see a chi that is wrong by 0.05.
    assert stats.kstest(x, lambda v: abs_x1_cdf(v, chi + 0.05 * (1 + chi))).pvalue < 1e-8


@pytest.mark.parametrize("chi", CHIS)
def test_mean_of_abs_x1(chi: float) -> None:
    x = sample_folded(np.random.default_rng(2), P, 2, chi)[:, 0]
    error = math.sqrt((1 + chi - mean_abs_x1(chi) ** 2) / P)
    assert abs(x.mean() - mean_abs_x1(chi)) < 5.5 * error


def test_other_coordinates_are_independent_gaussians() -> None:
    z = sample_folded(np.random.default_rng(3), 20_000, 5, 1.0)
    for column in z[:, 1:].T:
        assert stats.kstest(column, "norm").pvalue > 1e-8
    correlation = np.corrcoef(np.column_stack([z, np.abs(z[:, 1:])]).T)
    np.fill_diagonal(correlation, 0.0)
    cross = np.delete(correlation, np.s_[5:], axis=1)[:5]
    assert np.max(np.abs(cross)) < 5.5 / math.sqrt(20_000)


def test_reproducible_and_laid_out_for_the_kernels() -> None:
    first, again = (sample_folded(np.random.default_rng(4), 3000, 700, 0.5) for _ in range(2))
    assert np.array_equal(first, again)
    assert first.flags.c_contiguous
    assert first.dtype == np.float64
    assert first.shape == (3000, 700)
    assert (first[:, 0] >= 0).all()
