"""The least signal against linear programming, its limits, and bad input."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import optimize

from perceptron_sim import InputError
from perceptron_sim.kernels.sampler import sample_folded
from perceptron_sim.theory import minimal_error, minimal_signal, unfitted_fraction
from perceptron_sim.theory.integrals import at_point, excess


def _least_signal(rng: np.random.Generator, chi: float, P: int, d: int) -> tuple[float, float]:
    """Return min w_1 and lambda of: w.z >= sqrt(d) for P samples, a linear program in w."""
    z = sample_folded(rng, P, d, chi)
    cost = np.zeros(d)
    cost[0] = 1.0
    found = optimize.linprog(
        cost, A_ub=-z, b_ub=-math.sqrt(d) * np.ones(P), bounds=[(None, None)] * d, method="highs"
    )
    assert found.status == 0
    return float(found.x[0]), float(found.x[0] / np.linalg.norm(found.x[1:]))


@pytest.mark.parametrize(("chi", "load"), [(-0.3, 8), (0.0, 16), (1.0, 32), (3.0, 16)])
def test_least_signal_against_linear_programs(chi: float, load: int) -> None:
    # The law is exact for d -> infinity: 3 % and 6 standard errors at d = 60; 1e-8 a run.
    d = 60
    rng = np.random.default_rng(11)
    samples = np.log([_least_signal(rng, chi, load * d, d) for _ in range(12)])
    least = minimal_signal(chi, load * d, d)
    for measured, expected in zip(samples.T, (least.slope * math.sqrt(d), least.lam), strict=True):
        error = measured.std(ddof=1) / math.sqrt(len(measured))
        assert abs(measured.mean() - math.log(expected)) < 0.03 + 6 * error


@given(chi=st.floats(-0.7, 10.0), load=st.floats(3.0, 1e9), d=st.integers(2, 1000))
@example(chi=0.0, load=1996.2109375, d=210)
@settings(max_examples=60, deadline=None)
def test_it_solves_its_two_equations_and_is_a_minimum(chi: float, load: float, d: int) -> None:
    P = load * (d - 1)
    least = minimal_signal(chi, P, d)
    assert excess(1 + chi, least.lam, least.margin) * P == pytest.approx(d - 1, rel=1e-6)
    assert at_point(1 + chi, least.lam, least.margin)[0] * P == pytest.approx(d - 1, rel=1e-6)

    def signal(margin: float) -> float:
        """Return w_1 over kappa sqrt(d) at another |w_perp| that just fits the samples."""
        log_lam = optimize.brentq(
            lambda x: math.log(excess(1 + chi, math.exp(x), margin) * P / (d - 1)),
            math.log(least.lam) - 6.0,
            math.log(least.lam) + 1.0,
        )
        return math.exp(log_lam) / margin

    for factor in (0.9, 1.1):
        assert signal(factor * least.margin) > least.slope


def test_large_loads_have_a_test_error_proportional_to_d_over_P() -> None:
    for chi in (-0.5, 0.0, 1.0, 3.0):
        d, P = 1000, 1e9
        least = minimal_signal(chi, P, d)
        error = float(unfitted_fraction(least.lam, chi))
        assert error * P / (d - 1) == pytest.approx(minimal_error(chi), rel=0.02)
    # Opper & Kinzel: test error 0.50 d/P for the maximally stable perceptron.
    assert minimal_error(0.0) == pytest.approx(0.5005, abs=2e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 14.0, 8), "allowed is P > 2"),
        ((1.0, math.inf, 8), "allowed is 0 < P < inf"),
        ((1.0, 100.0, 1), "d = 1 is too small"),
        ((-1.0, 100.0, 8), "-1 < chi < inf"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[float, float, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        minimal_signal(*arguments)
