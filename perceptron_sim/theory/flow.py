"""The order-parameter equations: w_1 and |w_perp| on fresh samples against time.

In units w_1 = W T sqrt(d), |w_perp| = R T sqrt(d), t = tau T d only kappa/T, d and B are left:

    dW/dtau   = g_1
    dR^2/dtau = 2 R E[z theta] + [(d-2) n + E[z^2 theta] + (B-1) E[z theta]^2] / d

with lambda = W/R and margin = (kappa/T)/R; eq. (11) of docs/theory.md. Twelve decades of time
need logarithms of W, R^2 and tau. The fast relaxation of R needs an implicit method. From w = 0
the first steps are taken one by one, because they are not small.
"""

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate

from perceptron_sim import parameters
from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.theory.exponents import check_dimension, check_solvable_chi
from perceptron_sim.theory.integrals import at_point
from perceptron_sim.theory.order_parameters import mean_abs_x1, unfitted_fraction

_TOLERANCE = 3e-7
# Whole steps are taken until they change W and R^2 by less than this fraction.
_SMALL_STEP = 0.01
_MOST_STEPS = 2_000
# This fraction of the shortest time scale counts as time 0.
_EARLY = 1e-7
_FAR = 100.0
_SETTLED = 1e6
# Largest t/T and kappa/T. Beyond them numbers overflow in the solver.
LARGEST_TIME = 1e60
LARGEST_RATIO = 1e30


@dataclass(frozen=True, eq=False)
class Flow(ByValue):
    """A solution of the order-parameter equations, docs/theory.md (11); arrays of shape (n,).

    Attributes:
        t: time, learning rate times steps.
        w1: signal w_1.
        w_perp: noise |w_perp|.
        lam: w_1 / |w_perp|.
        unfitted: probability that a fresh sample is unfitted.
        test_error: probability that a fresh sample is misclassified.
    """

    t: FloatArray
    w1: FloatArray
    w_perp: FloatArray
    lam: FloatArray
    unfitted: FloatArray
    test_error: FloatArray


def order_parameter_flow(
    t: ArrayLike,
    *,
    chi: float,
    d: int,
    T: float,
    kappa: float = 0.0,
    B: int = 1,
    start: tuple[float, float] = (0.0, 0.0),
) -> Flow:
    """Solve the order-parameter equations, docs/theory.md (11), for SGD on fresh samples.

    From w = 0 the first steps are taken one by one, until each changes w by less than 1 %. Between
    them w is interpolated. Fluctuations of w_perp are neglected, a correction of relative order
    1/d. So are those of a step, so the result holds for B n(lambda) << d.

    Args:
        t: times since the start, > 0, increasing, shape (n,).
        chi: density exponent at the boundary, > -1.
        d: input dimension, >= 2.
        T: temperature eta / B, > 0.
        kappa: margin, >= 0.
        B: batch size, >= 1.
        start: (w_1, |w_perp|) at t = 0: both 0, or both positive.

    Returns:
        The solution at ``t``.

    Raises:
        InputError: if an argument is out of range: chi outside -0.75..10, kappa/T > 1e30 or
            t/T > 1e60.
    """
    times = np.atleast_1d(np.asarray(t, dtype=np.float64))
    _check(times, d, T, kappa, B, start)
    system = _System(check_solvable_chi(chi), float(d), float(B), kappa / T)
    scale = T * math.sqrt(d)
    if start == (0.0, 0.0):
        passed, states = _first_steps(system, B / d)
    else:
        passed, states = [0.0], [(start[0] / scale, (start[1] / scale) ** 2)]
    tau = times / (T * d)
    early = tau <= passed[-1]
    W, R2 = np.empty_like(tau), np.empty_like(tau)
    W[early] = np.interp(tau[early], passed, [state[0] for state in states])
    R2[early] = np.interp(tau[early], passed, [state[1] for state in states])
    if not early.all():
        W[~early], R2[~early] = _integrate(system, tau[~early] - passed[-1], *states[-1])
    w1, w_perp = scale * W, scale * np.sqrt(R2)
    lam = w1 / w_perp
    return Flow(
        t=times,
        w1=w1,
        w_perp=w_perp,
        lam=lam,
        unfitted=unfitted_fraction(lam, chi, kappa * math.sqrt(d) / w_perp),
        test_error=unfitted_fraction(lam, chi),
    )


def check_ratio(kappa_over_T: float) -> None:
    """Refuse a margin so far above the noise that its square would overflow.

    Raises:
        InputError: if it is.
    """
    if not kappa_over_T <= LARGEST_RATIO:
        raise InputError(
            f"kappa / T = {kappa_over_T:g} is out of range: predictions are solved up to "
            f"{LARGEST_RATIO:g}"
        )


def flow_to_show(t: ArrayLike, **parameters_: Any) -> Flow | None:
    """Return ``order_parameter_flow``, or None where a figure has none to draw."""
    try:
        return order_parameter_flow(t, **parameters_)
    except (InputError, ArithmeticError):
        return None


