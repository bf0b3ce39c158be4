"""Closed forms against 30-digit quadrature of their definitions, Monte Carlo, and limits."""

import math

import mpmath as mp
import numpy as np
import pytest
from definitions import KINDS, POINTS, definition, kept
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from perceptron_sim import InputError
from perceptron_sim.kernels.sampler import sample_folded
from perceptron_sim.theory import (
    constants,
    exponents,
    exponents_at_dimension,
    mean_abs_x1,
    noise_covariance,
    noise_diffusion,
    noise_drift,
    signal_drift,
    unfitted_fraction,
)
from perceptron_sim.theory.integrals import at_point, edge, excess, tail

chis = st.floats(-0.9, 50.0)
margins = st.one_of(st.just(0.0), st.floats(1e-3, 30.0))
CLOSED_FORMS = {
    "n": unfitted_fraction,
    "g_1": signal_drift,
    "z theta": noise_drift,
    "z^2 theta": noise_diffusion,
}
KEPT = kept()


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_closed_forms_equal_their_definitions(point: tuple[float, float, float]) -> None:
    chi, lam, margin = point
    kept = KEPT[str(point)]
    with mp.workdps(30):
        for kind, closed_form in CLOSED_FORMS.items():
            expected = mp.mpf(kept[kind])
            value = float(closed_form(lam, chi, margin))
            if abs(expected) > 1e-290:
                assert abs(value / expected - 1) < 1e-10, kind
            else:
                assert abs(value) < 1e-280, kind


def test_values_kept_are_those_of_the_definitions() -> None:
    assert set(KEPT) == set(map(str, POINTS))
    assert set(KINDS) == set(CLOSED_FORMS)
    with mp.workdps(30):
        # Each kind of moment at one or two of the points.
        for i, point in enumerate(POINTS[::4]):
            kind = KINDS[i % len(KINDS)]
            expected = definition(kind, *point)
            assert abs(mp.mpf(KEPT[str(point)][kind]) - expected) <= 1e-15 * abs(expected), point


