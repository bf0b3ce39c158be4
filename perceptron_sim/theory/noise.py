"""Covariance of the SGD noise: of the gradient of one fresh sample (docs/theory.md (12))."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.theory.exponents import check_dimension
from perceptron_sim.theory.integrals import edge, tail
from perceptron_sim.theory.order_parameters import (
    _checked,
    mean_abs_x1,
    noise_diffusion,
    noise_drift,
    signal_drift,
    unfitted_fraction,
)


@dataclass(frozen=True, eq=False)
class NoiseCovariance(ByValue):
    """Sigma(w) = cov(theta z) / d in the basis (x_1 axis, w_perp, the rest): docs/theory.md (12).

    A step of SGD on fresh samples adds eta^2 / B times Sigma to the covariance of w. For distinct
    samples out of P, multiply by (P - B) / (P - 1). All arrays have the shape of the arguments.

    Attributes:
        signal: variance along the x_1 axis.
        cross: covariance between the x_1 axis and w_perp.
        noise: variance along w_perp.
        rest: variance along each of the d - 2 other directions, uncorrelated.
        trace: signal + noise + (d - 2) rest.
    """

    signal: FloatArray
    cross: FloatArray
    noise: FloatArray
    rest: FloatArray
    trace: FloatArray


def noise_covariance(
    lam: ArrayLike, chi: float, d: int, margin: ArrayLike = 0.0
) -> NoiseCovariance:
    """Return the covariance of the per-sample gradient theta z / sqrt(d): docs/theory.md (12).

    With the integrals of docs/theory.md (8), (9), E[z_1^2 theta] = (1+chi) tail(3+chi) and
    E[z_1 z theta] = -mu_1 edge(2+chi). The means are g_1 and E[z theta].

    Args:
        lam: signal-to-noise ratio w_1 / |w_perp| >= 0, any shape.
        chi: density exponent at the boundary, > -1.
        d: input dimension, >= 2.
        margin: kappa sqrt(d) / |w_perp| >= 0, of a shape that broadcasts with ``lam``.

    Raises:
        InputError: if d < 2, and as ``unfitted_fraction``.
    """
    lam, margin = _checked(lam, margin, chi)
    check_dimension(d)
    g_1 = signal_drift(lam, chi, margin)
    drift = noise_drift(lam, chi, margin)
    second = (1.0 + chi) * tail(3.0 + chi, lam, margin)
    mixed = -mean_abs_x1(chi) * edge(2.0 + chi, lam, margin)
    signal = (second - np.square(g_1)) / d
    noise = (noise_diffusion(lam, chi, margin) - np.square(drift)) / d
    rest = unfitted_fraction(lam, chi, margin) / d
    return NoiseCovariance(
        signal=np.asarray(signal),
        cross=np.asarray((mixed - g_1 * drift) / d),
        noise=np.asarray(noise),
        rest=np.asarray(rest),
        trace=np.asarray(signal + noise + (d - 2) * rest),
    )
