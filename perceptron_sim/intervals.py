"""Intervals of means over seeds: one rule, for tables and figures alike."""

import math

import numpy as np
from scipy import special

from perceptron_sim.arrays import FloatArray

# Probability that an interval covers the truth.
LEVEL = 0.95


def quantile(dof: float = math.inf) -> float:
    """Return how many standard errors half an interval is: Student's t, normal without ``dof``."""
    at = 0.5 + LEVEL / 2
    # Not scipy.stats: importing it takes longer than an analysis.
    return float(special.stdtrit(dof, at) if dof < math.inf else special.ndtri(at))


def half_width(values: FloatArray) -> float:
    """Return half the interval of the mean of independent values; NaN for a single one."""
    n = len(values)
    if n < 2:
        return math.nan
    return quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
