"""Where the regimes of SGD on the perceptron meet (docs/phase.md).

Three laws for the signal at the end of training compete, eqs. (22) and (29) of docs/theory.md.
The largest decides:

    noise-dominated       w_1 = u T sqrt(d) omega
    gradient descent      w_1 = kappa sqrt(d) omega
    first step            w_1 = eta mu_1 / sqrt(d)

So T_c = kappa / u and B* = u d omega / mu_1. The first step overtakes gradient descent at
eta = T_c B*, so the three boundaries meet in one point.
"""

import math
from dataclasses import dataclass

from perceptron_sim.theory import stopping
from perceptron_sim.theory.minimal_signal import minimal_signal
from perceptron_sim.theory.order_parameters import mean_abs_x1


@dataclass(frozen=True)
class Crossovers:
    """Where the regimes meet at one training-set size: docs/theory.md (29).

    Attributes:
        plateau: ||w|| / kappa of gradient descent, at T << T_c and eta << T_c B*.
        T_c_over_kappa: T / kappa above which noise, and not the margin, sets ||w||.
        B_star: batch size above which the first step, and not noise, sets ||w||.
    """

    plateau: float
    T_c_over_kappa: float
    B_star: float


def crossovers(chi: float, P: float, d: int) -> Crossovers:
    """Return the predicted crossovers at finite P and d: docs/theory.md (29).

    B* ~ P^gamma. At finite size gamma is the local exponent (28) of ||w|| on P. It is 1/(1+chi)
    for P -> infinity after d -> infinity.

    Args:
        chi: density exponent at the boundary, > -1.
        P: number of training samples, > 2 (d - 1); need not be an integer.
        d: input dimension, >= 2.

    Raises:
        InputError: if chi is outside -0.75..10, if d < 2 or if P <= 2 (d - 1).
    """
    least = minimal_signal(chi, P, d)
    u = stopping.overshoot(stopping.State(chi, d, least.lam))
    cold = stopping.State(chi, d, least.lam, 1.0)
    lam = least.lam * stopping.correction(stopping.LAM, stopping.lam_features(cold))
    return Crossovers(
        plateau=float(math.sqrt(d) * least.slope * math.hypot(1.0, 1.0 / lam)),
        T_c_over_kappa=float(1.0 / u),
        B_star=float(u * d * least.slope / mean_abs_x1(chi)),
    )
