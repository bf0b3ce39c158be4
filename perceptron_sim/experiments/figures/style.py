"""Figures: drawn without pyplot, so that no global state and no display is involved.

Series differ in marker as well as colour, and theory in line style, so that every figure can
be read in grey: asymptotic laws are dashed, predictions at finite P/d solid.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from perceptron_sim.arrays import FloatArray

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


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``figure`` to ``folder/name.png`` and ``.svg``; return the paths."""
    FigureCanvasAgg(figure)
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    with rc_context(STYLE):
        figure.savefig(paths[0], dpi=150)
        # The layout is found: finding it again would take as long as drawing.
        figure.set_layout_engine("none")
        figure.savefig(paths[1], metadata={"Date": None})
    return paths


def geometric_means(
    ax: Axes, x: Sequence[float], logs: Sequence[FloatArray], series: int, label: str | None
) -> None:
    """Draw exp of the means of ``logs`` with 95 % intervals, in the style of series number n.

    Args:
        ax: where.
        x: abscissae, length n.
        logs: ln of the observable of every seed, n arrays.
        series: number of the series; fixes colour and marker.
        label: for the legend.
    """
    mean = np.array([values.mean() for values in logs])
    # A single run has no spread to show.
    error = [v.std(ddof=1) / math.sqrt(len(v)) if len(v) > 1 else 0.0 for v in logs]
    half = 1.96 * np.array(error)
    centre = np.exp(mean)
    ax.errorbar(
        x,
        centre,
        yerr=np.array([centre - np.exp(mean - half), np.exp(mean + half) - centre]),
        linestyle="none",
        marker=MARKERS[series % len(MARKERS)],
        color=COLOURS[series % len(COLOURS)],
        markersize=4.5,
        markerfacecolor="white" if series % 2 else None,
        capsize=2,
        label=label,
    )


def log_axes(ax: Axes) -> None:
    """Make both axes logarithmic, with enough numbers on spans of less than two decades."""
    # A single value, or several alike but for rounding, is no range to scale an axis by.
    for (low, high), limit in (
        (ax.dataLim.intervalx, ax.set_xlim),
        (ax.dataLim.intervaly, ax.set_ylim),
    ):
        if 0.0 < low <= high < low * (1.0 + 1e-6):
            limit(0.5 * low, 2.0 * high)
    # Where all is 0, as after a run of one step, a logarithm shows nothing.
    shown: list[Axis] = []
    if ax.dataLim.minposx < math.inf:
        ax.set_xscale("log")
        shown.append(ax.xaxis)
    if ax.dataLim.minposy < math.inf:
        ax.set_yscale("log")
        shown.append(ax.yaxis)
    for axis in shown:
        low, high = axis.get_view_interval()
        if high < 100 * low:
            axis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def legend(ax: Axes, **options: Any) -> None:
    """Add a legend if there is anything to explain; without, Matplotlib warns."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(**options)


def plain(value: float) -> str:
    """Return a number in mathtext: powers of two as such when they are no plain integers."""
    if value == round(value) and abs(value) < 1e7:
        return str(int(value))
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5 and (value < 1 or value > 1e5):
        return f"2^{{{exponent - 1}}}"
    return f"{value:.4g}"


def thinned(values: Sequence[float]) -> list[float]:
    """Return at most five of ``values``, ends included, evenly spread."""
    if len(values) <= 5:
        return list(values)
    picks = np.unique(np.rint(np.linspace(0, len(values) - 1, 5)).astype(int))
    return [values[i] for i in picks]
