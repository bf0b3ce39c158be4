"""Where the regimes of SGD on the perceptron meet (docs/phase.md).

Three laws for the signal at the end of training compete, eqs. (22) and (29) of docs/theory.md:

    noise-dominated       w_1 = u T sqrt(d) omega
    gradient descent      w_1 = kappa sqrt(d) omega
    first step            w_1 = eta mu_1 / sqrt(d)

so that T_c = kappa / u, B* = u d omega / mu_1, and the first step overtakes gradient descent at
eta = T_c B*: the three boundaries meet in one point.
"""

import math
from dataclasses import dataclass

from perceptron_sim.theory import stopping
from perceptron_sim.theory.minimal_signal import minimal_signal
from perceptron_sim.theory.order_parameters import mean_abs_x1


@dataclass(frozen=True)
class Crossovers:
    """The regimes of one training-set size.

    Attributes:
        plateau: ||w|| / kappa of gradient descent, T << T_c and eta << T_c B*.
        T_c_over_kappa: where noise overtakes the margin.
        B_star: where the first step overtakes noise.
    """

    plateau: float
    T_c_over_kappa: float
    B_star: float


def crossovers(chi: float, P: float, d: int) -> Crossovers:
    """Return the predicted crossovers at finite P and d.

    B* ~ P^gamma with gamma = 1/(1+chi) for P -> infinity after d -> infinity, and the local
    exponent of ||w|| on P at finite size, eq. (28) of docs/theory.md.

    Args:
        chi: density exponent at the boundary, > -1.
        P: number of training samples, > 2 (d - 1); need not be an integer.
        d: input dimension, >= 2.

    Raises:
        InputError: if an argument is out of range.
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
