"""Panels as one figure of Matplotlib: for print, for papers, and where scripts are off."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    TITLE_SIZE,
    legend,
    log_axes,
    shortened,
    side_by_side,
)
from perceptron_sim.claims import Judgement, Panel, Series
from perceptron_sim.report.styles import Style, bars, styles
from perceptron_sim.report.symbols import as_mathtext, as_text

_COLUMNS = 3
# Inches of a panel and of its margins: to find these by drawing takes as long as drawing.
_WIDTH, _HEIGHT = 3.85, 3.2
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.8, 0.2, 0.52, 0.3
# Of a row of measurements, of a line of a legend or a title, and of a letter in these.
_ROW, _LINE, _LETTER, _TITLE_LETTER = 0.3, 0.165, 0.058, 0.074
# Of a legend entry less its text; and the part of the width that names of rows may take.
_ENTRY, _NAMES = 0.6, 0.4
_NEUTRAL = "0.35"


def figure_of(judgement: Judgement) -> Figure:
    """Draw the panels of a judgement: what is judged, then the data, up to three in a row.

    Points have 95 % bars; theory is drawn as lines, and beside what is judged as points.
    """
    data = [panel for panel in judgement.panels if not panel.rows]
    columns = max(1, min(len(data), _COLUMNS))
    # The panels of each line of the figure.
    lines: list[Sequence[Panel]] = [[panel] for panel in judgement.panels if panel.rows]
    lines += [data[i : i + columns] for i in range(0, len(data), columns)]
    width = _WIDTH * max(columns, 2)
    heights = [max(_height(panel, width / _across(panel, columns)) for panel in p) for p in lines]
    with rc_context(STYLE | {"figure.constrained_layout.use": False}):
        figure = Figure(figsize=(width, sum(heights)))
        top = sum(heights)
        for panels, height in zip(lines, heights, strict=True):
            tops = max(_title_space(panel, width / _across(panel, columns)) for panel in panels)
            for i, panel in enumerate(panels):
                each = width / _across(panel, columns)
                left = _left(panel, each)
                inner = height - tops - _foot(panel, each)
                box = (i * each + left, top - tops - inner, each - left - _RIGHT, inner)
                scale = 1.0 / np.array([width, sum(heights)] * 2)
                ax = figure.add_axes(tuple(np.array(box) * scale))
                _draw(ax, panel, inner, each)
            top -= height
    return figure


def _across(panel: Panel, columns: int) -> int:
    """Return how many panels like this stand side by side."""
    return 1 if panel.rows else columns


def _height(panel: Panel, width: float) -> float:
    inner = _ROW * (len(panel.rows) + 0.4) if panel.rows else _HEIGHT - _BOTTOM - _TOP
    return _title_space(panel, width) + inner + _foot(panel, width)


def _title_space(panel: Panel, width: float) -> float:
    return _TOP + _LINE * _title(panel, width).count("\n")


def _foot(panel: Panel, width: float) -> float:
    return (
        _BOTTOM
        + _LINE * math.ceil(len(_labels(panel, width)) / _legend_columns(panel, width))
        + 0.1
    )


def _left(panel: Panel, width: float) -> float:
    names = [line for row in panel.rows for line in _name(row, width).split("\n")]
    return max([_LEFT, *(_LETTER * len(name) + 0.2 for name in names)])


def _name(row: str, width: float) -> str:
    letters = int(_NAMES * width / _LETTER)
    return "\n".join(textwrap.wrap(as_text(row), letters, max_lines=2, placeholder=" ..."))


def _title(panel: Panel, width: float) -> str:
    return textwrap.fill(as_text(panel.title), max(10, int((width - 0.2) / _TITLE_LETTER)))


def _labels(panel: Panel, width: float) -> list[str]:
    drawn = zip(panel.series, styles(panel), strict=True)
    return [_label(series, width) for series, style in drawn if style.in_legend]


def _label(series: Series, width: float) -> str:
    """Return the label of a series, as much of it as fits into the width of a panel."""
    return shortened(as_text(series.label), int((width - 0.1 - _ENTRY) / _LETTER))


def _legend_columns(panel: Panel, width: float) -> int:
    longest = max((len(label) for label in _labels(panel, width)), default=1)
    return max(1, min(4, int((width - 0.1) / (_ENTRY + _LETTER * longest))))


def _draw(ax: Axes, panel: Panel, height: float, width: float) -> None:
    found = styles(panel)
    points = [series for series in panel.series if not series.line]
    reached = [x for series in points for x in series.x]
    # Only series that share abscissae hide each other.
    beside = len(points) if panel.log_x and len(set(reached)) < len(reached) else 1
    for series, style in zip(panel.series, found, strict=True):
        label = as_mathtext(_label(series, width)) if style.in_legend else None
        _series(ax, series, style, label, beside)
    if panel.log_x and panel.log_y:
        log_axes(ax, reached)
    else:
        ax.set(xscale="log" if panel.log_x else "linear", yscale="log" if panel.log_y else "linear")
    ax.set_title(as_mathtext(_title(panel, width)), fontsize=TITLE_SIZE)
    ax.set(xlabel=as_mathtext(panel.x_label), ylabel=as_mathtext(panel.y_label))
    ax.tick_params(labelsize=7.5)
    if panel.rows:
        ax.set_ylim(len(panel.rows) - 0.3, -0.7)
        ax.set_yticks(
            range(len(panel.rows)), [as_mathtext(_name(row, width)) for row in panel.rows]
        )
        ax.grid(visible=False, axis="y")
    if panel.series:
        place: Any = {"loc": "upper center", "bbox_to_anchor": (0.5, -(_BOTTOM - 0.08) / height)}
        legend(ax, fontsize=7, ncols=_legend_columns(panel, width), borderaxespad=0.0, **place)


def _series(ax: Axes, series: Series, style: Style, label: str | None, of: int) -> None:
    colour = _NEUTRAL if style.colour is None else COLOURS[style.colour % len(COLOURS)]
    if series.line:
        dash = "-" if series.theory else "--"
        ax.plot(series.x, series.y, dash, color=colour, linewidth=1.1, zorder=1, label=label)
        return
    number = style.colour or 0
    along_x, along_y = bars(series)
    ax.errorbar(
        side_by_side(series.x, number, of),
        series.y,
        xerr=None if along_x is None else np.nan_to_num(along_x),
        yerr=None if along_y is None else np.nan_to_num(along_y),
        linestyle="none",
        marker=MARKERS[number % len(MARKERS)],
        color=colour,
        markersize=4.5,
        markerfacecolor="white" if number % 2 else None,
        capsize=2,
        label=label,
    )
