"""Panels as figures of Plotly, in plain JSON; the page adds the colours of its theme."""

import math
import textwrap
from collections.abc import Iterable
from typing import Any

from perceptron_sim.drawing.notation import as_html
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.drawing.style import MARKERS, Style, bars, styles

_MARKERS = {
    "o": "circle",
    "s": "square",
    "^": "triangle-up",
    "D": "diamond",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
}

# Letters of the name of a row in one line.
_NAME = 40


def plot(panel: Panel) -> dict[str, Any]:
    """Return {"data", "layout"}; ``meta.colour`` of a trace numbers its colour, null is neutral."""
    layout: dict[str, Any] = {
        "xaxis": _axis(panel.x_label, panel.log_x),
        "yaxis": _axis(panel.y_label, panel.log_y),
    }
    if panel.rows:
        n = len(panel.rows)
        names = ["<br>".join(textwrap.wrap(row, _NAME)) for row in map(as_html, panel.rows)]
        layout["yaxis"] |= {"tickvals": list(range(n)), "ticktext": names, "range": [n - 0.5, -0.5]}
        return {"data": _traces(panel), "layout": {**layout, "height": 110 + 34 * n}}
    return {"data": _traces(panel), "layout": layout}


def _traces(panel: Panel) -> list[dict[str, Any]]:
    drawn = zip(panel.series, styles(panel), strict=True)
    return [_trace(panel, series, style) for series, style in drawn]


def _trace(panel: Panel, series: Series, style: Style) -> dict[str, Any]:
    x, y = _numbers(series.x), _numbers(series.y)
    label = as_html(series.label)
    values = f"{as_html(panel.x_label)}: %{{x:.4~g}}"
    if not panel.rows:
        values += f"<br>{as_html(panel.y_label)}: %{{y:.4~g}}"
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": label,
        "x": x,
        "y": y,
        "mode": "lines" if series.line else "markers",
        "showlegend": style.in_legend,
        "meta": {"colour": style.colour},
        "hovertemplate": f"<b>{label}</b><br>{values}<extra></extra>",
    }
    if series.line:
        trace["line"] = {"width": 1.6, "dash": "solid" if series.theory else "dash"}
    elif isinstance(style.colour, int):
        symbol = _MARKERS[MARKERS[style.colour % len(MARKERS)]]
        open_one = "-open" if style.colour % 2 else ""
        trace["marker"] = {"size": 8, "symbol": symbol + open_one, "line": {"width": 1.5}}
    for axis, lengths in zip("xy", bars(series), strict=True):
        if lengths is None:
            continue
        below, above = lengths
        trace[f"error_{axis}"] = {
            "type": "data",
            "symmetric": False,
            "array": _numbers(above),
            "arrayminus": _numbers(below),
            "thickness": 1.2,
            "width": 3,
        }
        lows, highs = (
            (series.x_low, series.x_high) if axis == "x" else (series.y_low, series.y_high)
        )
        ends = zip(_numbers(lows), _numbers(highs), strict=True)
        trace["customdata"] = [list(pair) for pair in ends]
        both = "95 %: [%{customdata[0]:.4~g}, %{customdata[1]:.4~g}]"
        trace["hovertemplate"] = f"<b>{label}</b><br>{values}<br>{both}<extra></extra>"
    return trace


def _axis(label: str, log: bool) -> dict[str, Any]:
    return {"title": {"text": as_html(label)}, "type": "log" if log else "linear"}


def _numbers(values: Iterable[float]) -> list[float | None]:
    return [float(v) if math.isfinite(v) else None for v in values]
