"""The Matplotlib back end: panels drawn into axes, of the user's own or of a figure of ours.

Nothing here touches pyplot's state, except where a user asks for axes without giving any.
"""

import contextlib
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import rcParamsDefault
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.notation import as_mathtext
from perceptron_sim.drawing.panels import Field, Note, Numbers, Panel, Rule, Series
from perceptron_sim.drawing.style import MARKERS, Style, bars, colour_of, styles
from perceptron_sim.drawing.ticks import log_axis

DPI = 150
TITLE_SIZE, LEGEND_SIZE, FONT_SIZE = 9.0, 8.0, 9.5
# Not what a user has set for figures of their own, LaTeX for example.
_DEFAULTS = {
    name: value
    for name, value in dict.items(rcParamsDefault)
    if not name.startswith(("backend", "date.epoch"))
}
STYLE: Any = _DEFAULTS | {
    "figure.dpi": DPI,
    "font.size": FONT_SIZE,
    "xtick.labelsize": FONT_SIZE,
    "ytick.labelsize": FONT_SIZE,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": LEGEND_SIZE,
    "legend.title_fontsize": TITLE_SIZE,
    "svg.hashsalt": "perceptron-sim",
}
_BOX: Any = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
# Shifts of series that share abscissae: of the axis, and of the gap between two of them.
_SHIFT, _SHIFT_OF_GAP = 0.018, 0.6


