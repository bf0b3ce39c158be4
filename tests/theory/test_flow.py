"""The order-parameter equations: limits, splitting in time, bad input."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim import InputError
from perceptron_sim.theory import constants, mean_abs_x1, order_parameter_flow


@given(
    chi=st.floats(-0.5, 4.0),
    d=st.integers(3, 200),
    kappa=st.sampled_from([0.0, 0.1, 5.0]),
    w1=st.floats(0.01, 100.0),
    w_perp=st.floats(0.01, 10.0),
    first=st.floats(0.01, 1e4),
    second=st.floats(0.01, 1e4),
)
@settings(max_examples=20, deadline=None)
def test_time_can_be_split(
    chi: float, d: int, kappa: float, w1: float, w_perp: float, first: float, second: float
) -> None:
    fixed: dict[str, Any] = {"chi": chi, "d": d, "T": 1.0, "kappa": kappa, "B": 2}
    at_once = order_parameter_flow([first + second], start=(w1, w_perp), **fixed)
    half = order_parameter_flow([first], start=(w1, w_perp), **fixed)
    rest = order_parameter_flow([second], start=(float(half.w1[0]), float(half.w_perp[0])), **fixed)
    assert rest.w1[0] == pytest.approx(at_once.w1[0], rel=1e-4)
    assert rest.w_perp[0] == pytest.approx(at_once.w_perp[0], rel=1e-4)


@given(chi=st.floats(-0.5, 4.0), exponent=st.integers(-30, 30), kappa=st.floats(0.01, 10.0))
@settings(max_examples=10, deadline=None)
def test_scale_invariance(chi: float, exponent: int, kappa: float) -> None:
    c = 2.0**exponent
    t = np.geomspace(1.0, 1e6, 5)
    one = order_parameter_flow(t, chi=chi, d=16, T=1.0, kappa=kappa, B=2)
    scaled = order_parameter_flow(c * t, chi=chi, d=16, T=c, kappa=c * kappa, B=2)
    np.testing.assert_allclose(scaled.w1, c * one.w1, rtol=1e-12)
    np.testing.assert_allclose(scaled.unfitted, one.unfitted, rtol=1e-10)


@pytest.mark.parametrize("chi", [-0.5, 0.0, 1.0, 3.0])
def test_large_times_follow_the_asymptotic_laws(chi: float) -> None:
    d = 10_000
    t = np.array([1e16, 1e17])
    flow = order_parameter_flow(t, chi=chi, d=d, T=1.0, B=1)
    c = constants(chi)
    np.testing.assert_allclose(flow.w_perp, c.r_star * math.sqrt(d), rtol=1e-3)
    np.testing.assert_allclose(t / d, c.t_prefactor * flow.lam ** (3 + chi), rtol=5e-3)


@pytest.mark.parametrize("kappa", [0.0, 2.0**-15, 1.0])
def test_the_first_step_is_taken_whole(kappa: float) -> None:
    # Every sample of the first batch is unfitted: w_1 = eta mu_1 / sqrt(d) on average.
    eta, d = 8.0, 50
    flow = order_parameter_flow([eta / 2, eta], chi=1.0, d=d, T=1.0, B=8, kappa=kappa)
    first = eta * mean_abs_x1(1.0) / math.sqrt(d)
    np.testing.assert_allclose(flow.w1, [first / 2, first])
    np.testing.assert_allclose(flow.w_perp[1], math.sqrt(eta * (d - 1) / d))


def test_twelve_decades_from_one_call() -> None:
    for kappa in (0.0, 1e-6, 1.0, 1e6):
        flow = order_parameter_flow(np.geomspace(1e-3, 1e9, 50), chi=1.0, d=8, T=1.0, kappa=kappa)
        assert np.all(np.diff(flow.w1) > 0)
        assert np.all(np.isfinite(flow.w_perp))
        assert np.all((flow.unfitted >= flow.test_error) & (flow.unfitted <= 1.0))


@given(
    chi=st.floats(-0.7, 8.0),
    d=st.integers(2, 2000),
    kappa=st.one_of(st.just(0.0), st.floats(-5.0, 6.0).map(lambda x: 10.0**x)),
    B=st.integers(1, 200),
    decades=st.floats(1.0, 30.0),
)
@settings(max_examples=20, deadline=None)
def test_every_system_is_solved(chi: float, d: int, kappa: float, B: int, decades: float) -> None:
    t = B * np.geomspace(0.1, 10.0**decades, 30)
    flow = order_parameter_flow(t, chi=chi, d=d, T=1.0, kappa=kappa, B=B)
    assert np.all(np.diff(flow.w1) > 0)
    assert np.all(np.isfinite(flow.w_perp) & (flow.w_perp > 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"t": [0.0]}, "t must be positive"),
        ({"t": [2.0, 1.0]}, "t must be positive and increasing"),
        ({"d": 1}, "d = 1 is too small"),
        ({"T": 0.0}, "0 < T < inf"),
        ({"kappa": -1.0}, "0 <= kappa < inf"),
        ({"B": 0}, "B = 0 is too small"),
        ({"start": (0.0, 1.0)}, "both be 0 or both be positive"),
        ({"chi": -1.0}, "-1 < chi < inf"),
    ],
)
def test_bad_input_is_one_line(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"t": [1.0], "chi": 1.0, "d": 8, "T": 1.0}
    with pytest.raises(InputError, match=message):
        order_parameter_flow(**(good | change))
