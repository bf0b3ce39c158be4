"""Intervals of means over seeds: one rule for tables and figures."""

import math
from collections.abc import Iterable

import numpy as np
from scipy import special

from perceptron_sim.arrays import FloatArray

# Probability that an interval covers the truth.
LEVEL = 0.95


def quantile(dof: float = math.inf) -> float:
    """Return half an interval in standard errors: Student's t, or normal without ``dof``."""
    # Not scipy.stats: importing it takes longer than an analysis.
    return float(special.stdtrit(dof, 0.5 + LEVEL / 2))


def half_width(values: FloatArray) -> float:
    """Return half the interval of the mean of independent values, shape (n,); NaN for n = 1."""
    n = len(values)
    if n < 2:
        return math.nan
    return quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)


def tail(t: float, estimated: float, dof: float, known: float) -> float:
    """Return the probability that a departure exceeds ``t`` standard errors on one side, at most.

    The squared error is the sum of an estimated variance and of a known one. Satterthwaite's t
    understates the tail where the estimate is small by chance: 3 to 34 times at 1 to 4 degrees of
    freedom. So the tails of Student's t and of the normal law are weighted by the two variances,
    the estimated one at its upper 95 % limit. Simulated rates are then never above nominal.

    Args:
        t: departure over the square root of the sum.
        estimated: variance with ``dof`` degrees of freedom.
        dof: degrees of freedom of ``estimated``.
        known: variance that is known exactly.
    """
    student, normal = float(special.stdtr(dof, -t)), float(special.ndtr(-t))
    if known <= 0.0 or math.isinf(dof):
        return student
    upper = estimated * dof / float(special.chdtri(dof, LEVEL))
    share = upper / (upper + known)
    return share * student + (1.0 - share) * normal


def mixed_dof(variances: Iterable[tuple[float, float]]) -> float:
    """Return the degrees of freedom of a sum of independent errors (Satterthwaite 1946).

    Args:
        variances: (variance, degrees of freedom) of each error; infinite if it is known exactly.
    """
    parts = list(variances)
    total = sum(variance for variance, _ in parts)
    spread = sum(variance**2 / dof for variance, dof in parts)
    return total**2 / spread if spread > 0.0 else math.inf
