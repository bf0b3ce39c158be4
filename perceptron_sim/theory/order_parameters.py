"""Closed forms for fresh samples as functions of lambda = w_1 / |w_perp|.

Labels are folded into the data, z = y x, so z_1 = |x_1| is chi-distributed with nu = 1 + chi
degrees of freedom and z_perp is a standard Gaussian; z without index is its component along
w_perp. A sample is unfitted, theta = 1, when ``w.z / sqrt(d) < kappa``, that is
z < margin - lambda z_1 with margin = kappa sqrt(d) / |w_perp|. If the chi law with nu degrees of
freedom is weighted with z_1, the result is E[z_1] times the law with nu + 1. Everything below
follows from this and from the two integrals of ``integrals``.

``lam`` may be as large as 1e8 and more: results below the smallest double become 0.
"""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.theory.exponents import check_chi, check_evaluated_chi
from perceptron_sim.theory.integrals import edge, tail

# Products of two numbers up to here do not overflow.
_LARGEST = 1e100
# From here on the first terms of Stirling's series are exact. Differences of ln Gamma are not.
_LARGE_CHI = 1e5


_F = TypeVar("_F", bound=Callable[..., FloatArray])


def _of_any_chi(function: _F) -> _F:
    """Let chi be an array too, which broadcasts with the other arguments."""

    @wraps(function)
    def of_any(lam: ArrayLike, chi: ArrayLike, margin: ArrayLike = 0.0) -> FloatArray:
        if np.ndim(chi) == 0:
            return function(lam, chi, margin)
        lam, chi, margin = np.broadcast_arrays(lam, chi, margin)
        found = np.empty(chi.shape)
        for value in np.unique(chi):
            some = chi == value
            found[some] = function(lam[some], float(value), margin[some])
        return found

    return cast(_F, of_any)


@_of_any_chi
def unfitted_fraction(lam: ArrayLike, chi: Any, margin: ArrayLike = 0.0) -> FloatArray:
    """Return n(lambda), the probability that a fresh sample is unfitted: docs/theory.md (3), (8).

    At margin 0, n = F_t(-lambda sqrt(1+chi); 1+chi) is also the test error of w. At other margins
    n is the distribution function of a noncentral t.

    Args:
        lam: signal-to-noise ratio w_1 / |w_perp| >= 0, dimensionless, any shape.
        chi: density exponent at the boundary, > -1, of a shape that broadcasts with ``lam``.
        margin: kappa sqrt(d) / |w_perp| >= 0, dimensionless, of a shape that broadcasts.

    Returns:
        n, between 0 and 1, of the common shape.

    Raises:
        InputError: if chi <= -1, if lam or margin is negative or NaN, if both exceed 1e100, or
            for chi outside -0.9..50 at margin > 0.
    """
    lam, margin = _checked(lam, margin, chi, moments=False)
    return tail(1.0 + check_chi(chi), lam, margin)


@_of_any_chi
def signal_drift(lam: ArrayLike, chi: Any, margin: ArrayLike = 0.0) -> FloatArray:
    """Return g_1 = E[|x_1| theta], so that dw_1/dt = g_1/sqrt(d): docs/theory.md (4), (8).

    At margin 0, g_1 = mu_1 F_t(-lambda sqrt(2+chi); 2+chi) with mu_1 = E|x_1|. The arguments lam,
    chi, margin, their shapes and the errors are those of ``unfitted_fraction``.
    """
    lam, margin = _checked(lam, margin, chi)
    return np.asarray(mean_abs_x1(chi) * tail(2.0 + chi, lam, margin))


@_of_any_chi
def noise_drift(lam: ArrayLike, chi: Any, margin: ArrayLike = 0.0) -> FloatArray:
    """Return E[z theta], which is negative and pulls |w_perp| back: docs/theory.md (5), (9).

    At margin 0, E[z theta] = -(1 + lambda^2)^(-(1+chi)/2) / sqrt(2 pi). The arguments lam, chi,
    margin, their shapes and the errors are those of ``unfitted_fraction``.
    """
    lam, margin = _checked(lam, margin, chi)
    return -edge(1.0 + check_chi(chi), lam, margin)


@_of_any_chi
def noise_diffusion(lam: ArrayLike, chi: Any, margin: ArrayLike = 0.0) -> FloatArray:
    """Return E[z^2 theta], the diffusion of |w_perp| along itself: docs/theory.md (6), (10).

    At margin 0 it is n + lambda mu_1 (1 + lambda^2)^(-(2+chi)/2) / sqrt(2 pi). The arguments lam,
    chi, margin, their shapes and the errors are those of ``unfitted_fraction``.
    """
    lam, margin = _checked(lam, margin, chi)
    nu = 1.0 + check_chi(chi)
    # At infinite margin every sample is unfitted, at infinite lambda none. Both edges vanish.
    low, high = (np.where(np.isfinite(values), values, 0.0) for values in (lam, margin))
    slope = low * mean_abs_x1(chi) * edge(nu + 1.0, lam, margin) - high * edge(nu, lam, margin)
    return np.asarray(tail(nu, lam, margin) + slope)


def mean_abs_x1(chi: float) -> float:
    """Return mu_1 = E|x_1| = sqrt(2) Gamma(1 + chi/2) / Gamma((1+chi)/2): docs/theory.md (2).

    Raises:
        InputError: if chi <= -1 or chi is not finite.
    """
    check_chi(chi)
    if chi > _LARGE_CHI:
        return math.sqrt(chi + 0.5)
    ratio = math.lgamma(1.0 + chi / 2.0) - math.lgamma((1.0 + chi) / 2.0)
    return math.sqrt(2.0) * math.exp(ratio)


def _checked(
    lam: ArrayLike, margin: ArrayLike, chi: float, moments: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return lambda and margin as arrays of the common shape; refuse values out of range."""
    check_chi(chi)
    arrays = []
    for name, values in (("lambda", lam), ("margin", margin)):
        array = np.asarray(values, dtype=np.float64)
        if not np.all(array >= 0.0):
            raise InputError(f"{name} must be >= 0 and not NaN, got {array.min():g}")
        arrays.append(array)
    # Values this large count as infinite: edges have vanished. At infinite lambda only n is given.
    for i in (1,) if moments else (0, 1):
        arrays[i] = np.where(arrays[i] > _LARGEST, np.inf, arrays[i])
    lam_array, margin_array = np.broadcast_arrays(*arrays)
    if moments or np.any(margin_array > 0.0):
        check_evaluated_chi(chi)
    if np.any(np.minimum(lam_array, margin_array) > _LARGEST):
        raise InputError(f"lambda and margin are both above {_LARGEST:g}: allowed is one of them")
    if moments and np.any((lam_array > _LARGEST) & np.isfinite(lam_array)):
        raise InputError(
            f"lambda = {lam_array.max():g} is out of range: allowed are up to {_LARGEST:g}, and inf"
        )
    return lam_array, margin_array
