"""Scaling properties that every prediction has to obey."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim import InputError
from perceptron_sim.theory import exponents, exponents_at_dimension, predict
from perceptron_sim.theory.prediction import end_of_training

trusted: dict[str, Any] = {
    "chi": st.floats(-0.5, 4.0),
    "d": st.integers(8, 300),
    "load": st.floats(16.0, 1e4),
    "ratio": st.one_of(st.just(0.0), st.floats(1e-3, 100.0)),
}


@given(**trusted, exponent=st.integers(-40, 40))
@settings(max_examples=25, deadline=None)
def test_scale_invariance(chi: float, d: int, load: float, ratio: float, exponent: int) -> None:
    c = 2.0**exponent
    one = predict(chi=chi, P=int(load * d) + 1, d=d, T=1.0, kappa=ratio)
    scaled = predict(chi=chi, P=int(load * d) + 1, d=d, T=c, kappa=c * ratio)
    assert scaled.w1 == pytest.approx(c * one.w1, rel=1e-12)
    assert scaled.t_star == pytest.approx(c * one.t_star, rel=1e-12)
    assert scaled.test_error == one.test_error
    assert scaled.gamma_loc == one.gamma_loc


@given(**trusted)
@settings(max_examples=40, deadline=None)
def test_weights_and_time_grow_with_P_and_T(chi: float, d: int, load: float, ratio: float) -> None:
    here = end_of_training(chi, load * d, d, 1, ratio)
    larger = end_of_training(chi, 1.2 * load * d, d, 1, ratio)
    assert larger.w_norm > here.w_norm
    assert larger.t_star > here.t_star
    assert larger.lam > here.lam
    # At fixed kappa, in units of kappa: twice T is half kappa/T.
    hotter = end_of_training(chi, load * d, d, 1, ratio / 2)
    assert 2 * hotter.w_norm > here.w_norm


@given(**trusted)
@settings(max_examples=25, deadline=None)
def test_delta_is_one_where_noise_dominates_and_zero_where_it_does_not(
    chi: float, d: int, load: float, ratio: float
) -> None:
    P = int(load * d) + 1
    assert predict(chi=chi, P=P, d=d, kappa=0.0).delta_loc == pytest.approx(1.0)
    assert predict(chi=chi, P=P, d=d, kappa=0.0).t_star_on_T == pytest.approx(1.0)
    assert abs(predict(chi=chi, P=P, d=d, T=1.0, kappa=1e4).delta_loc) < 0.01
    assert 0.0 <= predict(chi=chi, P=P, d=d, kappa=ratio).delta_loc < 1.01


@given(chi=st.floats(-0.5, 4.0), d=st.integers(8, 300), load=st.floats(64.0, 1e6))
@settings(max_examples=40, deadline=None)
def test_b_is_one_plus_two_gamma_up_to_the_correction_of_finite_d(
    chi: float, d: int, load: float
) -> None:
    # The correction is -2/(d+1) for P -> infinity. Worst are few hits: d = 8, chi = 4, P/d = 64.
    up = end_of_training(chi, load * d * 1.5, d, 2, 0.0)
    down = end_of_training(chi, load * d / 1.5, d, 2, 0.0)
    step = math.log(2.25)
    gamma, b = math.log(up.w_norm / down.w_norm) / step, math.log(up.t_star / down.t_star) / step
    beyond = b - 1 - 2 * gamma + 2 / (d + 1)
    assert abs(beyond) < (0.15 if d >= 32 and load >= 1e3 else 0.5)
    assert gamma < exponents(chi).gamma * 1.02


def test_the_asymptotic_exponents_emerge() -> None:
    for chi in (-0.3, 0.0, 0.5, 1.0, 2.0, 3.0):
        theory = exponents(chi)
        gaps = []
        for load in (1e2, 1e4, 1e6, 1e8):
            d = 10_000
            up = end_of_training(chi, load * d * 2, d, 2, 0.0)
            down = end_of_training(chi, load * d / 2, d, 2, 0.0)
            gamma = math.log(up.w_norm / down.w_norm) / math.log(4)
            b = math.log(up.t_star / down.t_star) / math.log(4)
            gaps.append((theory.gamma - gamma, theory.b - b))
        assert abs(gaps[-1][0]) < 0.02 * theory.gamma
        assert abs(gaps[-1][1]) < 0.03 * theory.b
        assert abs(gaps[-1][0]) < abs(gaps[0][0])


@pytest.mark.parametrize("d", [8, 32])
def test_at_fixed_d_the_exponents_of_that_d_emerge(d: int) -> None:
    for chi in (0.0, 1.0):
        theory = exponents_at_dimension(chi, d)
        up, down = (end_of_training(chi, P, d, 2, 0.0) for P in (1e33, 1e30))
        gamma = math.log(up.w_norm / down.w_norm) / math.log(1e3)
        b = math.log(up.t_star / down.t_star) / math.log(1e3)
        assert gamma == pytest.approx(theory.gamma, rel=0.03)
        assert b == pytest.approx(theory.b, rel=0.03)


def test_pairs_of_names_are_one_parameter() -> None:
    one = predict(chi=1.0, P=4096, d=16, B=4, eta=2.0, alpha=8.0)
    assert one == predict(chi=1.0, P=4096, d=16, B=4, T=0.5, kappa=0.125)


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({}, ""),
        ({"chi": 6.0}, "chi = 6 is outside"),
        ({"d": 4}, "d = 4 is below 8"),
        ({"P": 200}, "P/d = 12.5 is below 16"),
        ({"P": 2**17}, ""),
        ({"P": 2**18}, "P/d = 16384 is above 8192"),
        ({"P": 2**16, "chi": -0.25}, "P/d = 4096 is above 512"),
        ({"kappa": 64.0}, ""),
        ({"kappa": 65.0}, "kappa/T = 65 is above 64"),
        ({"B": 512}, "unfitted samples at the end"),
        ({"B": 8, "chi": 3.0, "P": 1024}, "first step alone"),
    ],
)
def test_what_is_not_trusted_says_why(change: dict[str, Any], doubt: str) -> None:
    found = predict(**({"chi": 1.0, "P": 4096, "d": 16, "kappa": 0.0} | change))
    assert doubt in found.doubt
    assert found.trusted == (not doubt)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"P": 20}, "allowed is P > 2"),
        ({"B": 5000}, "larger than P"),
        ({"T": -1.0}, "0 < T < inf"),
        ({"T": 1.0, "eta": 1.0}, "both T and eta"),
        ({"kappa": 1.0, "alpha": 1.0}, "both kappa and alpha"),
        ({"d": 1}, "d = 1 is too small"),
        ({"chi": -1.0}, "-1 < chi < inf"),
        ({"P": 100.5}, "not an integer"),
    ],
)
def test_bad_input_is_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        predict(**({"chi": 1.0, "P": 4096, "d": 16} | change))
