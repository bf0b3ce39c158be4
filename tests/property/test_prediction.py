"""Scaling properties that every prediction has to obey."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim import InputError
from perceptron_sim.theory import (
    exponents,
    exponents_at_dimension,
    minimal_signal,
    noise_diffusion,
    noise_drift,
    predict,
    signal_drift,
    unfitted_fraction,
)
from perceptron_sim.theory.prediction import end_of_training

trusted: dict[str, Any] = {
    "chi": st.floats(-0.5, 4.0),
    "d": st.integers(8, 300),
    "load": st.floats(16.0, 1e4),
    "ratio": st.one_of(st.just(0.0), st.floats(1e-3, 100.0)),
}

# chi 0, 1, 3; P 640, 5120, 40960; d 8, 16, 32; kappa 0, 0.5, 2; the rest by default.
OLD = {
    "w1": [30.203475485216305, 49.56052110003346, 56.327833845887696],
    "lam": [52.67705064568621, 22.065959132202348, 11.938993116358985],
    "t_star": [147897.91333643047, 912981.4860900693, 1612315.8023394472],
    "test_error": [0.006041941478466061, 0.0005126560168115411, 9.121565888259547e-06],
    "delta_loc": [1.0, 0.3399021997768197, 0.1589075619124254],
    "gamma_loc": [0.7659671080311592, 0.474497415842254, 0.24660626627689866],
    "b_loc": [2.333768985115845, 1.8597229404493254, 1.4102948688512467],
}


@given(**trusted, exponent=st.integers(-40, 40))
@settings(max_examples=12, deadline=None)
def test_scale_invariance(chi: float, d: int, load: float, ratio: float, exponent: int) -> None:
    c = 2.0**exponent
    one = predict(chi=chi, P=int(load * d) + 1, d=d, T=1.0, kappa=ratio)
    scaled = predict(chi=chi, P=int(load * d) + 1, d=d, T=c, kappa=c * ratio)
    assert scaled.w1 == pytest.approx(c * one.w1, rel=1e-12)
    assert scaled.t_star == pytest.approx(c * one.t_star, rel=1e-12)
    assert scaled.test_error == one.test_error
    assert scaled.gamma_loc == one.gamma_loc


@given(**trusted)
@settings(max_examples=20, deadline=None)
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
@settings(max_examples=12, deadline=None)
def test_delta_is_one_where_noise_dominates_and_zero_where_it_does_not(
    chi: float, d: int, load: float, ratio: float
) -> None:
    P = int(load * d) + 1
    noisy = predict(chi=chi, P=P, d=d, kappa=0.0)
    assert noisy.delta_loc == pytest.approx(1.0)
    assert noisy.t_star_on_T == pytest.approx(1.0)
    assert abs(predict(chi=chi, P=P, d=d, T=1.0, kappa=1e4).delta_loc) < 0.01
    assert 0.0 <= predict(chi=chi, P=P, d=d, kappa=ratio).delta_loc < 1.01


@given(chi=st.floats(-0.5, 4.0), d=st.integers(8, 300), load=st.floats(64.0, 1e6))
@settings(max_examples=20, deadline=None)
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
        ({"P": 2**18}, ""),
        ({"P": 2**18, "kappa": 1.0}, "P/d = 16384 is above 8192"),
        ({"P": 2**29}, "P/d = 3.35544e+07 is above 1.678e+07"),
        ({"P": 2**35, "chi": 3.0}, "P/d = 2.14748e+09 is above 1e+09"),
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


def test_errors_grow_beyond_the_points_of_the_fit() -> None:
    found = predict(chi=3.0, d=16, P=[2**10, 2**17, 2**33], kappa=0.0)
    for name in ("log_w_error", "log_t_error", "log_n_error"):
        near, last, far = vars(found)[name]
        assert near == last < far, name


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
        ({"P": [4096, 100.5]}, "not an integer"),
        ({"P": [4096, 20]}, "P = 20 is out of range: allowed is P > 2"),
        ({"T": [1.0, -1.0]}, "T = -1 is out of range"),
        ({"B": [2, 5000]}, "B = 5000 is larger than P = 4096"),
        ({"chi": ["one"]}, "values that are not numbers"),
        ({"T": [1.0, 2.0, 3.0], "P": [4096, 8192]}, r"do not broadcast: .*P \(2,\)"),
    ],
)
def test_bad_input_is_one_line(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        predict(**({"chi": 1.0, "P": 4096, "d": 16} | change))


def test_arrays_give_what_one_point_after_another_gives() -> None:
    chi, P, T = np.array([-0.5, 0.0, 3.0]), np.array([300, 4096, 10**6]), [0.25, 4.0]
    grid = {"chi": chi[:, None, None], "P": P[:, None], "T": T, "kappa": 0.1, "B": 2}
    found = predict(d=16, **grid)
    assert found.t_star.shape == found.doubt.shape == found.d.shape == (3, 3, 2)
    for at in np.ndindex(3, 3, 2):
        one = predict(chi=chi[at[0]], P=P[at[1]], T=T[at[2]], d=16, kappa=0.1)
        for name, value in vars(one).items():
            assert not isinstance(value, np.generic | np.ndarray), name
            entry = vars(found)[name][at]
            # Least signals are solved to 1e-10.
            near = pytest.approx(value, rel=1e-8) if isinstance(value, float) else value
            assert entry == near, name
    frame = found.to_frame()
    assert len(frame) == 18
    assert frame["t_star"].to_list() == found.t_star.ravel().tolist()
    assert len(predict(chi=1.0, P=4096, d=16).to_frame()) == 1


def test_pairs_of_names_broadcast_too() -> None:
    one = predict(chi=1.0, P=4096, d=16, B=[2, 4], eta=[2.0, 8.0], alpha=[4.0, 8.0])
    assert one == predict(chi=1.0, P=4096, d=16, B=[2, 4], T=[1.0, 2.0], kappa=[0.25, 0.125])


def test_predictions_are_those_of_version_0_1() -> None:
    found = predict(chi=[0.0, 1.0, 3.0], P=[640, 5120, 40960], d=[8, 16, 32], kappa=[0.0, 0.5, 2.0])
    for name, expected in OLD.items():
        assert vars(found)[name] == pytest.approx(expected, rel=1e-9), name


def test_next_to_the_capacity_nothing_overflows() -> None:
    found = predict(chi=[0.0, 4.0], P=[15, 604], d=[8, 300], B=1)
    assert not found.trusted.any()
    assert np.all(np.isfinite(found.w_norm))


def test_closed_forms_and_least_signals_take_arrays_of_chi() -> None:
    chi, lam = np.array([[0.0], [1.0], [2.5]]), np.array([0.5, 3.0])
    for closed in (unfitted_fraction, signal_drift, noise_drift, noise_diffusion):
        each = [[float(closed(x, float(c), 0.3)) for x in lam] for c in chi[:, 0]]
        assert closed(lam, chi, 0.3).tolist() == each
    least = minimal_signal(chi, [100.0, 1e4], 16)
    assert least.slope.shape == (3, 2)
    assert least.slope[1, 1] == pytest.approx(minimal_signal(1.0, 1e4, 16).slope, rel=1e-9)
    with pytest.raises(InputError, match="P = 30 is out of range"):
        minimal_signal(chi, [30.0, 1e4], 16)
