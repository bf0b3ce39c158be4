"""Errors of whatever is computed from seeds: leave one seed out at a time.

Seeds are the independent units: lazy runs of a seed share data and weights over a whole map. For
a mean over seeds the interval is Student's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import quantile
from perceptron_sim.phase.entries import Estimate, Interval


@dataclass(frozen=True)
class Measured:
    """A number with its error.

    Attributes:
        value: the number.
        error: its standard error; NaN where it has none.
        ci_low, ci_high: 95 % interval.
        dof: degrees of freedom of the error.
    """

    value: float
    error: float
    ci_low: float
    ci_high: float
    dof: float

    def interval(self) -> Interval:
        """Return number and interval as an entry of summary.json."""
        return Interval(self.value, self.ci_low, self.ci_high, dof=self.dof)

    def of_exp(self) -> Estimate:
        """Return exp of it; ``error`` stays that of the logarithm."""
        value, low, high = (float(np.exp(x)) for x in (self.value, self.ci_low, self.ci_high))
        return Estimate(value, self.error, low, high, dof=self.dof)


def measured(value: float, error: float, dof: float) -> Measured:
    """Return a number with its interval, Student's with ``dof`` degrees of freedom."""
    half = quantile(dof) * error
    return Measured(value, error, value - half, value + half, dof)


def jackknife(
    statistic: Callable[[list[int]], FloatArray], n_seeds: int, floor: float = 0.0
) -> list[Measured | None]:
    """Return each number of ``statistic`` with its jackknife error over seeds.

    Args:
        statistic: positions of the seeds that are kept to numbers, shape (k,); NaN for none.
        n_seeds: number of seeds.
        floor: error that no seed knows of, such as that of a lattice; added in quadrature.

    Returns:
        None where a number, or one with a seed left out, does not exist, or for a single seed.
    """
    everyone = list(range(n_seeds))
    whole = np.asarray(statistic(everyone), dtype=np.float64)
    if n_seeds < 2:
        return [None] * len(whole)
    parts = np.array([statistic([s for s in everyone if s != left]) for left in everyone])
    spread = np.sqrt((n_seeds - 1) * np.mean((parts - parts.mean(axis=0)) ** 2, axis=0))
    return [
        measured(float(value), math.hypot(float(error), floor), n_seeds - 1)
        if math.isfinite(value) and math.isfinite(error)
        else None
        for value, error in zip(whole, spread, strict=True)
    ]


def line(x: Sequence[float], y: Sequence[float], blur: float = 0.0) -> Measured | None:
    """Return the slope of y on x by plain least squares, its error from the scatter about it.

    Args:
        x, y: points; below four distinct x a scatter says nothing, and there is no result.
        blur: standard deviation that each y has at least, if only because it lies on a lattice:
            points on one lattice line scatter by nothing and are known no better than that.
    """
    at, value = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(np.unique(at)) < 4:
        return None
    found = stats.linregress(at, value)
    least = blur / math.sqrt(float(np.sum((at - at.mean()) ** 2)))
    # Without any scatter its error is 0/0.
    return measured(float(found.slope), max(least, float(np.nan_to_num(found.stderr))), len(at) - 2)
