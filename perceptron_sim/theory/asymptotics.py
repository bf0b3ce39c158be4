"""Prefactors of the laws at large lambda = w_1 / |w_perp|."""

import math
from dataclasses import dataclass

from perceptron_sim.theory.exponents import check_evaluated_chi
from perceptron_sim.theory.integrals import SQRT_2PI, log_chi_norm


@dataclass(frozen=True)
class Constants:
    """Prefactors of the laws at large lambda: docs/theory.md (14) to (16).

    Attributes:
        C_n: n ~ C_n lambda^-(1+chi).
        C_1: g_1 ~ C_1 lambda^-(2+chi).
        r_star: |w_perp| / (T sqrt(d)) at which drift and diffusion of the noise balance.
        t_prefactor: t / (T d) over lambda^(3+chi) once they balance.
    """

    C_n: float
    C_1: float
    r_star: float
    t_prefactor: float


def constants(chi: float) -> Constants:
    """Return the prefactors at large lambda for boundary density |x_1|^chi, chi > -1.

    These are docs/theory.md (14) to (16): with c' = 2^((1-chi)/2) / Gamma((1+chi)/2) and
    M_m = int_0^inf u^m phi(u) du, C_n = c' M_{1+chi}/(1+chi), C_1 = c' M_{2+chi}/(2+chi),
    r* = C_n sqrt(2 pi)/2 and t = lambda^(3+chi) r* sqrt(d) / ((3+chi) C_1).

    Raises:
        InputError: if chi is outside -0.9..50.
    """
    log_c = log_chi_norm(1.0 + check_evaluated_chi(chi))
    c_n = math.exp(log_c + _log_half_moment(1.0 + chi)) / (1.0 + chi)
    c_1 = math.exp(log_c + _log_half_moment(2.0 + chi)) / (2.0 + chi)
    r_star = 0.5 * SQRT_2PI * c_n
    return Constants(C_n=c_n, C_1=c_1, r_star=r_star, t_prefactor=r_star / ((3.0 + chi) * c_1))


def _log_half_moment(m: float) -> float:
    """Return ln of M_m = int_0^inf u^m phi(u) du = 2^(m/2 - 1) Gamma((m+1)/2) / sqrt(pi)."""
    return (0.5 * m - 1.0) * math.log(2.0) + math.lgamma(0.5 * (m + 1.0)) - 0.5 * math.log(math.pi)
