"""Panels as one figure of Matplotlib: for print, for papers, and where scripts are off."""

import math

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from perceptron_sim.claims import Judgement, Panel, Series
from perceptron_sim.experiments.figures.style import COLOURS, MARKERS, STYLE, log_axes
from perceptron_sim.report.styles import Style, bars, styles
from perceptron_sim.report.symbols import as_mathtext

_COLUMNS = 3
# Inches of a panel and of its margins: to find these by drawing takes as long as drawing.
_WIDTH, _HEIGHT = 3.85, 3.2
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.75, 0.25, 0.52, 0.3
_NEUTRAL = "0.35"


def figure_of(judgement: Judgement) -> Figure:
    """Draw the panels of a judgement, three in a row; points with 95 % bars, theory as lines."""
    n = len(judgement.panels)
    columns = min(n, _COLUMNS)
    rows = math.ceil(n / columns)
    with rc_context(STYLE | {"figure.constrained_layout.use": False}):
        figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows))
        axes = figure.subplots(rows, columns, squeeze=False, gridspec_kw=_margins(rows, columns))
        for ax, panel in zip(axes.flat, judgement.panels, strict=False):
            _draw(ax, panel)
        for ax in axes.flat[n:]:
            ax.set_axis_off()
    return figure


def _margins(rows: int, columns: int) -> dict[str, float]:
    """Return the margins in the fractions that Matplotlib takes."""
    return {
        "left": _LEFT / (_WIDTH * columns),
        "right": 1.0 - _RIGHT / (_WIDTH * columns),
        "bottom": _BOTTOM / (_HEIGHT * rows),
        "top": 1.0 - _TOP / (_HEIGHT * rows),
        "wspace": (_LEFT + _RIGHT) / (_WIDTH - _LEFT - _RIGHT),
        "hspace": (_BOTTOM + _TOP) / (_HEIGHT - _BOTTOM - _TOP),
    }


def _draw(ax: Axes, panel: Panel) -> None:
    for series, style in zip(panel.series, styles(panel), strict=True):
        _series(ax, series, style)
    if panel.log_x and panel.log_y:
        log_axes(ax)
    else:
        ax.set(xscale="log" if panel.log_x else "linear", yscale="log" if panel.log_y else "linear")
    ax.set_title(as_mathtext(panel.title), fontsize=9)
    ax.set(xlabel=as_mathtext(panel.x_label), ylabel=as_mathtext(panel.y_label))
    ax.tick_params(labelsize=7.5)
    for axis, log in ((ax.xaxis, panel.log_x), (ax.yaxis, panel.log_y)):
        low, high = axis.get_view_interval()
        if log and 0.0 < high < 6.0 * low:
            # Too narrow for numbers at 1, 2 and 5 alone.
            axis.set_major_locator(LogLocator(base=10, subs=(1, 1.5, 2, 3, 4, 5, 6, 8)))
    ax.legend(fontsize=7)


def _series(ax: Axes, series: Series, style: Style) -> None:
    label = as_mathtext(series.label) if style.in_legend else None
    colour = _NEUTRAL if style.colour is None else COLOURS[style.colour % len(COLOURS)]
    if series.line:
        dash = "-" if series.theory else "--"
        ax.plot(series.x, series.y, dash, color=colour, linewidth=1.1, zorder=1, label=label)
        return
    number = style.colour or 0
    ax.errorbar(
        series.x,
        series.y,
        yerr=bars(series),
        linestyle="none",
        marker=MARKERS[number % len(MARKERS)],
        color=colour,
        markersize=4.5,
        markerfacecolor="white" if number % 2 else None,
        capsize=2,
        label=label,
    )
