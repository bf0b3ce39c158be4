"""The stopping law: where SGD on a finite training set ends (docs/theory.md, Stopping).

Signal. SGD ends at the least signal that fits the training set with an effective margin,

    w_1 = (kappa + u T) sqrt(d) omega,    omega = MinimalSignal.slope(chi, P, d),

without a free parameter for T << kappa. u is the overshoot. A hit moves its own margin by T. So in
the noise-dominated regime samples end a good T/3 above the boundary (u -> 0.42 for d -> infinity).
At finite d, SGD gets ~ lambda^2 attempts to land among the solutions before they are as wide as
that. This lowers u by the factor lambda^(-2/(d+1)); eqs. (22) to (25) of docs/theory.md.

Noise. lambda at the end is that of the least signal, up to a correction of some per cent. t* is
the time at which fresh samples would have given the same signal, times a delay of order one. The
delay is there because the last sample is learned late. Both corrections are measured.

The numbers below are fits to event-driven runs: ``perceptron_sim.analysis.calibration``.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

# ln u = OVERSHOOT[0] - s^2 - (OVERSHOOT[1] + OVERSHOOT[2] ln(1+chi)) / sqrt(d+1)
#        + OVERSHOOT[3] chi/d + OVERSHOOT[4] / lambda
OVERSHOOT = (-0.878, 1.426, -0.390, 1.186, 0.677)
# Coefficients of ``lam_features`` in ln(lambda / lambda of the least signal).
LAM = (0.033, -0.147, -0.158, 0.591, 0.173, 0.248, 0.554, -0.675)
# Coefficients of ``delay_features`` in ln(t* / time of the same signal on fresh samples).
DELAY = (1.197, -6.308, 7.092, -2.655, 3.334, 5.300, -3.549, -0.270)

# Attempts per lambda^2 (24); only its logarithm enters.
_ATTEMPTS = 0.4


@dataclass(frozen=True)
class State:
    """What the corrections depend on: numbers, or arrays whose shapes broadcast.

    Attributes:
        chi: density exponent at the boundary.
        d: input dimension.
        lam: w_1 / |w_perp| at the least signal.
        rho: fraction kappa / (kappa + u T) of the true margin in the effective one.
    """

    chi: Any
    d: Any
    lam: Any
    rho: Any = 0.0

    @property
    def s(self) -> Any:
        """Root of the depth of the extremes, s^2 = ln(attempts) / (d + 1): docs/theory.md (24)."""
        return np.sqrt(np.log1p(_ATTEMPTS * self.lam**2) / (self.d + 1.0))


def overshoot(state: State, coefficients: tuple[float, ...] = OVERSHOOT) -> Any:
    """Return u, the effective margin that a hit adds, in units of T: docs/theory.md (25)."""
    level, scatter, scatter_chi, coarse, early = coefficients
    width = (scatter + scatter_chi * np.log1p(state.chi)) / np.sqrt(state.d + 1.0)
    few = coarse * state.chi / state.d + early / state.lam
    return np.exp(level - state.s**2 - width + few)


def lam_features(state: State) -> tuple[Any, ...]:
    """Return what ln(lambda at the end / lambda at the least signal) is linear in."""
    chi, lam, rho = state.chi, state.lam, state.rho
    log = np.log1p(lam)
    return (
        1.0,
        state.s,
        chi,
        np.log1p(chi) / lam,
        rho * chi,
        rho * state.s,
        rho / log,
        rho * rho / log,
    )


def delay_features(state: State) -> tuple[Any, ...]:
    """Return what ln(t* / time of the same signal on fresh samples) is linear in."""
    chi, lam, rho = state.chi, state.lam, state.rho
    log = np.log1p(lam)
    steep = rho * np.log1p(chi) / lam
    return (
        1.0,
        1.0 / np.sqrt(state.d),
        state.s**2 / log,
        chi / lam**2,
        1.0 / (lam * log),
        steep,
        rho * steep,
        rho**3,
    )


def correction(coefficients: tuple[float, ...], features: tuple[Any, ...]) -> Any:
    """Return exp of the sum of coefficients times features."""
    return np.exp(sum(c * f for c, f in zip(coefficients, features, strict=True)))
