"""(w, kappa, eta) -> (c w, c kappa, c eta) maps a trajectory onto itself (docs/theory.md (M2))."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.dynamics import DYNAMICS

METHODS = [
    {"dynamics": name, "kernel": kernel} for name, one in DYNAMICS.items() for kernel in one.kernels
]


@pytest.mark.parametrize("method", METHODS, ids=str)
@settings(max_examples=40, deadline=None)
@given(
    chi=st.sampled_from([-0.5, 0.0, 1.0, 3.0]),
    d=st.integers(2, 20),
    P=st.integers(1, 150),
    data=st.data(),
    T=st.floats(1e-3, 1e3),
    ratio=st.sampled_from([0.0, 2.0**-15, 0.3, 5.0]),
    power=st.integers(-200, 200),
    seed=st.integers(0, 10**6),
)
def test_powers_of_two_scale_bit_for_bit(method, chi, d, P, data, T, ratio, power, seed) -> None:
    B = data.draw(st.integers(1, P))
    c = 2.0**power
    shared = {"chi": chi, "d": d, "P": P, "B": B, "seed": seed, "max_updates": 20_000}
    one = simulate(PerceptronConfig(T=T, kappa=ratio * T, **shared), **method)
    scaled = simulate(PerceptronConfig(T=c * T, kappa=c * (ratio * T), **shared), **method)
    assert scaled.steps == one.steps
    assert scaled.hits == one.hits
    assert scaled.t_star == c * one.t_star
    assert np.array_equal(scaled.w, c * one.w)
    assert scaled.test_error == one.test_error
    assert np.array_equal(scaled.checkpoints.w, c * one.checkpoints.w)


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_other_ratios_are_other_runs(method: dict[str, str]) -> None:
    runs = [simulate(PerceptronConfig(T=T, P=64), **method) for T in (1.0, 1.5, 2.0)]
    assert len({run.steps for run in runs}) > 1


@pytest.mark.parametrize("method", METHODS, ids=str)
def test_same_configuration_same_run(method: dict[str, str]) -> None:
    config = PerceptronConfig(P=300, d=5, B=3, seed=9)
    first = simulate(config, **method)
    again = simulate(config, checkpoints=None, **method)
    assert np.array_equal(first.w, again.w)
    assert (first.steps, first.hits) == (again.steps, again.hits)
