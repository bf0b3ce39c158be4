"""T_c(P): where T begins to matter, by three observables, and its exponent T_c ~ P^-a.

The weights: T at which ||w - w_0|| / ||w_0|| passes a level. Training time and test error:
departure from the linearised net, ln(trained / linearised) = beta ln(1 + T/T_0), T_0 ~ P^-a, one
beta for all P, which lays all P on one curve over T P^a. In both the lazy limit gives a =
gamma/delta with ||w - w_0|| ~ T^delta P^gamma (the paper).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize

from nets.phase.crossings import crossing, table_of
from nets.phase.entries import AtP, OnsetRow
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.jackknife import Measured, jackknife

# Fraction of ||w_0|| below which ||w - w_0|| of a trained net is a power law of T and P.
LAZY_BELOW = 0.1


@dataclass(frozen=True, eq=False)
class Grid:
    """Fitted cells of one kind of run.

    Attributes:
        P, T: of each cell, shape (n,).
        logs: name to ln of the observable, shape (n, seeds).
    """

    P: FloatArray
    T: FloatArray
    logs: dict[str, FloatArray]

    @property
    def n_seeds(self) -> int:
        """Number of seeds."""
        return int(self.logs["dw_rel"].shape[1])

    def part(self, chosen: np.ndarray) -> "Grid":
        """Return some of the cells."""
        logs = {name: table[chosen] for name, table in self.logs.items()}
        return Grid(self.P[chosen], self.T[chosen], logs)


def grid_of(cells: pd.DataFrame) -> Grid:
    """Return the cells that fitted, sorted by P and T."""
    fitted = cells[cells["status"] == FITTED].sort_values(["P", "T"])
    names = ("dw_rel", "t_star", "test_error")
    return Grid(
        P=fitted["P"].to_numpy(dtype=np.float64),
        T=fitted["T"].to_numpy(dtype=np.float64),
        logs={name: table_of(fitted, name) for name in names},
    )


def gamma_over_delta(grid: Grid, keep: list[int]) -> float:
    """Return gamma/delta of ||w - w_0|| ~ T^delta P^gamma: least squares over all cells."""
    if len(np.unique(grid.P)) < 2 or len(np.unique(grid.T)) < 2:
        return math.nan
    design = np.column_stack([np.ones_like(grid.P), np.log(grid.T), np.log(grid.P)])
    mean = grid.logs["dw_rel"][:, keep].mean(axis=1)
    _, delta, gamma = np.linalg.lstsq(design, mean, rcond=None)[0]
    return float(gamma / delta)


@dataclass(frozen=True)
class Onset:
    """An exponent a of T_c ~ P^-a next to gamma/delta.

    Attributes:
        a: the exponent.
        ratio: gamma/delta of the same runs, where they are lazy.
        difference: a - gamma/delta, its error that of the difference, by seed.
        P: at which T_c was found.
        T_c: ln of it at each; beyond the point where the law departs by a factor e.
    """

    a: Measured
    ratio: Measured | None
    difference: Measured | None
    P: list[float]
    T_c: list[Measured]

    def row(
        self,
        quantity: str,
        by: str,
        window: str,
        level: float | None = None,
        beta: float | None = None,
        moved: tuple[float, ...] = (),
    ) -> OnsetRow:
        """Return it as an entry of summary.json."""
        difference = self.difference
        at = [(P, each.of_exp()) for P, each in zip(self.P, self.T_c, strict=True)]
        return OnsetRow(
            *(quantity, by, self.a.interval()),
            gamma_over_delta=None if self.ratio is None else self.ratio.interval(),
            difference=None if difference is None else difference.interval(),
            agrees=None if difference is None else difference.ci_low <= 0 <= difference.ci_high,
            T_c=tuple(AtP(**vars(each), P=P) for P, each in at),
            window=window,
            level=level,
            beta=beta,
            moved=moved,
        )


def by_level(grid: Grid, level: float, lazy: Grid) -> Onset | None:
    """Find T_c(P) as the T at which ||w - w_0|| / ||w_0|| passes ``level``.

    Args:
        grid: what is looked at.
        level: fraction of ||w_0||.
        lazy: the runs, of the same seeds, from which gamma/delta is taken.

    Returns:
        The exponent over the P at which the level is passed, or None below three.
    """

    def scales(keep: list[int]) -> FloatArray:
        found = []
        for P in np.unique(grid.P):
            at = grid.P == P
            mean = grid.logs["dw_rel"][at][:, keep].mean(axis=1)
            found.append(crossing(np.log(grid.T[at]), mean, math.log(level)))
        return np.array(found)

    everyone = list(range(grid.n_seeds))
    known = np.isfinite(scales(everyone)) if len(grid.P) else np.zeros(0, dtype=bool)
    if known.sum() < 3:
        return None
    return _onset(lambda keep: scales(keep)[known], np.unique(grid.P)[known], grid.n_seeds, lazy)


def by_departure(trained: Grid, lazy: Grid, observable: str) -> tuple[Onset, float] | None:
    """Find T_c(P) from the departure of trained nets from their linearisation.

    Args:
        trained, lazy: runs of the same seeds; cells of both are compared.
        observable: "t_star" or "test_error".

    Returns:
        The exponent, T_c where the departure is a factor e^(+-0.2), and beta; None where the
        cells do not determine them.
    """
    at_lazy = {pair: i for i, pair in enumerate(zip(lazy.P, lazy.T, strict=True))}
    pairs = [
        (i, at_lazy.get(pair)) for i, pair in enumerate(zip(trained.P, trained.T, strict=True))
    ]
    mine = [i for i, j in pairs if j is not None]
    theirs = [j for _, j in pairs if j is not None]
    P, T = trained.P[mine], trained.T[mine]
    if len(np.unique(P)) < 3 or len(mine) < 8 or trained.n_seeds != lazy.n_seeds:
        return None
    table = trained.logs[observable][mine] - lazy.logs[observable][theirs]
    centre = float(np.mean(np.log(P)))
    whole = _fit_departure(table.mean(axis=1), T, P, centre, None)

    def scales(keep: list[int]) -> FloatArray:
        beta, log_T0, a = _fit_departure(table[:, keep].mean(axis=1), T, P, centre, whole)
        T_c = log_T0 + math.log(math.expm1(min(_DEPARTED / max(abs(beta), 1e-9), 500.0)))
        return np.asarray(T_c - a * (np.log(np.unique(P)) - centre))

    found = _onset(scales, np.unique(P), trained.n_seeds, lazy)
    return None if found is None else (found, float(whole[0]))


def moved_at(trained: Grid, onset: Onset) -> tuple[float, ...]:
    """Return ||w - w_0|| / ||w_0|| of trained nets at each T_c, by straight lines in logarithms."""
    found = []
    for P, at in zip(onset.P, onset.T_c, strict=True):
        same = trained.part(trained.P == P)
        mean = same.logs["dw_rel"].mean(axis=1)
        found.append(float(np.exp(np.interp(at.value, np.log(same.T), mean))))
    return tuple(found)


# The departure, in ln, at which T_c is read off the fitted curve.
_DEPARTED = 0.2


def _fit_departure(
    y: FloatArray, T: FloatArray, P: FloatArray, centre: float, start: FloatArray | None
) -> FloatArray:
    """Fit y = beta ln(1 + T/T_0), ln T_0 = s - a (ln P - centre); return (beta, s, a)."""

    def misfit(free: FloatArray) -> FloatArray:
        beta, s, a = free
        return np.asarray(beta * np.logaddexp(0.0, np.log(T) - s + a * (np.log(P) - centre)) - y)

    middle = float(np.mean(np.log(T)))
    starts = [start] if start is not None else [[b, middle, 0.4] for b in (-0.5, 0.5)]
    bounds = ([-3.0, math.log(T.min()) - 2.0, -3.0], [3.0, math.log(T.max()) + 2.0, 3.0])
    inside = [np.clip(np.asarray(s), *(np.array(b) for b in bounds)) for s in starts]
    ends = [optimize.least_squares(misfit, s, bounds=bounds) for s in inside]
    return np.asarray(min(ends, key=lambda end: end.cost).x)


def _onset(
    scales: Callable[[list[int]], FloatArray], P: FloatArray, n_seeds: int, lazy: Grid
) -> Onset | None:
    log_P = np.log(P)
    comparable = lazy.n_seeds == n_seeds if len(lazy.P) else False

    def statistic(keep: list[int]) -> FloatArray:
        T_c = scales(keep)
        a = -float(np.polyfit(log_P, T_c, 1)[0]) if np.all(np.isfinite(T_c)) else math.nan
        ratio = gamma_over_delta(lazy, keep) if comparable else math.nan
        return np.array([a, ratio, a - ratio, *T_c])

    a, ratio, difference, *T_c = jackknife(statistic, n_seeds)
    if a is None:
        return None
    return Onset(a, ratio, difference, P.tolist(), [at for at in T_c if at is not None])