def plot(panel: Panel, ax: Axes | None = None) -> Axes:
    """Draw a panel into axes of the user's, or into a new figure of pyplot's; return the axes."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(layout="constrained").add_subplot()
    draw_panel(ax, panel)
    if panel.title:
        ax.set_title(as_mathtext(panel.title))
    ax.set(xlabel=as_mathtext(panel.x_label), ylabel=as_mathtext(panel.y_label))
    legend(ax, entries([ax]))
    return ax


def draw_panel(ax: Axes, panel: Panel) -> Any:
    """Draw everything of a panel but labels, title and legend; return what has colours, or None."""
    image = None
    for field in panel.fields:
        image = _field(ax, field) or image
    if panel.arrows is not None:
        _arrows(ax, panel)
    found = styles(panel)
    measured = [i for i, s in enumerate(panel.series) if len(s.y_low) and not s.band]
    reached = [float(x) for i in measured for x in panel.series[i].x]
    # Only series that share abscissae hide each other.
    # Lines lie below points, but above colours with all that is on them.
    level = 3.0 if image else 1.5
    of = len(measured) if panel.log_x and len(set(reached)) < len(reached) else 1
    for i, (series, style) in enumerate(zip(panel.series, found, strict=True)):
        beside = (measured.index(i), of) if i in measured else (0, 1)
        _series(ax, series, style, side_by_side(series.x, *beside), level)
    for rule in panel.rules:
        _rule(ax, rule)
    for axis, log, ticks in ((ax.xaxis, panel.log_x, panel.x_ticks), (ax.yaxis, panel.log_y, ())):
        if log:
            log_axis(axis, ticks)
    if panel.rows:
        ax.set_ylim(len(panel.rows) - 0.3, -0.7)
        ax.set_yticks(range(len(panel.rows)))
        ax.grid(visible=False, axis="y")
    if panel.fields:
        ax.grid(visible=False)
    if panel.x_limits is not None:
        ax.set_xlim(panel.x_limits)
    if panel.y_limits is not None:
        ax.set_ylim(panel.y_limits)
    for note in panel.notes:
        _note(ax, note)
    return image


def _series(ax: Axes, series: Series, style: Style, x: FloatArray, level: float) -> None:
    colour = colour_of(style.colour)
    effects = [withStroke(linewidth=series.width + 1.6, foreground="black")]
    options: dict[str, Any] = {
        "color": colour,
        "linewidth": series.width,
        "label": as_mathtext(series.label) or None,
        "path_effects": effects if series.outlined else None,
    }
    if series.band:
        ax.fill_between(x, series.y_low, series.y_high, color=colour, alpha=0.25, linewidth=0)
        return
    if series.line:
        dash = series.dash or ("-" if series.theory else "--")
        ax.plot(x, series.y, dash, zorder=level, **options)
        return
    number = style.colour if isinstance(style.colour, int) else 0
    marker = number if series.marker is None else series.marker
    is_open = marker in ("s", "^") if isinstance(marker, str) else marker % 2 == 1
    options |= {
        "marker": MARKERS[marker % len(MARKERS)] if isinstance(marker, int) else marker,
        "markersize": series.size,
        "markerfacecolor": "white" if is_open else colour,
        "linestyle": series.dash or "none",
    }
    along_x, along_y = bars(series)
    if along_x is None and along_y is None:
        thick: dict[str, Any] = {"markeredgewidth": 2.0} if series.outlined else {}
        ax.plot(x, series.y, **options, **thick)
        return
    x_bars, y_bars = (None if b is None else np.nan_to_num(b) for b in (along_x, along_y))
    ax.errorbar(x, series.y, xerr=x_bars, yerr=y_bars, capsize=2, **options)


def side_by_side(x: Numbers, series: int, of: int) -> FloatArray:
    """Return abscissae of a logarithmic axis, shifted so that no series hides another."""
    at = np.array(x, dtype=np.float64)
    known = np.unique(np.log(at[at > 0.0]))
    if of < 2 or not len(known):
        return at
    span = float(known[-1] - known[0]) or math.log(2.0)
    gap = float(np.min(np.diff(known))) if len(known) > 1 else span
    step = min(_SHIFT * span, _SHIFT_OF_GAP * gap / of)
    return at * math.exp((series - 0.5 * (of - 1)) * step)


def _rule(ax: Axes, rule: Rule) -> None:
    across: Any = ax.axvline if rule.y is None else ax.axhline
    at = rule.x if rule.y is None else rule.y
    label = as_mathtext(rule.label) or None
    across(at, color=colour_of(rule.colour), linestyle=rule.dash, linewidth=1.1, label=label)


def _note(ax: Axes, note: Note) -> None:
    # What lies off the panel, as of a map of few cells, takes no room.
    options: Any = {"in_layout": False, "clip_on": True, "zorder": 4, "fontsize": 7.5}
    place: Any = {"ha": "right" if note.right else "center", "va": "center"}
    if note.inside:
        place["transform"] = ax.transAxes
    ax.text(note.x, note.y, as_mathtext(note.text), bbox=_BOX, **place, **options)


def _field(ax: Axes, field: Field) -> Any:
    image = None
    if field.limits is not None:
        low, high = field.limits
        options: Any = {"cmap": "cividis", "vmin": low, "vmax": high, "rasterized": True}
        image = ax.pcolormesh(field.x, field.y, field.values, **options)
    known = field.values[np.isfinite(field.values)]
    inside = [at for at in field.levels if known.min() < at < known.max()]
    colour = colour_of(field.colour)
    if inside:
        lines: Any = {"linewidths": 0.7 if image else 1.1, "linestyles": field.dash}
        ax.contour(field.x, field.y, field.values, levels=inside, colors=[colour], **lines)
    if field.contour:
        ax.plot([], [], field.dash, color=colour, linewidth=1.1, label=as_mathtext(field.contour))
    return image


def _arrows(ax: Axes, panel: Panel) -> None:
    found = panel.arrows
    assert found is not None
    options: Any = {"color": "0.72", "angles": "uv", "scale": 26, "width": 0.004, "zorder": 0}
    ax.quiver(*np.meshgrid(found.x, found.y), found.right, found.up, **options)
    ax.grid(visible=False)


def entries(axes: Sequence[Axes]) -> dict[str, list[Artist]]:
    """Return the symbols next to each label: points, then lines, then marks."""
    found: dict[str, list[Any]] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, []).append(handle)
    ordered = sorted(found.items(), key=lambda item: _rank(item[1][0]))
    return {label: _different(handles) for label, handles in ordered}


def _rank(handle: Any) -> int:
    """Return 0 for measured points, 1 for lines, 2 for marks."""
    if isinstance(handle, ErrorbarContainer):
        return 0
    return 2 if isinstance(handle, Line2D) and handle.get_linestyle() == "None" else 1


def _different(handles: Sequence[Any]) -> list[Any]:
    """Return the first handle, or up to three lines where one label stands for several colours."""
    colours: dict[Any, Any] = {}
    for handle in handles:
        if isinstance(handle, Line2D):
            colours.setdefault(handle.get_color(), handle)
    return list(colours.values())[:3] or [handles[0]]


def legend(where: Axes | Figure, handles: dict[str, list[Any]], **options: Any) -> None:
    """Explain ``handles`` in a legend; without any, do nothing."""
    if handles:
        shown: list[Any] = [each[0] if len(each) == 1 else tuple(each) for each in handles.values()]
        together = {tuple: HandlerTuple(ndivide=None, pad=0.2)}
        where.legend(shown, list(handles), handler_map=together, **options)


@contextlib.contextmanager
def any_letters() -> Iterator[None]:
    """Take names of the user's in letters that the font lacks, and say nothing of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield
