"""B* ~ P^x of nets, next to gamma of the same runs and what their kernels predict."""

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np

from nets.max_margin.crossovers import Crossovers
from nets.phase.batch_entries import NetBStarOnP, NetPhases
from nets.phase.batch_law import SeedFits
from perceptron_sim.analysis.exponents import span
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.entries import near
from perceptron_sim.phase.jackknife import jackknife

Row = tuple[NetPhases, SeedFits, Sequence[Crossovers] | None]
_SERIES = ("model", "data", "arch", "depth", "width", "alpha")


def B_star_on_P(rows: Sequence[Row]) -> list[NetBStarOnP]:
    """Fit B* ~ P^x for each net with several P, by plain least squares in ln; seeds are the units.

    Args:
        rows: of maps: what they say, their fits, predictions of each seed or None.
    """

    def series(row: Row) -> tuple[object, ...]:
        return tuple(getattr(row[0], name) for name in _SERIES)

    ordered = sorted(rows, key=lambda row: (*map(str, series(row)), row[0].P))
    found = (_exponent(list(members)) for _, members in groupby(ordered, key=series))
    return [each for each in found if each is not None]


def _exponent(rows: list[Row]) -> NetBStarOnP | None:
    sizes = [float(row.P) for row, _, _ in rows]
    seeds = {len(fits.without) for _, fits, _ in rows}
    if len(set(sizes)) < 2 or len(seeds) > 1 or max(seeds) < 2:
        return None
    centred = np.log(sizes) - np.mean(np.log(sizes))
    linear = centred / (centred @ centred)
    expected = np.array([_logs(at, max(seeds)) for _, _, at in rows])

    def statistic(keep: list[int]) -> FloatArray:
        stars, hot = np.array([[f.log_of("B_star", keep), _noise(f, keep)] for _, f, _ in rows]).T
        x, gamma = linear @ stars, linear @ hot
        return np.array([x, gamma, x - gamma, x - linear @ expected[:, keep].mean(axis=1)])

    errors = np.array([fits.whole.B_star.error for _, fits, _ in rows if fits.whole.B_star])
    floor = math.sqrt(float(linear**2 @ errors**2))
    x, gamma, difference, departure = jackknife(statistic, max(seeds), floor)
    if x is None or gamma is None or difference is None:
        return None
    # One u for all P drops out, and its change over P is what is predicted not to be there.
    first = rows[0][0]
    return NetBStarOnP(
        **{name: getattr(first, name) for name in _SERIES},
        window=f"P {span(sizes)}",
        n_points=len(rows),
        n_seeds=max(seeds),
        x=x.interval(),
        gamma=gamma.interval(),
        difference=difference.interval(),
        predicted=None if departure is None else x.value - departure.value,
        departure=None if departure is None else departure.interval(),
        agrees=None
        if departure is None
        else near(departure.value, departure.error, departure.dof, 0.0),
        systematic=_of_windows(rows, linear),
    )


def _logs(expected: Sequence[Crossovers] | None, n_seeds: int) -> list[float]:
    stars = [each.B_star for each in expected or ()]
    return [math.log(star) if star else math.nan for star in stars] or [math.nan] * n_seeds


def _noise(fits: SeedFits, keep: Sequence[int]) -> float:
    """Return ln ||w - w_0|| / T where noise dominates, up to a constant."""
    return fits.log_of("plateau", keep) - fits.log_of("tau_c", keep)


def _of_windows(rows: list[Row], linear: FloatArray) -> float | None:
    """Return the shift of x if every B* moves by its systematic error, each way."""
    shifts = [row.B_star_systematic for row, _, _ in rows]
    known = [shift for shift in shifts if shift is not None]
    return float(np.sqrt(linear**2 @ np.square(known))) if len(known) == len(rows) else None
