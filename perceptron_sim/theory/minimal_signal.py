"""The least signal with which P samples can be fitted: what SGD waits for (docs/theory.md).

While w_1 grows slowly, w_perp searches. A training set can be fitted with margin kappa only
once w_1 has reached the least value for which some w_perp fits every sample. By Gordon's
comparison theorem, sharp for d -> infinity at fixed P/d, some w_perp of norm r fits them if

    P E[((margin - lambda z_1 - g)^+)^2] <= d - 1,   margin = kappa sqrt(d)/r, lambda = w_1/r,

g ~ N(0, 1). Minimising w_1 over r leaves two equations for lambda and margin: this one with the
equality sign, and P n(lambda, margin) = d - 1. They are eqs. (18) to (20) of docs/theory.md.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from perceptron_sim import parameters
from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.parameters import each
from perceptron_sim.theory.asymptotics import constants
from perceptron_sim.theory.exponents import check_dimension, check_solvable_chi
from perceptron_sim.theory.integrals import edge, excess, tail
from perceptron_sim.theory.order_parameters import mean_abs_x1

# Below this many samples per degree of freedom no signal is needed (Cover's capacity).
CAPACITY = 2.0
# Worst relative accuracy of both equations, and sizes of steps at which Newton's method ends.
_SOLVED = 1e-8
_SMALL_STEP, _ROUNDING = 1e-10, 1e-13
_MOST_STEPS = 60


@dataclass(frozen=True, eq=False)
class MinimalSignal(ByValue):
    """The least signal that fits P samples with margin kappa: docs/theory.md (18) to (20).

    Attributes:
        lam: w_1 / |w_perp| there; a number, or an array of the shape of the arguments.
        margin: kappa sqrt(d) / |w_perp| there, of the same shape.
    """

    lam: Any
    margin: Any

    @property
    def slope(self) -> Any:
        """The least signal, omega = w_1 / (kappa sqrt(d)): docs/theory.md (20)."""
        return self.lam / self.margin


def minimal_signal(chi: ArrayLike, P: ArrayLike, d: ArrayLike) -> MinimalSignal:
    """Return the least signal that fits P samples in d dimensions: docs/theory.md (18) to (20).

    Asymptotically lambda ~ (P/d)^(1/(1+chi)) at a margin that depends on chi alone. The test error
    is then C d/P. At chi = 0, C is 0.5005, as for the maximally stable perceptron (Opper & Kinzel),
    for which |w| instead of w_1 is minimal.

    Arguments may be arrays whose shapes broadcast. One call for many points is much faster.

    Args:
        chi: density exponent at the boundary, > -1.
        P: number of samples, > 2 (d - 1); need not be an integer.
        d: input dimension, >= 2.

    Raises:
        InputError: if chi is outside -0.75..10, if d < 2 or if P <= 2 (d - 1).
    """
    each(check_solvable_chi, chi)
    each(check_dimension, d)
    each(lambda value: parameters.positive("P", value), P)
    chi, P, d = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (chi, P, d)))
    if np.any(few := ~((CAPACITY * (d - 1.0) < P) & (math.inf > P))):
        raise InputError(
            f"P = {P[few][0]:g} is out of range: allowed is P > 2 (d - 1) = "
            f"{2 * (d[few][0] - 1):.0f}, below which no signal is needed to fit the samples"
        )
    points, back = np.unique([chi.ravel(), P.ravel(), d.ravel()], axis=1, return_inverse=True)
    logs = np.empty((2, points.shape[1]))
    for value in np.unique(points[0]):
        some = points[0] == value
        target = np.log((points[2][some] - 1.0) / points[1][some])
        logs[:, some] = _solution(float(value), tuple(target.tolist()))
    lam, margin = np.exp(logs[:, back.ravel()]).reshape(2, *P.shape)
    return MinimalSignal(lam=lam[()], margin=margin[()])


@lru_cache(maxsize=4096)
def _solution(chi: float, targets: tuple[float, ...]) -> FloatArray:
    """Solve n(lambda, margin) = e^target and docs/theory.md (20) by Newton's method.

    Returns:
        ln lambda and ln margin, shape (2, targets).
    """
    target = np.array(targets)
    margin = _asymptotic_margin(chi)
    # Start at large lambda, where the equations decouple.
    log_lam = (math.log(constants(chi).C_n) + _log_gain(chi, margin) - target) / (1.0 + chi)
    x = np.array([np.maximum(log_lam, -1.0), np.full_like(target, math.log(margin))])
    open_ = np.arange(target.size)
    for _ in range(_MOST_STEPS):
        left, step = _newton(chi, x[:, open_], target[open_])
        x[:, open_] -= step / np.maximum(1.0, np.abs(step).max(axis=0))
        # Near the capacity rounding keeps steps from getting small.
        solved = (np.abs(step).max(axis=0) < _SMALL_STEP) | (np.abs(left).max(axis=0) < _ROUNDING)
        open_ = open_[~solved]
        if not open_.size:
            return x
    if np.abs(_newton(chi, x[:, open_], target[open_])[0]).max() > _SOLVED:
        raise ArithmeticError(f"minimal signal not found at chi = {chi:g}")
    return x


def _newton(chi: float, x: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the residuals of both equations and the step of Newton's method, in logarithms.

    It uses d/dlambda E[Phi(m - lambda z_1)] = -E[z_1] edge(nu+1), and so on for the excess.
    """
    nu, (lam, margin) = 1.0 + chi, np.exp(x)
    n, n_1, n_2 = (tail(nu + k, lam, margin) for k in (0.0, 1.0, 2.0))
    edge_0, edge_1 = edge(nu, lam, margin), edge(nu + 1.0, lam, margin)
    over = excess(nu, lam, margin)
    mu, mu_1 = mean_abs_x1(chi), mean_abs_x1(chi + 1.0)
    first = margin * n - lam * mu * n_1 + edge_0
    first_1 = margin * n_1 - lam * mu_1 * n_2 + edge_1
    n_lam, n_margin = -lam * mu * edge_1 / n, margin * edge_0 / n
    over_lam, over_margin = -2.0 * lam * mu * first_1 / over - n_lam, 2.0 * margin * first / over
    over_margin -= n_margin
    left = np.array([np.log(n) - target, np.log(over / n)])
    step = [left[0] * over_margin - left[1] * n_margin, n_lam * left[1] - over_lam * left[0]]
    return left, np.array(step) / (n_lam * over_margin - n_margin * over_lam)


def minimal_error(chi: float) -> float:
    """Return C of test error = C d/P at the least signal for P/d -> infinity: docs/theory.md (21).

    Raises:
        InputError: if chi is outside -0.75..10.
    """
    return math.exp(-_log_gain(chi, _asymptotic_margin(chi)))


def _asymptotic_margin(chi: float) -> float:
    """Return the margin at which E[(m+g)_+^(3+chi)] / m^(1+chi) is least: docs/theory.md (21)."""
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
