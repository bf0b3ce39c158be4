"""Closed forms for fresh samples as functions of lambda = w_1 / |w_perp| (THEORY section 3).

Labels are folded into the data, z = y x, so z_1 = |x_1| is chi-distributed with nu = 1 + chi
degrees of freedom and z_perp is a standard Gaussian. A sample is unfitted when
``w.z / sqrt(d) < kappa``; at kappa = 0 that is ``g / z_1 < -lambda`` with g ~ N(0, 1), and
``sqrt(nu) g / z_1`` is a Student-t variable with nu degrees of freedom. Everything below
follows from that. Formula numbers refer to docs/theory.md.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.theory.exponents import check_chi

_SQRT_2PI = math.sqrt(2.0 * math.pi)


def unfitted_fraction(lam: ArrayLike, chi: float, margin: ArrayLike = 0.0) -> FloatArray:
    """Return n(lambda), the probability that a fresh sample is unfitted; eq. (3).

    n = F_t(-lambda sqrt(1+chi); 1+chi) at margin 0, where n is also the test error of w, and
    the noncentral-t distribution function otherwise.

    Args:
        lam: signal-to-noise ratio w_1 / |w_perp| >= 0, dimensionless, any shape.
        chi: density exponent at the boundary, > -1.
        margin: kappa sqrt(d) / |w_perp| >= 0, dimensionless, broadcast against ``lam``.

    Returns:
        n, of the broadcast shape of ``lam`` and ``margin``, between 0 and 1.

    Raises:
        InputError: if chi <= -1, or ``lam`` or ``margin`` is negative or NaN.
    """
    nu = 1.0 + check_chi(chi)
    lam_array = _non_negative(lam, "lambda")
    margin_array = _non_negative(margin, "margin")
    argument = -lam_array * math.sqrt(nu)
    central = special.stdtr(nu, argument)
    if not np.any(margin_array):
        return np.asarray(central + 0.0 * margin_array, dtype=np.float64)
    shifted = special.nctdtr(nu, -margin_array, argument)
    return np.asarray(np.where(margin_array > 0.0, shifted, central), dtype=np.float64)


def signal_drift(lam: ArrayLike, chi: float) -> FloatArray:
    """Return g_1 = E[|x_1| theta(unfitted)] at kappa = 0, so that dw_1/dt = g_1/sqrt(d); eq. (4).

    g_1 = mu_1 F_t(-lambda sqrt(2+chi); 2+chi), with mu_1 = E|x_1|.

    Args:
        lam: signal-to-noise ratio >= 0, any shape.
        chi: density exponent at the boundary, > -1.

    Returns:
        g_1, of the shape of ``lam``.

    Raises:
        InputError: if chi <= -1 or ``lam`` is negative or NaN.
    """
    nu = 2.0 + check_chi(chi)
    argument = -_non_negative(lam, "lambda") * math.sqrt(nu)
    return np.asarray(mean_abs_x1(chi) * special.stdtr(nu, argument), dtype=np.float64)


def noise_drift(lam: ArrayLike, chi: float) -> FloatArray:
    """Return E[z theta(unfitted)] at kappa = 0, z the sample's component along w_perp; eq. (5).

    E[z theta] = -(1 + lambda^2)^(-(1+chi)/2) / sqrt(2 pi): negative, it pulls |w_perp| back.

    Args:
        lam: signal-to-noise ratio >= 0, any shape.
        chi: density exponent at the boundary, > -1.

    Returns:
        The drift, of the shape of ``lam``.

    Raises:
        InputError: if chi <= -1 or ``lam`` is negative or NaN.
    """
    nu = 1.0 + check_chi(chi)
    # hypot keeps lambda^2 from overflowing.
    return np.asarray(-(np.hypot(1.0, _non_negative(lam, "lambda")) ** -nu) / _SQRT_2PI)


def mean_abs_x1(chi: float) -> float:
    """Return mu_1 = E|x_1| = sqrt(2) Gamma(1 + chi/2) / Gamma((1+chi)/2); eq. (2).

    Raises:
        InputError: if chi <= -1 or chi is not finite.
    """
    check_chi(chi)
    ratio = math.lgamma(1.0 + chi / 2.0) - math.lgamma((1.0 + chi) / 2.0)
    return math.sqrt(2.0) * math.exp(ratio)


@dataclass(frozen=True)
class Constants:
    """Prefactors of the large-lambda laws (THEORY section 3, large lambda; eqs. 7-9).

    Attributes:
        C_n: n ~ C_n lambda^-(1+chi).
        C_1: g_1 ~ C_1 lambda^-(2+chi).
        r_star: |w_perp| / (T sqrt(d)) at which noise drift and diffusion balance.
        t_prefactor: t / (T d) over lambda^(3+chi) on that balanced branch.
    """

    C_n: float
    C_1: float
    r_star: float
    t_prefactor: float


def constants(chi: float) -> Constants:
    """Return the large-lambda prefactors for boundary density |x_1|^chi.

    With c' = 2^((1-chi)/2) / Gamma((1+chi)/2) and M_m = int_0^inf u^m phi(u) du:
    C_n = c' M_{1+chi}/(1+chi), C_1 = c' M_{2+chi}/(2+chi), r* = C_n sqrt(2 pi)/2, and
    t = lambda^(3+chi) r* sqrt(d) / ((3+chi) C_1).

    Raises:
        InputError: if chi <= -1 or chi is not finite.
    """
    check_chi(chi)
    log_c = 0.5 * (1.0 - chi) * math.log(2.0) - math.lgamma(0.5 * (1.0 + chi))
    c_n = math.exp(log_c + _log_half_moment(1.0 + chi)) / (1.0 + chi)
    c_1 = math.exp(log_c + _log_half_moment(2.0 + chi)) / (2.0 + chi)
    r_star = 0.5 * _SQRT_2PI * c_n
    return Constants(C_n=c_n, C_1=c_1, r_star=r_star, t_prefactor=r_star / ((3.0 + chi) * c_1))


def _log_half_moment(m: float) -> float:
    """Return ln of M_m = int_0^inf u^m phi(u) du = 2^(m/2 - 1) Gamma((m+1)/2) / sqrt(pi)."""
    return (0.5 * m - 1.0) * math.log(2.0) + math.lgamma(0.5 * (m + 1.0)) - 0.5 * math.log(math.pi)


def _non_negative(values: ArrayLike, name: str) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if not np.all(array >= 0.0):
        raise InputError(f"{name} must be >= 0 and not NaN, got {array.min():g}")
    return array
