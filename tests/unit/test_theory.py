"""Closed forms against quadrature of their definitions, and limits."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from perceptron_sim import InputError
from perceptron_sim.theory import (
    constants,
    exponents,
    mean_abs_x1,
    noise_drift,
    signal_drift,
    unfitted_fraction,
)

CHIS = [-0.5, 0.0, 0.7, 1.0, 3.0, 8.0]
LAMBDAS = [0.0, 0.1, 1.0, 7.0, 60.0]
chis = st.floats(-0.9, 50.0)


def _over_x1(function, chi: float, scale: float) -> float:
    """Return E[function(|x_1|)]; ``scale`` is where the integrand falls off."""
    density = stats.chi(1.0 + chi).pdf
    edges = [0.0, *np.geomspace(scale * 1e-6, scale * 40.0, 12)]
    parts = [
        integrate.quad(lambda u: function(u) * density(u), a, b, epsabs=0, epsrel=1e-11)[0]
        for a, b in pairwise(edges)
    ]
    return math.fsum(parts)


@pytest.mark.parametrize("chi", CHIS)
@pytest.mark.parametrize("lam", LAMBDAS)
def test_closed_forms_equal_their_definitions(chi: float, lam: float) -> None:
    # Given z_1 = u, a sample is unfitted if a standard Gaussian g is below -lambda u.
    scale = 1.0 / max(lam, 1.0) * math.sqrt(2.0 + chi)
    n = _over_x1(lambda u: stats.norm.cdf(-lam * u), chi, scale)
    g_1 = _over_x1(lambda u: u * stats.norm.cdf(-lam * u), chi, scale)
    drift = _over_x1(lambda u: -stats.norm.pdf(lam * u), chi, scale)
    assert unfitted_fraction(lam, chi) == pytest.approx(n, rel=1e-8)
    assert signal_drift(lam, chi) == pytest.approx(g_1, rel=1e-8)
    assert noise_drift(lam, chi) == pytest.approx(drift, rel=1e-8)


@pytest.mark.parametrize("chi", CHIS)
@pytest.mark.parametrize("margin", [0.1, 1.0, 3.0])
def test_unfitted_fraction_with_a_margin(chi: float, margin: float) -> None:
    for lam in (0.0, 0.5, 2.0):
        n = _over_x1(lambda u, lam=lam: stats.norm.cdf(margin - lam * u), chi, math.sqrt(2 + chi))
        assert unfitted_fraction(lam, chi, margin) == pytest.approx(n, rel=1e-6)


@given(chi=chis, lam=st.floats(0.01, 100.0))
def test_signal_drift_is_minus_the_slope_of_minus_noise_drift(chi: float, lam: float) -> None:
    # d n / d lambda = -E[z_1 phi(lambda z_1)], and by parts
    # lambda d n / d lambda + (1 + chi) n = E[z_1^2 theta] >= 0; here its consequence:
    h = 1e-4 * lam
    slope = (unfitted_fraction(lam + h, chi) - unfitted_fraction(lam - h, chi)) / (2 * h)
    expected = -mean_abs_x1(chi) * (1 + lam**2) ** (-(2 + chi) / 2) / math.sqrt(2 * math.pi)
    assert slope == pytest.approx(expected, rel=1e-4, abs=1e-300)


@given(chi=st.floats(-0.9, 10.0))
def test_constants_are_the_large_lambda_limits(chi: float) -> None:
    c = constants(chi)
    lam = 1e4
    assert unfitted_fraction(lam, chi) == pytest.approx(c.C_n * lam ** -(1 + chi), rel=1e-5)
    assert signal_drift(lam, chi) == pytest.approx(c.C_1 * lam ** -(2 + chi), rel=1e-5)


@given(chi=st.floats(-1, 1e6, exclude_min=True))
def test_b_is_one_plus_two_gamma(chi: float) -> None:
    e = exponents(chi)
    assert e.b == pytest.approx(1 + 2 * e.gamma)
    assert e.delta == e.t_star_on_T == 1


def test_vectorised_shapes() -> None:
    lam = np.ones((3, 1))
    margin = np.array([0.0, 0.5])
    assert unfitted_fraction(lam, 1.0, margin).shape == (3, 2)
    assert signal_drift(lam, 1.0).shape == (3, 1)


@pytest.mark.parametrize("chi", [-1.0, -2.0, math.nan, math.inf])
def test_chi_without_density_is_refused(chi: float) -> None:
    for function in (exponents, constants, mean_abs_x1):
        with pytest.raises(InputError, match="-1 < chi < inf"):
            function(chi)


def test_negative_lambda_is_refused() -> None:
    with pytest.raises(InputError, match="lambda must be >= 0"):
        unfitted_fraction([-1.0], 1.0)
