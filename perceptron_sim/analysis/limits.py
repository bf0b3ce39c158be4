"""Exponents for P -> infinity, extrapolated from runs of perceptrons at finite P.

Local exponents approach their limit with a correction of relative size 1/lambda, lambda* ~
P^(1/(1+chi)) (docs/theory.md (17), (25)). So ln ||w|| = a + gamma ln P + c P^(-1/(1+chi)) is
fitted with c free. Nothing of the calibrated law of finite sizes enters. The limit at fixed d is
(26). From two d on, a straight line in 2/(d+1), as (26) depends on d, leads on to d -> infinity.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import (
    NOISE_DOMINATED,
    GridPoint,
    distinct,
    grid_points,
    window_of,
)
from perceptron_sim.analysis.power_law import PowerLawFit, fit_power_law
from perceptron_sim.analysis.summary import Entry
from perceptron_sim.intervals import mixed_dof, quantile
from perceptron_sim.store.schema import PERCEPTRON
from perceptron_sim.theory import exponents, exponents_at_dimension

# Smallest P/d for which one correction term suffices.
LEAST_P_OVER_D = 16.0
# Smallest number of P: two parameters, a correction, and one more P that shows the misfit.
_FEWEST_P = 4
# Name, what is fitted, and what is subtracted.
_QUANTITIES = (("gamma", "w", 0.0), ("b", "t", 0.0), ("b - 1 - 2 gamma", "t/w^2", 1.0))


@dataclass(frozen=True)
class Limit(Entry):
    """An exponent extrapolated to P -> infinity.

    Attributes:
        quantity: "gamma", "b" or "b - 1 - 2 gamma".
        chi: density exponent of the data.
        d: input dimension; None for the limit d -> infinity after that of P.
        B: batch size.
        window: the runs in the fits, in words.
        n_seeds: smallest number of seeds at a grid point.
        n_points: grid points in the fits.
        measured: the exponent.
        std_error, dof: its statistical error, and the degrees of freedom of that.
        ci_low, ci_high: 95 % interval, Student's t.
        systematic: largest shift with a correction twice as steep, or without the lower third of
            P. For the latter, the shift that the scatter of seeds explains is subtracted.
        predicted: docs/theory.md (26) at this d; for d -> infinity the paper's exponents, (17).
    """

    quantity: str
    chi: float
    d: int | None
    B: int
    window: str
    n_seeds: int
    n_points: int
    measured: float
    std_error: float
    dof: float
    ci_low: float
    ci_high: float
    systematic: float
    predicted: float


@dataclass(frozen=True)
class _Series:
    """Fits at one d: as stated, with a steeper correction, without the lowest third of P."""

    d: int
    points: list[GridPoint]
    fits: tuple[PowerLawFit, PowerLawFit, PowerLawFit]


def limits_of(frame: pd.DataFrame) -> list[Limit]:
    """Extrapolate gamma, b and b - 1 - 2 gamma of perceptrons to P -> infinity.

    It uses noise-dominated points (T/kappa >= 512) at P/d >= 16 where every run was fitted, and at
    least four P. There is one row for each chi, d and B, and one for d -> infinity from two d on.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.
    """
    mine = distinct(frame[frame["model"] == PERCEPTRON])
    rows: list[Limit] = []
    for shared, runs in mine.groupby(["chi", "B"], sort=True):
        chi, B = cast(tuple[float, int], shared)
        points = {
            int(str(d)): noisy_points(at, int(str(d))) for d, at in runs.groupby("d", sort=True)
        }
        for quantity, observable, offset in _QUANTITIES:
            series = [
                found
                for d, some in points.items()
                if (found := _series(d, some, observable, 1.0 / (1.0 + chi))) is not None
            ]
            rows += _limits(quantity, float(chi), int(B), series, offset)
    return rows


def noisy_points(
    runs: pd.DataFrame, d: int, least_P_over_d: float = LEAST_P_OVER_D
) -> list[GridPoint]:
    """Return the noise-dominated points of perceptrons of one d from some P/d on."""
    noisy = runs[runs["T"] >= NOISE_DOMINATED * runs["kappa"]]
    # A grid point at the limit may miss it by rounding.
    return grid_points(noisy[noisy["P"] >= least_P_over_d * d * (1.0 - 1e-9)])


def _series(d: int, points: list[GridPoint], observable: str, omega: float) -> _Series | None:
    sizes = sorted({point.P for point in points if len(point.log_w) > 1})
    if len(sizes) < _FEWEST_P:
        return None
    fits = []
    for least, power in ((0, omega), (0, 2.0 * omega), (sizes[len(sizes) // 3], omega)):
        some = [point for point in points if least <= point.P]
        fit = fit_power_law(
            [float(point.P) for point in some],
            [point.logs(observable) for point in some],
            [point.kappa / point.T for point in some],
            correction=power,
        )
        if fit is None:
            return None
        fits.append(fit)
    return _Series(d, points, (fits[0], fits[1], fits[2]))


def _limits(
    quantity: str, chi: float, B: int, series: Sequence[_Series], offset: float
) -> Iterator[Limit]:
    for each in series:
        yield _combined(quantity, chi, B, [each], np.ones(1), offset)
    if len(series) > 1:
        x = np.array([2.0 / (each.d + 1.0) for each in series])
        # Where all seeds agree to the last bit there are no weights.
        weight = 1.0 / np.square([each.fits[0].std_error or 1.0 for each in series])
        design = np.column_stack([np.ones_like(x), x])
        to_zero = np.linalg.solve(
            design.T @ (design * weight[:, None]), (design * weight[:, None]).T
        )
        yield _combined(quantity, chi, B, series, to_zero[0], offset)


def _combined(
    quantity: str,
    chi: float,
    B: int,
    series: Sequence[_Series],
    weights: np.ndarray,
    offset: float,
) -> Limit:
    """Return the weighted sum of the limits of some series."""
    stated, steeper, fewer = ([each.fits[i] for each in series] for i in range(3))
    value, steep, without = (
        float(weights @ [fit.slope for fit in fits]) for fits in (stated, steeper, fewer)
    )
    variances = [w**2 * fit.std_error**2 for w, fit in zip(weights, stated, strict=True)]
    more = sum(w**2 * fit.std_error**2 for w, fit in zip(weights, fewer, strict=True))
    dof = mixed_dof(zip(variances, (fit.dof for fit in stated), strict=True))
    error = math.sqrt(sum(variances))
    # A fit to some runs differs from the fit to all by the difference of the variances.
    beyond = (without - value) ** 2 - max(0.0, more - sum(variances))
    half = quantile(dof) * error
    d = series[0].d if len(series) == 1 else None
    theory = exponents(chi) if d is None else exponents_at_dimension(chi, d)
    predicted = {"gamma": theory.gamma, "b": theory.b}
    points = [point for each in series for point in each.points]
    sizes = f"d {', '.join(str(each.d) for each in series)}; " if d is None else ""
    ratios = [window_of(each.points, each.d) for each in series]
    return Limit(
        quantity=quantity,
        chi=chi,
        d=d,
        B=B,
        window=sizes + "; ".join(dict.fromkeys(ratios)),
        n_seeds=min(fit.n_seeds for fit in stated),
        n_points=len(points),
        measured=value - offset,
        std_error=error,
        dof=dof,
        ci_low=value - offset - half,
        ci_high=value - offset + half,
        systematic=max(abs(steep - value), math.sqrt(max(0.0, beyond))),
        predicted=predicted.get(quantity, theory.b - 1.0 - 2.0 * theory.gamma),
    )
