"""Figures: drawn without pyplot, so that no global state and no display is involved.

Series differ in marker as well as colour, and theory in line style, so that every figure can
be read in grey.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from perceptron_sim.arrays import FloatArray
from perceptron_sim.experiments.exponent_table import ExponentRow
from perceptron_sim.experiments.simulate import RunResult
from perceptron_sim.experiments.trajectory import TestErrorCheck
from perceptron_sim.kernels import status
from perceptron_sim.theory import exponents

# Okabe-Ito colours: distinct for colour-blind readers, and ordered in lightness.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
STYLE: Any = {
    "font.size": 9.5,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "perceptron-sim",
}
_OBSERVABLES = (("t_star", r"t^*"), ("w_norm", r"\|w\|"))


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``figure`` to ``folder/name.png`` and ``.svg``; return the paths."""
    FigureCanvasAgg(figure)
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    with rc_context(STYLE):
        figure.savefig(paths[0], dpi=150)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def figure_on_P(frame: pd.DataFrame, rows: Sequence[ExponentRow]) -> Figure:
    """Draw t*/T and ||w||/T against P, a column for each chi, with the asymptotic slopes.

    Points are geometric means over seeds (and d, B, kappa if several are in ``frame``), bars
    95 % intervals of the mean; the fitted exponents of ``rows`` stand in the legends.
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
    fitted = frame[frame["status"] == status.NAMES[status.FITTED]]
    chis = sorted(fitted["chi"].unique())
    figure = Figure(figsize=(1.3 + 3.1 * max(1, len(chis)), 6.2))
    axes = figure.subplots(2, max(1, len(chis)), sharex=True, squeeze=False)
    for column, chi in enumerate(chis):
        runs = fitted[fitted["chi"] == chi]
        for row, (name, symbol) in enumerate(_OBSERVABLES):
            ax = axes[row, column]
            _panel(ax, runs, name, on, series, divide_by_T)
            slope, label = _slope(name, on, float(chi))
            _guides(ax, runs, name, on, series, slope, label)
            log_axes(ax)
            over = " / T" if divide_by_T else ""
            if column == 0:
                ax.set_ylabel(f"${symbol}{over}$")
            if row == 1:
                ax.set_xlabel(r"training-set size $P$" if on == "P" else r"temperature $T$")
            measured = _fitted(rows, name, on, float(chi))
            ax.set_title("\n".join([rf"$\chi = {chi:g}$"] * (row == 0) + measured), fontsize=9)
            if on == "P":
                ax.legend(loc="upper left")
    if chis and on == "T":
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    if not chis:
        axes[0, 0].text(0.5, 0.5, "no fitted run", ha="center", transform=axes[0, 0].transAxes)
    figure.suptitle(_headline(frame), fontsize=9)
    return figure


def _panel(
    ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str, divide_by_T: bool
) -> None:
    shown = _thinned(sorted(runs[series].unique()))
    for i, value in enumerate(shown):
        members = runs[runs[series] == value]
        x, mean, half = [], [], []
        for abscissa, at_point in members.groupby(on):
            logs = np.log(_scaled(at_point, name, divide_by_T))
            x.append(float(cast(float, abscissa)))
            mean.append(float(logs.mean()))
            half.append(
                1.96 * float(logs.std(ddof=1)) / math.sqrt(len(logs)) if len(logs) > 1 else 0
            )
        centre = np.exp(mean)
        bars = np.array(
            [centre - np.exp(np.subtract(mean, half)), np.exp(np.add(mean, half)) - centre]
        )
        ax.errorbar(
            x,
            centre,
            yerr=bars,
            linestyle="none",
            marker=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            markersize=4.5,
            markerfacecolor="white" if i % 2 else None,
            capsize=2,
            label=f"${series} = {_plain(float(value))}$",
        )


def _fitted(rows: Sequence[ExponentRow], name: str, on: str, chi: float) -> list[str]:
    """Return legend lines with the exponents measured for one panel."""
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
        half = 0.5 * (row.ci_high - row.ci_low)
        lines.append(f"measured ${symbol} = {row.measured:.3f} \\pm {half:.3f}${where}")
    return lines


def _slope(name: str, on: str, chi: float) -> tuple[float, str]:
    theory = exponents(chi)
    if on == "T":
        return 1.0, r"asymptotic: $\propto T$"
    if name == "t_star":
        return theory.b, rf"asymptotic: $P^{{1+2/(1+\chi)}} = P^{{{theory.b:.3g}}}$"
    return theory.gamma, rf"asymptotic: $P^{{1/(1+\chi)}} = P^{{{theory.gamma:.3g}}}$"


def _guides(
    ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str, slope: float, label: str
) -> None:
    """Draw the asymptotic power law, on T through the middle of each series.

    On P it is drawn once, through the right end, where it holds best.
    """
    shown = _thinned(sorted(runs[series].unique())) if on == "T" else [None]
    for i, value in enumerate(shown):
        members = runs if value is None else runs[runs[series] == value]
        ends = np.array([members[on].min(), members[on].max()], dtype=np.float64)
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


def _scaled(runs: pd.DataFrame, name: str, divide_by_T: bool) -> FloatArray:
    values = runs[name].to_numpy(dtype=np.float64)
    return values / runs["T"].to_numpy(dtype=np.float64) if divide_by_T else values


def log_axes(ax: Axes) -> None:
    """Make both axes logarithmic, with enough numbers on spans of less than two decades."""
    ax.set(xscale="log", yscale="log")
    for axis in (ax.xaxis, ax.yaxis):
        low, high = axis.get_view_interval()
        if high < 100 * low:
            axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def _headline(frame: pd.DataFrame) -> str:
    parts = []
    for name, symbol in (("d", "d"), ("B", "B"), ("kappa", r"\kappa")):
        values = sorted(frame[name].unique())
        parts.append(f"${symbol} = " + ",\\ ".join(_plain(float(v)) for v in values) + "$")
    seeds = frame["seed"].nunique()
    return (
        "perceptron, SGD until every sample is fitted:  "
        + ",  ".join(parts)
        + f";  geometric means over {seeds} seeds, bars: 95 % intervals"
    )


def _plain(value: float) -> str:
    """Return a number in mathtext: powers of two as such when they are no plain integers."""
    if value == round(value) and abs(value) < 1e7:
        return str(int(value))
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5 and (value < 1 or value > 1e5):
        return f"2^{{{exponent - 1}}}"
    return f"{value:.4g}"


def _thinned(values: Sequence[float]) -> list[float]:
    """Return at most five of ``values``, ends included, evenly spread."""
    if len(values) <= 5:
        return list(values)
    picks = np.unique(np.rint(np.linspace(0, len(values) - 1, 5)).astype(int))
    return [values[i] for i in picks]


def figure_run(run: RunResult, check: TestErrorCheck) -> Figure:
    """Draw one trajectory: w_1 and |w_perp|, unfitted fraction, test error, against t.

    Args:
        run: a run with checkpoints.
        check: its test error on fresh samples.
    """
    course = run.checkpoints
    assert course is not None
    started = course.step > 0
    t = course.t[started]
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 3.6))
        weights, unfitted, test = figure.subplots(1, 3)
        weights.plot(
            t, course.w1[started], "o-", color=COLOURS[1], markersize=3, label="signal $w_1$"
        )
        weights.plot(
            t,
            course.w_perp[started],
            "s--",
            color=COLOURS[2],
            markersize=3,
            markerfacecolor="white",
            label=r"noise $|w_\perp|$",
        )
        weights.set_ylabel("weights")
        some = course.unfitted[started] > 0
        unfitted.plot(
            t[some],
            course.unfitted[started][some],
            "o-",
            color=COLOURS[0],
            markersize=3,
            label="training set (0 from $t^*$ on)" if run.status == "fitted" else "training set",
        )
        unfitted.set_ylabel(r"unfitted fraction, $y f < \kappa$")
        test.plot(
            t,
            course.test_error[started],
            "-",
            color=COLOURS[0],
            label=r"closed form $F_t(-\lambda\sqrt{1+\chi};\ 1+\chi)$",
        )
        seen = check.measured > 0
        test.errorbar(
            check.t[seen],
            check.measured[seen],
            yerr=1.96 * check.error[seen],
            fmt="o",
            color=COLOURS[2],
            markersize=3.5,
            capsize=2,
            label="fresh samples, 95 %",
        )
        test.set_ylabel("test error")
        for ax in (weights, unfitted, test):
            log_axes(ax)
            ax.set_xlabel(r"time $t = \eta \times$ steps")
            if run.status == "fitted":
                ax.axvline(run.t_star, color="0.5", linestyle=":", linewidth=1, label="$t^*$")
            ax.legend(loc="best")
        c = run.config
        figure.suptitle(
            rf"$\chi = {c.chi:g}$, $d = {c.d}$, $P = {c.P}$, $B = {c.B}$, $T = {_plain(c.T)}$, "
            rf"$\kappa = {_plain(c.kappa)}$, seed {c.seed}: {run.status} after {run.steps:,} steps",
            fontsize=9,
        )
    return figure
