"""Where an observable on a line of cells passes a level, is least, or training fails."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.jackknife import Measured, jackknife

# An optimum is sought where a parabola can follow: so far on either side, in ln.
_REACH = 3.0 * math.log(2.0)
_FEWEST = 5
_VAGUE = 1.0


def table_of(cells: pd.DataFrame, observable: str) -> FloatArray:
    """Return ln of an observable of every seed, shape (cells, seeds)."""
    return np.array([np.asarray(v, dtype=np.float64) for v in cells[f"{observable}_seeds"]])


def crossing(x: FloatArray, y: FloatArray, level: float) -> float:
    """Return the first x at which y rises through ``level`` on straight lines; NaN for none.

    Args:
        x, y: shape (n,), x monotonic, ordered so that y is expected to rise.
        level: in the unit of y.
    """
    for i in range(len(x) - 1):
        if y[i] < level <= y[i + 1]:
            return float(x[i] + (level - y[i]) / (y[i + 1] - y[i]) * (x[i + 1] - x[i]))
    return math.nan


def crossing_of(cells: pd.DataFrame, on: str, observable: str, level: float) -> Measured | None:
    """Return ln of ``on`` where the mean of ln ``observable`` over seeds passes ln ``level``.

    Args:
        cells: fitted cells of a line, in the order in which the observable is expected to rise.
        on: column that differs between them.
        observable: as in ``cells.cell_of``.
        level: of the observable.
    """
    if len(cells) < 2:
        return None
    x = np.log(cells[on].to_numpy(dtype=np.float64))
    y = table_of(cells, observable)

    def statistic(keep: list[int]) -> FloatArray:
        return np.array([crossing(x, y[:, keep].mean(axis=1), math.log(level))])

    return jackknife(statistic, y.shape[1])[0]


def fitted_stretch(row: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """Return the cells of a row that fit, up to T_max, and the lowest T at which few seeds do.

    A cell fits if half of its seeds do. Training fails from the T on above which none fits; single
    seeds may fail below, and cold cells may run out of steps, without that being a limit of T.

    Args:
        row: cells that differ in T alone, sorted by it.

    Returns:
        The cells below that fit, and the T; inf if training fails nowhere.
    """
    many = (2 * row["n_fitted"] >= row["n_seeds"]).to_numpy()
    if not many.any():
        return row.iloc[:0], math.inf
    end = int(np.flatnonzero(many)[-1]) + 1
    after = float(row["T"].iloc[end]) if end < len(row) else math.inf
    return row[many], after


@dataclass(frozen=True, eq=False)
class Optimum:
    """Where the test error of a row is least.

    Attributes:
        log_T: ln T_opt.
        at_edge: whether it is the hottest cell that fits: the optimum is at T_max.
        without: ln T_opt without each seed, shape (seeds,).
    """

    log_T: Measured
    at_edge: bool
    without: FloatArray


def optimum(stretch: pd.DataFrame, observable: str = "test_error") -> Optimum | None:
    """Return the T at which the observable is least, between the coldest and the hottest cell.

    The least of running means of three, then the least of a parabola through the cells within a
    factor 8 of it. Its error: jackknife over seeds, and that of a lattice of steps s, s/sqrt(12).
    A cell stands for its fitted seeds, two at least: just below T_max, where optima are, single
    seeds fail. That conditions on success; without such cells there is no optimum to be seen.

    Args:
        stretch: cells of a row that fit, as ``fitted_stretch`` returns them.
        observable: what is to be least.

    Returns:
        The optimum, or None below five cells, for a single seed, where it is the coldest cell, or
        where it is not known to a factor e.
    """
    stretch = stretch[stretch["n_fitted"] >= 2]
    if len(stretch) < _FEWEST:
        return None
    x = np.log(stretch["T"].to_numpy(dtype=np.float64))
    y = table_of(stretch, observable)

    def statistic(keep: list[int]) -> FloatArray:
        return np.array([_least(x, np.nanmean(y[:, keep], axis=1))])

    step, n = float(np.median(np.diff(x))), y.shape[1]
    found = jackknife(statistic, n, floor=step / math.sqrt(12.0))[0]
    if found is None or found.value <= x[0] + 1e-9 or found.error > _VAGUE:
        return None
    without = np.concatenate([statistic([s for s in range(n) if s != left]) for left in range(n)])
    return Optimum(found, bool(found.value >= x[-1] - 1e-9), without)


def _least(x: FloatArray, y: FloatArray) -> float:
    padded = np.concatenate([y[:1], y, y[-1:]])
    centre = x[int(np.argmin(np.convolve(padded, np.full(3, 1.0 / 3.0), "valid")))]
    near = np.abs(x - centre) <= _REACH + 1e-9
    if near.sum() < _FEWEST:
        near = np.argsort(np.abs(x - centre))[:_FEWEST]
    a, b, _ = np.polyfit(x[near] - centre, y[near], 2)
    low, high = float(x[near].min()), float(x[near].max())
    if a > 0.0:
        return float(np.clip(centre - b / (2.0 * a), low, high))
    return low if b > 0.0 else high
