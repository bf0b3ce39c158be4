"""The least signal with which P samples can be fitted: what SGD waits for (docs/theory.md).

While w_1 grows slowly, w_perp searches. A training set can be fitted with margin kappa only
once w_1 has reached the least value for which some w_perp fits every sample. By Gordon's
comparison theorem, sharp for d -> infinity at fixed P/d, some |w_perp| = r does if

    P E[((margin - lambda z_1 - g)^+)^2] <= d - 1,   margin = kappa sqrt(d)/r, lambda = w_1/r,

g ~ N(0, 1). Minimising w_1 over r leaves two equations for lambda and margin: this one with the
equality sign, and P n(lambda, margin) = d - 1; eqs. (18) to (20).
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, special

from perceptron_sim import parameters
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.theory.asymptotics import constants
from perceptron_sim.theory.exponents import check_dimension, check_solvable_chi
from perceptron_sim.theory.integrals import at_point, excess

# Below this many samples a degree of freedom no signal is needed (Cover's capacity).
CAPACITY = 2.0
# Both equations hold to this relative accuracy.
_SOLVED = 1e-8


@dataclass(frozen=True)
class MinimalSignal:
    """The least signal that fits P samples with margin kappa.

    Attributes:
        lam: w_1 / |w_perp| there.
        margin: kappa sqrt(d) / |w_perp| there.
        slope: w_1 = slope kappa sqrt(d).
    """

    lam: float
    margin: float

    @property
    def slope(self) -> float:
        """w_1 over kappa sqrt(d)."""
        return self.lam / self.margin


@lru_cache(maxsize=4096)
def minimal_signal(chi: float, P: float, d: int) -> MinimalSignal:
    """Return the least signal that fits P samples in d dimensions; eqs. (18) to (20).

    Asymptotically lambda ~ (P/d)^(1/(1+chi)) at a margin that depends on chi alone: the test
    error is then C d/P, with C = 0.5005 at chi = 0 as for the maximally stable perceptron
    (Opper & Kinzel), for which |w| instead of w_1 is minimal.

    Args:
        chi: density exponent at the boundary, > -1.
        P: number of samples, > 2 (d - 1); need not be an integer.
        d: input dimension, >= 2.

    Raises:
        InputError: if chi is outside -0.75..10, if d < 2 or if P <= 2 (d - 1).
    """
    nu = 1.0 + check_solvable_chi(chi)
    check_dimension(d)
    P = parameters.positive("P", P)
    if not CAPACITY * (d - 1) < P < math.inf:
        raise InputError(
            f"P = {P:g} is out of range: allowed is P > 2 (d - 1) = {2 * (d - 1)}, "
            "below which no signal is needed to fit the samples"
        )
    target = math.log((d - 1) / P)

    def mismatch(logs: FloatArray) -> list[float]:
        lam, margin = np.exp(np.clip(logs, -200.0, 200.0))
        n = at_point(nu, float(lam), float(margin))[0]
        return [math.log(n) - target, math.log(excess(nu, float(lam), float(margin)) / n)]

    margin = _asymptotic_margin(chi)
    # From large lambda, where the equations decouple, on to the P asked for.
    log_lam = (math.log(constants(chi).C_n) + _log_gain(chi, margin) - target) / nu
    start = [max(log_lam, -1.0), math.log(margin)]
    # Judged by what is left, not by the solver: it complains when it starts at the solution.
    for method in ("hybr", "lm"):
        solution = optimize.root(mismatch, start, method=method, tol=1e-10)
        if np.max(np.abs(solution.fun)) < _SOLVED:
            break
    else:
        raise ArithmeticError(f"minimal signal not found: {solution.message}")
    lam, margin = np.exp(solution.x)
    return MinimalSignal(lam=float(lam), margin=float(margin))


def minimal_error(chi: float) -> float:
    """Return C of test error = C d/P at the least signal, P/d -> infinity; eq. (21).

    Raises:
        InputError: if chi is outside -0.75..10.
    """
    return math.exp(-_log_gain(chi, _asymptotic_margin(chi)))


def _asymptotic_margin(chi: float) -> float:
    """Return the margin at which E[(m+g)_+^(3+chi)] / m^(1+chi) is least; eq. (21)."""
    check_solvable_chi(chi)
    found = optimize.minimize_scalar(
        lambda log_m: _log_moment(3.0 + chi, math.exp(log_m)) - (1.0 + chi) * log_m,
        bounds=(-8.0, 5.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return math.exp(float(found.x))


def _log_gain(chi: float, margin: float) -> float:
    """Return ln of n(lambda, margin) / n(lambda, 0) at large lambda and the stationary margin."""
    # With density ~ u^chi, n(lambda, m) ~ E[(m+g)_+^(1+chi)].
    return _log_moment(1.0 + chi, margin) - _log_moment(1.0 + chi, 0.0)


def _log_moment(p: float, m: float) -> float:
    """Return ln E[((m + g)^+)^p], g ~ N(0, 1), from Gauss-Jacobi quadrature."""
    power = p - math.floor(p)
    high = 0.5 * (m + math.sqrt(m * m + 4.0 * p)) + 9.0
    x, weight = special.roots_jacobi(96, 0.0, power)
    s = 0.5 * high * (1.0 + x)
    log = p * np.log(s) - power * np.log1p(x) - 0.5 * np.square(s - m)
    return float(np.log(np.sum(weight * np.exp(log)) * 0.5 * high / math.sqrt(2.0 * math.pi)))
