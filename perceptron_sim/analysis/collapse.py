"""Data collapse: how well series at different d lie on one curve of P/d or kappa/T.

The quality S is that of Houdayer and Hartmann, Phys. Rev. B 70, 014418 (2004), as used in pyfssa.
Each point is compared with a straight line through the neighbouring points of all other series, in
logarithms. S is the mean squared deviation in units of its variance. S near 1 is a collapse within
errors; S >> 1 is none.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.status import Status

ABSCISSAS = ("P/d", "kappa/T")
# Observables, and the power of d to which they are proportional at given P/d.
OBSERVABLES = {"w_norm": 0.5, "t_star": 1.0}

_RESAMPLES = 200


@dataclass(frozen=True, eq=False)
class Points:
    """Points at one d, to be collapsed on those at other d with all else equal.

    Attributes:
        d: input dimension.
        alike: (kappa/T, B) against P/d, (P/d, B) against kappa/T. Only series with the same values
            are compared.
        log_x: ln of the scaled abscissa, increasing, shape (n,).
        logs: ln of the scaled observable of every seed, n arrays of two or more.
    """

    d: int
    alike: tuple[float, int]
    log_x: FloatArray
    logs: list[FloatArray]


@dataclass(frozen=True)
class Collapse:
    """How well the series of different d collapse.

    Attributes:
        chi: density exponent at the boundary.
        observable: "w_norm" (||w|| / (T sqrt d)) or "t_star" (t* / (T d)).
        abscissa: "P/d" or "kappa/T".
        quality: S, 1 for a collapse within errors.
        error: its standard error, by bootstrap over seeds.
        n_points: points compared.
        rms: root mean square distance in ln from the common curve, beyond the errors.
    """

    chi: float
    observable: str
    abscissa: str
    quality: float
    error: float
    n_points: int
    rms: float


def collapses(frame: pd.DataFrame) -> list[Collapse]:
    """Return the quality of every collapse that the runs in ``frame`` allow.

    Grid points at which some run was not fitted are left out.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.
    """
    found = []
    frame = frame[["chi", "d", "P", "B", "T", "kappa", "seed", "status", *OBSERVABLES]]
    for chi, runs in frame.groupby("chi", sort=True):
        if runs["d"].nunique() < 2:
            continue
        for observable in OBSERVABLES:
            for abscissa in ABSCISSAS:
                series = series_of(runs, observable, abscissa)
                quality, n_points, rms = collapse_quality(series)
                if n_points:
                    error = _bootstrap(series)
                    chi_value = float(str(chi))
                    found.append(
                        Collapse(chi_value, observable, abscissa, quality, error, n_points, rms)
                    )
    return found


def series_of(runs: pd.DataFrame, observable: str, abscissa: str) -> list[Points]:
    """Return the series of one observable, scaled by its power of T and d.

    Args:
        runs: rows of one chi.
        observable: "w_norm" or "t_star".
        abscissa: "P/d" or "kappa/T" (kappa = 0 left out).
    """
    fitted = runs[_all_fitted(runs)]
    table = pd.DataFrame(
        {
            "d": fitted["d"],
            "B": fitted["B"],
            "seed": fitted["seed"],
            "P/d": fitted["P"] / fitted["d"],
            "kappa/T": fitted["kappa"] / fitted["T"],
            "y": np.log(
                fitted[observable] / (fitted["T"] * fitted["d"] ** OBSERVABLES[observable])
            ),
        }
    )
    other = next(name for name in ABSCISSAS if name != abscissa)
    # Runs at equal kappa/T are one run in other units, and must not be counted twice.
    table = table[table[abscissa] > 0.0].drop_duplicates(["d", "B", "seed", *ABSCISSAS])
    series = []
    for shared, members in table.groupby(["d", other, "B"], sort=True):
        d, at_other, B = cast(tuple[int, float, int], shared)
        points = [(x, at["y"].to_numpy()) for x, at in members.groupby(abscissa, sort=True)]
        points = [(x, logs) for x, logs in points if len(logs) >= 2]
        if points:
            log_x = np.log([float(str(x)) for x, _ in points])
            series.append(Points(int(d), (at_other, int(B)), log_x, [logs for _, logs in points]))
    return series


def collapse_quality(series: Sequence[Points]) -> tuple[float, int, float]:
    """Return S, the number of points compared, and their rms distance beyond the errors.

    S and the distance are NaN where no point can be compared.
    """
    means = [np.array([logs.mean() for logs in s.logs]) for s in series]
    variances = [np.array([logs.var(ddof=1) / len(logs) for logs in s.logs]) for s in series]
    terms, excess = [], []
    for i, own in enumerate(series):
        for x, y, variance in zip(own.log_x, means[i], variances[i], strict=True):
            others = [
                (other.log_x[k], means[j][k], variances[j][k])
                for j, other in enumerate(series)
                if other.d != own.d and other.alike == own.alike
                for k in _neighbours(other.log_x, x)
            ]
            if not others:
                continue
            level, spread = _line_at(x, *np.array(others).T)
            total = variance + spread
            if total > 0.0:
                terms.append((y - level) ** 2 / total)
                excess.append((y - level) ** 2 - total)
    if not terms:
        return math.nan, 0, math.nan
    return float(np.mean(terms)), len(terms), math.sqrt(max(0.0, float(np.mean(excess))))


def _neighbours(log_x: FloatArray, x: float) -> list[int]:
    """Return the two points of a series that enclose ``x``, or none."""
    above = int(np.searchsorted(log_x, x, side="left"))
    if above < len(log_x) and log_x[above] == x:
        return [above]
    return [above - 1, above] if 0 < above < len(log_x) else []


def _line_at(x: float, at: FloatArray, y: FloatArray, variance: FloatArray) -> tuple[float, float]:
    """Return the weighted straight line through the points at ``x``, and its variance."""
    weight = 1.0 / np.maximum(variance, 1e-12)
    centre = float(np.average(at, weights=weight))
    spread = float(np.sum(weight * (at - centre) ** 2))
    level = float(np.average(y, weights=weight))
    value, error = level, 1.0 / float(weight.sum())
    # Points at the same x do not determine the slope.
    if np.ptp(at) > 1e-9:
        slope = float(np.sum(weight * (at - centre) * y)) / spread
        value, error = level + slope * (x - centre), error + (x - centre) ** 2 / spread
    return value, error


def _bootstrap(series: Sequence[Points]) -> float:
    """Return the standard error of S: its scatter over resamples of the seeds of each point."""
    rng = np.random.default_rng(0)
    found = [
        collapse_quality(
            [Points(s.d, s.alike, s.log_x, [rng.choice(y, len(y)) for y in s.logs]) for s in series]
        )[0]
        for _ in range(_RESAMPLES)
    ]
    return float(np.nanstd(found, ddof=1))


def _all_fitted(runs: pd.DataFrame) -> pd.Series:
    """Return whether every run at the grid point of a row was fitted."""
    fitted = runs["status"] == Status.FITTED
    point = [runs[name] for name in ("chi", "d", "P", "B", "T", "kappa")]
    return fitted.groupby(point).transform("all")