@given(chi=chis, lam=st.floats(0.0, 100.0), margin=margins)
def test_one_point_equals_the_array_functions(chi: float, lam: float, margin: float) -> None:
    nu, at, m = 1.0 + chi, np.array([lam]), np.array([margin])
    arrays = (tail(nu, at, m), tail(nu + 1, at, m), edge(nu, at, m), edge(nu + 1, at, m))
    for one, many in zip(at_point(nu, lam, margin), arrays, strict=True):
        assert one == pytest.approx(float(many[0]), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize(("chi", "lam", "margin"), [(0, 1.3, 0), (1, 0.4, 0.7), (3, 2.0, 1.5)])
def test_closed_forms_against_monte_carlo(chi: float, lam: float, margin: float) -> None:
    # Twelve comparisons at 6 standard errors: false alarms below 3e-8 a run.
    rng = np.random.default_rng(1)
    z = sample_folded(rng, 2_000_000, 2, chi)
    hit = lam * z[:, 0] + z[:, 1] < margin
    for closed_form, sample in zip(
        CLOSED_FORMS.values(),
        (hit * 1.0, hit * z[:, 0], hit * z[:, 1], hit * z[:, 1] ** 2),
        strict=True,
    ):
        error = sample.std() / math.sqrt(len(sample))
        assert abs(sample.mean() - closed_form(lam, chi, margin)) < 6 * error


@given(chi=st.floats(-0.9, 20.0), lam=st.floats(0.01, 30.0), margin=st.floats(0.1, 8.0))
def test_slopes_of_n_are_edges(chi: float, lam: float, margin: float) -> None:
    # dn/dmargin = E[phi], dn/dlambda = -E[z_1 phi].
    h = 1e-4
    by_margin = float(
        unfitted_fraction(lam, chi, margin + h) - unfitted_fraction(lam, chi, margin - h)
    ) / (2 * h)
    by_lam = float(
        unfitted_fraction(lam * (1 + h), chi, margin)
        - unfitted_fraction(lam * (1 - h), chi, margin)
    ) / (2 * h * lam)
    at = (np.array([lam]), np.array([margin]))
    n = float(unfitted_fraction(lam, chi, margin))
    assert by_margin == pytest.approx(float(edge(1 + chi, *at)[0]), rel=1e-4, abs=1e-9 * n)
    expected = -mean_abs_x1(chi) * float(edge(2 + chi, *at)[0])
    assert by_lam == pytest.approx(expected, rel=1e-4, abs=1e-9 * n)


@given(chi=st.floats(-0.9, 20.0), lam=st.floats(0.0, 30.0), margin=st.floats(0.0, 8.0))
def test_slope_of_the_excess_is_twice_its_first_moment(
    chi: float, lam: float, margin: float
) -> None:
    # G = E[(s)_+^2] obeys m dG/dm + lambda dG/dlambda = 2 (G - n), by parts over g.
    h = 1e-5
    nu = 1 + chi
    up, down = (
        excess(nu, lam * (1 + h), margin * (1 + h)),
        excess(nu, lam * (1 - h), margin * (1 - h)),
    )
    n = float(unfitted_fraction(lam, chi, margin))
    value = excess(nu, lam, margin)
    assert (up - down) / (2 * h) == pytest.approx(2 * (value - n), rel=1e-4, abs=1e-4 * value)


@given(chi=st.floats(-0.9, 10.0))
def test_constants_are_the_large_lambda_limits(chi: float) -> None:
    c = constants(chi)
    lam = 1e4
    assert unfitted_fraction(lam, chi) == pytest.approx(c.C_n * lam ** -(1 + chi), rel=1e-5)
    assert signal_drift(lam, chi) == pytest.approx(c.C_1 * lam ** -(2 + chi), rel=1e-5)


@given(chi=chis, margin=st.floats(0.0, 8.0))
def test_without_signal_only_the_margin_matters(chi: float, margin: float) -> None:
    assert unfitted_fraction(0.0, chi, margin) == pytest.approx(stats.norm.cdf(margin), rel=1e-10)
    assert noise_drift(0.0, chi, margin) == pytest.approx(-stats.norm.pdf(margin), rel=1e-10)


@given(chi=chis, lam=st.floats(0.0, 1e8))
def test_an_infinite_margin_leaves_every_sample_unfitted(chi: float, lam: float) -> None:
    assert unfitted_fraction(lam, chi, math.inf) == 1.0
    assert signal_drift(lam, chi, math.inf) == mean_abs_x1(chi)
    assert noise_drift(lam, chi, math.inf) == 0.0
    assert noise_diffusion(lam, chi, math.inf) == 1.0


@given(chi=st.floats(-0.9, 6.0), lam=st.floats(0.0, 5.0), seed=st.integers(0, 2**32))
def test_n_is_the_test_error_on_fresh_samples(chi: float, lam: float, seed: int) -> None:
    # 100 examples at 7 standard errors and a count's worth: false alarms below 1e-9 a run.
    z = sample_folded(np.random.default_rng(seed), 20_000, 2, chi)
    n = float(unfitted_fraction(lam, chi))
    error = math.sqrt(n * (1 - n) / len(z)) + 1 / len(z)
    assert abs(np.mean(lam * z[:, 0] + z[:, 1] < 0.0) - n) < 7 * error


@pytest.mark.parametrize(("chi", "margin"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.8), (3.0, 0.3)])
def test_noise_covariance_against_monte_carlo(chi: float, margin: float) -> None:
    # 16 comparisons at 6 standard errors: false alarms below 4e-8 a run.
    rng, d, lam, n_blocks = np.random.default_rng(2), 6, 1.1, 100
    z = sample_folded(rng, 400_000, d, chi)
    hit = lam * z[:, 0] + z[:, 1] < margin
    gradient = (hit[:, None] * z / math.sqrt(d)).reshape(n_blocks, -1, d)
    covariances = np.array([np.cov(block, rowvar=False) for block in gradient])
    closed = noise_covariance(lam, chi, d, margin)
    rest = np.arange(2, d)
    for measured, expected in (
        (covariances[:, 0, 0], closed.signal),
        (covariances[:, 0, 1], closed.cross),
        (covariances[:, 1, 1], closed.noise),
        (covariances[:, rest, rest].mean(1), closed.rest),
        (np.trace(covariances, axis1=1, axis2=2), closed.trace),
    ):
        error = measured.std(ddof=1) / math.sqrt(n_blocks)
        assert abs(measured.mean() - expected) < 6 * error


@given(chi=st.floats(-1, 1e6, exclude_min=True), d=st.integers(2, 10**6))
def test_b_is_one_plus_two_gamma(chi: float, d: int) -> None:
    e = exponents(chi)
    assert e.b == pytest.approx(1 + 2 * e.gamma)
    assert e.delta == e.t_star_on_T == 1
    at_d = exponents_at_dimension(chi, d)
    assert at_d.b == pytest.approx(1 + 2 * at_d.gamma - 2 / (d + 1))
    assert at_d.gamma < e.gamma


def test_vectorised_shapes() -> None:
    lam = np.ones((3, 1))
    margin = np.array([0.0, 0.5])
    for closed_form in CLOSED_FORMS.values():
        assert closed_form(lam, 1.0, margin).shape == (3, 2)
    assert noise_covariance(lam, 1.0, 8, margin).trace.shape == (3, 2)


@pytest.mark.parametrize("chi", [-1.0, -2.0, math.nan, math.inf])
def test_chi_without_density_is_refused(chi: float) -> None:
    for function in (exponents, constants, mean_abs_x1):
        with pytest.raises(InputError, match="-1 < chi < inf"):
            function(chi)


def test_negative_lambda_is_refused() -> None:
    with pytest.raises(InputError, match="lambda must be >= 0"):
        unfitted_fraction([-1.0], 1.0)
    with pytest.raises(InputError, match="margin must be >= 0"):
        noise_drift(1.0, 1.0, [math.nan])
