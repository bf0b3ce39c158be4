"""Intervals of means over seeds: one rule, for tables and figures alike."""

import math

import numpy as np
from scipy import stats

from perceptron_sim.arrays import FloatArray

# Probability that an interval covers the truth.
LEVEL = 0.95


def quantile(dof: float = math.inf) -> float:
    """Return how many standard errors half an interval is: Student's t, normal without ``dof``."""
    return float(stats.t.ppf(0.5 + LEVEL / 2, dof))


def half_width(values: FloatArray) -> float:
    """Return half the interval of the mean of independent values; NaN for a single one."""
    n = len(values)
    if n < 2:
        return math.nan
    return quantile(n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)
