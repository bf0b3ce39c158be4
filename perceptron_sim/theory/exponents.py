"""Asymptotic exponents of the perceptron (Sclocchi, Geiger, Wyart, ICML 2023, section 4)."""

import math
from dataclasses import dataclass

from perceptron_sim import parameters
from perceptron_sim.errors import InputError

# chi for which closed forms and their series were tested, and for which quadratures and root
# finders on top of them were.
_EVALUATED = (-0.9, 50.0)
_SOLVABLE = (-0.75, 10.0)


@dataclass(frozen=True)
class Exponents:
    """Powers of T and P in ||w|| ~ T^delta P^gamma and t* ~ T P^b, dimensionless.

    Attributes:
        chi: density exponent of the data at the decision boundary, p(x_1) ~ |x_1|^chi.
        delta: ||w|| on T; 1 in the noise-dominated regime.
        gamma: ||w|| on P; 1 / (1 + chi).
        b: t* on P; 1 + 2 / (1 + chi).
        t_star_on_T: t* on T; 1 in the noise-dominated regime.
    """

    chi: float
    delta: float
    gamma: float
    b: float
    t_star_on_T: float


def check_chi(chi: float) -> float:
    """Return ``chi`` if the density |x_1|^chi can be normalised; raise InputError otherwise."""
    value = parameters.number("chi", chi)
    if not (math.isfinite(value) and value > -1):
        raise InputError(
            f"chi = {value:g} has no normalisable density |x_1|^chi: "
            "allowed is -1 < chi < inf, for example --chi 0,1,3"
        )
    return value


def check_evaluated_chi(chi: float) -> float:
    """Return ``chi`` if closed forms are known to hold there; raise InputError otherwise."""
    return _check_range(check_chi(chi), _EVALUATED, "closed forms are evaluated")


def check_solvable_chi(chi: float) -> float:
    """Return ``chi`` if quadratures and root finders work there; raise InputError otherwise."""
    return _check_range(check_chi(chi), _SOLVABLE, "predictions are solved")


def _check_range(chi: float, window: tuple[float, float], what: str) -> float:
    low, high = window
    if not low <= chi <= high:
        raise InputError(f"chi = {chi:g} is out of range: {what} for {low:g} <= chi <= {high:g}")
    return chi


def is_solvable(chi: float) -> bool:
    """Tell whether quadratures and root finders work for this chi."""
    low, high = _SOLVABLE
    return low <= chi <= high


def check_dimension(d: int) -> int:
    """Return ``d`` if there are directions other than the teacher's; raise InputError otherwise."""
    return parameters.integer("d", d, 2, "the boundary needs a direction along it")


def exponents(chi: float) -> Exponents:
    """Return the asymptotic exponents for density |x_1|^chi, chi > -1: docs/theory.md (17).

    Source: Sclocchi, Geiger, Wyart (ICML 2023), section 4. Training stops when P n(lambda) = O(1).
    As n ~ lambda^-(1+chi), lambda* ~ P^(1/(1+chi)). The noise settles at |w_perp| ~ T, so
    ||w|| ~ T P^gamma. And t ~ lambda^(3+chi) T gives t* ~ T P^(1 + 2/(1+chi)).

    Raises:
        InputError: if chi <= -1 or chi is not finite.

    >>> from perceptron_sim import exponents
    >>> exponents(1.0)
    Exponents(chi=1.0, delta=1.0, gamma=0.5, b=2.0, t_star_on_T=1.0)
    """
    gamma = 1.0 / (1.0 + check_chi(chi))
    return Exponents(chi=float(chi), delta=1.0, gamma=gamma, b=1.0 + 2.0 * gamma, t_star_on_T=1.0)


def exponents_at_dimension(chi: float, d: int) -> Exponents:
    """Return the exponents for P -> infinity at fixed dimension d >= 2: docs/theory.md (26).

    gamma = (d-1) / ((d+1)(1+chi)) and b = (3+chi) gamma, hence b - 1 - 2 gamma = -2/(d+1). As P
    grows, SGD gets ~ lambda^2 attempts at each signal to land among the solutions. Their fraction
    of w_perp space is a power d - 1 of the signal. For d -> inf these are the paper's exponents.

    Raises:
        InputError: if chi <= -1 or chi is not finite, or d < 2.
    """
    check_dimension(d)
    gamma = (d - 1.0) / ((d + 1.0) * (1.0 + check_chi(chi)))
    return Exponents(chi=float(chi), delta=1.0, gamma=gamma, b=(3.0 + chi) * gamma, t_star_on_T=1.0)
