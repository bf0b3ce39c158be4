"""Figures of a scan: t* and ||w|| against P and against T, theory drawn through the data."""

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.exponents import ExponentRow
from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    geometric_means,
    in_lines,
    legend_below,
    listed,
    log_axes,
    means_over,
    plain,
    thinned,
    title,
)
from perceptron_sim.arrays import FloatArray
from perceptron_sim.status import Status
from perceptron_sim.theory import exponents
from perceptron_sim.theory.prediction import trusted_end

_CURVE_POINTS = 13
# Inches of a panel's width.
_PANEL = 3.1
_OBSERVABLES = (("t_star", r"t^*"), ("w_norm", r"\|w\|"))


def figure_on_P(frame: pd.DataFrame, rows: Sequence[ExponentRow]) -> Figure:
    """Draw t*/T and ||w||/T against P, a column for each chi, with both predictions.

    Points are geometric means over seeds (and d, B, kappa if several are in ``frame``), bars
    95 % intervals of the mean; the fitted exponents of ``rows`` stand in the titles.
    """
    with rc_context(STYLE):
        return _panels(frame, rows, on="P", series="T", divide_by_T=True)


def figure_on_T(frame: pd.DataFrame, rows: Sequence[ExponentRow]) -> Figure:
    """Draw t* and ||w|| against T, a column for each chi, with slope 1 through the data."""
    with rc_context(STYLE):
        return _panels(frame, rows, on="T", series="P", divide_by_T=False)


def _panels(
    frame: pd.DataFrame, rows: Sequence[ExponentRow], on: str, series: str, divide_by_T: bool
) -> Figure:
    fitted = frame[frame["status"] == Status.FITTED]
    chis = sorted(fitted["chi"].unique())
    figure = Figure(figsize=(1.3 + _PANEL * max(1, len(chis)), 6.6))
    axes = figure.subplots(2, max(1, len(chis)), sharex=True, squeeze=False)
    for column, chi in enumerate(chis):
        runs = fitted[fitted["chi"] == chi]
        for row, (name, symbol) in enumerate(_OBSERVABLES):
            ax = axes[row, column]
            _panel(ax, runs, name, on, series, divide_by_T)
            slope, label, law = _slope(name, on, float(chi))
            _guides(ax, runs, name, on, series, slope, label)
            _predictions(ax, runs, name, on, series, divide_by_T)
            log_axes(ax, sorted(runs[on].unique()))
            over = " / T" if divide_by_T else ""
            if column == 0:
                ax.set_ylabel(f"${symbol}{over}$")
            if row == 1:
                ax.set_xlabel(r"training-set size $P$" if on == "P" else r"temperature $T$")
            lines = [rf"$\chi = {chi:g}$"] * (row == 0)
            for line in _fitted(rows, name, on, float(chi)):
                lines.append(in_lines(figure, [line, law], _PANEL))
            ax.set_title("\n".join(lines), fontsize=TITLE_SIZE)
    legend_below(figure)
    if not chis:
        axes[0, 0].text(0.5, 0.5, "no fitted run", ha="center", transform=axes[0, 0].transAxes)
    title(figure, _headline(frame))
    return figure


def _panel(
    ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str, divide_by_T: bool
) -> None:
    shown = thinned(sorted(runs[series].unique()))
    for i, value in enumerate(shown):
        members = runs[runs[series] == value]
        points = list(members.groupby(on))
        geometric_means(
            ax,
            [float(cast(float, abscissa)) for abscissa, _ in points],
            [np.log(_scaled(at_point, name, divide_by_T)) for _, at_point in points],
            i,
            f"${series} = {plain(float(value))}$",
            of=len(shown),
        )