def _first_steps(system: "_System", step: float) -> tuple[list[float], list[tuple[float, float]]]:
    """Take whole steps from w = 0 until one changes W and R^2 by little; eq. (11), discrete.

    The mean change of W and R^2 in one step of SGD is exactly that of the equations over
    ``step`` = B/d; in the first step every sample is unfitted.

    Returns:
        Times tau after each step, beginning with 0, and the states (W, R^2) there.
    """
    tau, W, R2 = 0.0, 0.0, 0.0
    passed, states = [tau], [(W, R2)]
    for _ in range(_MOST_STEPS):
        if R2 > 0.0:
            R = math.sqrt(R2)
            g_1, drift, diffusion = system.rates(W / R, system.kappa_over_T / R)
            change_W, change_R2 = step * g_1, step * (2.0 * R * drift + diffusion)
        else:
            g_1, _, diffusion = system.rates(0.0, math.inf)
            change_W, change_R2 = step * g_1, step * diffusion
        # Large steps may overshoot on average; |w_perp|^2 keeps at least its diffusive part.
        tau, W, R2 = tau + step, W + change_W, max(R2 + change_R2, step * diffusion)
        passed.append(tau)
        states.append((W, R2))
        if change_W < _SMALL_STEP * W and abs(change_R2) < _SMALL_STEP * R2:
            break
    return passed, states


def _integrate(
    system: "_System", tau: FloatArray, W: float, R2: float
) -> tuple[FloatArray, FloatArray]:
    """Return W and R^2 at times ``tau`` > 0 after the state (W, R2), both positive."""
    g_1, drift, diffusion = system.rates(W / math.sqrt(R2), system.kappa_over_T / math.sqrt(R2))
    fastest = max(g_1 / W, (2.0 * math.sqrt(R2) * abs(drift) + diffusion) / R2)
    # In ln tau the start lies at -infinity. Before ``origin`` nothing has happened yet.
    origin = _EARLY * min(float(tau[0]), 1.0 / fastest if fastest > 0.0 else math.inf)
    with warnings.catch_warnings():
        # The message tells of a failure, and is raised.
        warnings.simplefilter("ignore", integrate.ODEintWarning)
        solution, info = integrate.odeint(
            system.slope,
            [math.log(W), math.log(R2)],
            np.concatenate([[math.log(origin)], np.log(tau)]),
            tfirst=True,
            rtol=_TOLERANCE,
            atol=_TOLERANCE,
            mxstep=20_000,
            full_output=True,
        )
    if info["message"] != "Integration successful.":
        raise ArithmeticError(f"order-parameter equations not solved: {info['message']}")
    return np.exp(solution[1:, 0]), np.exp(solution[1:, 1])


@dataclass(frozen=True)
class _System:
    """The equations in natural units; state (ln W, ln R^2), time ln tau."""

    chi: float
    d: float
    B: float
    kappa_over_T: float

    def slope(self, log_tau: float, state: FloatArray) -> tuple[float, float]:
        tau = math.exp(log_tau)
        # A trial step may land anywhere. Far outside, the equations only have to be finite.
        W = math.exp(min(max(state[0], -_FAR), _FAR))
        R = math.exp(0.5 * min(max(state[1], -_FAR), _FAR))
        g_1, drift, diffusion = self.rates(W / R, self.kappa_over_T / R)
        turnover = tau * diffusion / (R * R)
        rise = turnover + tau * 2.0 * drift / R
        # Late in training R settles lambda^2 times within a decade. A million times is settled.
        # More would leave the solver only rounding in the balance of drift and diffusion.
        return tau * g_1 / W, rise * min(1.0, _SETTLED / turnover) if turnover > 0.0 else rise

    def rates(self, lam: float, margin: float) -> tuple[float, float, float]:
        """Return g_1, E[z theta] and the bracket of dR^2/dtau over d."""
        mu_1 = mean_abs_x1(self.chi)
        n, n_above, rim, rim_above = at_point(1.0 + self.chi, lam, margin)
        slope = lam * mu_1 * rim_above - (margin * rim if rim > 0.0 else 0.0)
        bracket = (self.d - 1.0) * n + slope + (self.B - 1.0) * rim * rim
        return mu_1 * n_above, -rim, bracket / self.d


def _check(
    t: FloatArray, d: int, T: float, kappa: float, B: int, start: tuple[float, float]
) -> None:
    if not (t.ndim == 1 and t.size and t[0] > 0.0 and np.all(np.diff(t) > 0.0)):
        raise InputError("t must be positive and increasing, for example np.geomspace(1, 1e6)")
    check_dimension(d)
    parameters.scale("T", T)
    if not float(t[-1]) / T <= LARGEST_TIME:
        raise InputError(
            f"t / T = {float(t[-1]) / T:g} is out of range: the flow is solved up to "
            f"{LARGEST_TIME:g}"
        )
    check_ratio(parameters.margin(kappa, None) / T)
    parameters.integer("B", B, 1, "a batch holds at least one sample")
    if not (start == (0.0, 0.0) or (min(start) > 0.0 and max(start) < math.inf)):
        raise InputError(f"start = {start}: w_1 and |w_perp| must both be 0 or both be positive")