def _fitted(rows: Sequence[ExponentRow], name: str, on: str, chi: float) -> list[str]:
    """Return lines with the exponents measured for one panel."""
    quantity, symbol = {
        ("t_star", "P"): ("b", "b"),
        ("w_norm", "P"): ("gamma", r"\gamma"),
        ("t_star", "T"): ("t_star_on_T", r"\mathrm{slope}"),
        ("w_norm", "T"): ("delta", r"\delta"),
    }[name, on]
    found = [row for row in rows if row.quantity == quantity and row.chi == chi]
    lines = []
    for row in found:
        where = f" ($d = {row.d}$, $B = {row.B}$)" if len(found) > 1 else ""
        assert row.ci_low is not None
        assert row.ci_high is not None
        half = 0.5 * (row.ci_high - row.ci_low)
        lines.append(f"measured ${symbol} = {row.measured:.3f} \\pm {half:.3f}${where}")
    return lines


def _slope(name: str, on: str, chi: float) -> tuple[float, str, str]:
    """Return the asymptotic exponent, its law for the legend, and its value for the title."""
    theory = exponents(chi)
    if on == "T":
        return 1.0, r"asymptotic, $\propto T$", "asymptotic $1$"
    law = r"asymptotic, $t^* \propto P^{1+2/(1+\chi)}$, $\|w\| \propto P^{1/(1+\chi)}$"
    exponent = theory.b if name == "t_star" else theory.gamma
    return exponent, law, f"asymptotic ${exponent:.3g}$"


def _guides(
    ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str, slope: float, label: str
) -> None:
    """Draw the asymptotic power law, on T through the middle of each series.

    On P it is drawn once, through the right end, where it holds best.
    """
    shown = thinned(sorted(runs[series].unique())) if on == "T" else [None]
    for i, value in enumerate(shown):
        members = runs if value is None else runs[runs[series] == value]
        ends = np.array([members[on].min(), members[on].max()], dtype=np.float64)
        if ends[0] == ends[1]:
            # A single abscissa has no slope, and rounding would be all the axis shows.
            continue
        fixed = members[members[on] == ends[1]] if on == "P" else members
        x = fixed[on].to_numpy(dtype=np.float64)
        offset = float(np.mean(np.log(_scaled(fixed, name, on == "P")) - slope * np.log(x)))
        ax.plot(
            ends,
            np.exp(offset) * ends**slope,
            "--",
            color="0.35",
            linewidth=1.3 if on == "P" else 0.9,
            label=label if i == 0 else None,
        )


def _predictions(
    ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str, divide_by_T: bool
) -> None:
    """Draw the prediction at finite P/d for each series: no free parameter, level included."""
    shown = thinned(sorted(runs[series].unique()))
    for i, value in enumerate(shown):
        members = runs[runs[series] == value]
        low, high = float(members[on].min()), float(members[on].max())
        x = np.geomspace(low, high, _CURVE_POINTS if high > low else 1)
        for shared, _ in members.groupby(["chi", "d", "B", "kappa"]):
            chi, d, B, kappa = cast(tuple[float, int, int, float], shared)
            y = []
            for at in x:
                P, T = (at, float(value)) if on == "P" else (float(value), at)
                end = trusted_end(float(chi), float(P), int(d), int(B), kappa / T)
                scale = 1.0 if divide_by_T else T
                y.append(scale * float(getattr(end, name)) if end else math.nan)
            if not np.any(np.isfinite(y)):
                continue
            ax.plot(
                x,
                y,
                "-",
                color=COLOURS[i % len(COLOURS)],
                linewidth=1.1,
                zorder=1,
                label="prediction, finite $P/d$",
            )


def _scaled(runs: pd.DataFrame, name: str, divide_by_T: bool) -> FloatArray:
    values = runs[name].to_numpy(dtype=np.float64)
    return values / runs["T"].to_numpy(dtype=np.float64) if divide_by_T else values


def _headline(frame: pd.DataFrame) -> list[str]:
    parts = ["perceptron, SGD until every sample is fitted"]
    for name, symbol in (("d", "d"), ("B", "B"), ("kappa", r"\kappa")):
        parts.append(f"${symbol} = {listed(frame[name].unique())}$")
    seeds = frame["seed"].nunique()
    return [*parts, *means_over(seeds)]
