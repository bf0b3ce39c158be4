"""Figures: drawn without pyplot, so that no global state and no display is involved.

Series differ in marker as well as colour, and theory in line style, so that every figure can
be read in grey: asymptotic laws are dashed, predictions at finite P/d solid. Titles, legends,
ticks and the numbers in them are made here, for all figures.
"""

import contextlib
import io
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context, rcParamsDefault
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerTuple
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, Formatter, Locator, LogLocator, NullFormatter

from perceptron_sim.analysis.intervals import half_width
from perceptron_sim.arrays import FloatArray
from perceptron_sim.atomic import write_atomically
from perceptron_sim.names import number_text

# Okabe-Ito colours: distinct for colour-blind readers, and ordered in lightness.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Not what a user has set for figures of their own, LaTeX for example.
_DEFAULTS = {
    name: value
    for name, value in dict.items(rcParamsDefault)
    if not name.startswith(("backend", "date.epoch"))
}
STYLE: Any = _DEFAULTS | {
    "font.size": 9.5,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "perceptron-sim",
}
TITLE_SIZE = 9
_DPI = 150
# Values that are all marked on an axis, if there are no more.
_MOST_VALUES = 9
# Shifts of series that share abscissae: of the axis, and of the gap between two of them.
_SHIFT, _SHIFT_OF_GAP = 0.018, 0.6


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``figure`` to ``folder/name.png`` and ``.svg``, each whole or not at all.

    Returns:
        The two paths.
    """
    FigureCanvasAgg(figure)
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    with rc_context(STYLE), _any_letters():
        for path in paths:
            content = io.BytesIO()
            options: Any = {"dpi": _DPI} if path is paths[0] else {"metadata": {"Date": None}}
            figure.savefig(content, format=path.suffix[1:], **options)
            write_atomically(path, content.getvalue())
            # The layout is found: finding it again would take as long as drawing.
            figure.set_layout_engine("none")
    return paths


@contextlib.contextmanager
def _any_letters() -> Iterator[None]:
    """Take names of the user's in letters that the font lacks, and say nothing of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def geometric_means(
    ax: Axes,
    x: Sequence[float],
    logs: Sequence[FloatArray],
    series: int,
    label: str | None,
    *,
    of: int = 1,
    marker: int | None = None,
) -> None:
    """Draw exp of the means of ``logs`` with 95 % intervals, in the style of series number n.

    Args:
        ax: where.
        x: abscissae, length n.
        logs: ln of the observable of every seed, n arrays. A single seed has no interval.
        series: number of the series; fixes colour and marker.
        label: for the legend.
        of: how many series share the abscissae; they are drawn side by side.
        marker: number of the marker, if not that of the series.
    """
    mean = np.array([values.mean() for values in logs])
    half = np.nan_to_num([half_width(values) for values in logs])
    marker = series if marker is None else marker
    centre = np.exp(mean)
    ax.errorbar(
        side_by_side(x, marker, of),
        centre,
        yerr=np.array([centre - np.exp(mean - half), np.exp(mean + half) - centre]),
        linestyle="none",
        marker=MARKERS[marker % len(MARKERS)],
        color=COLOURS[series % len(COLOURS)],
        markersize=4.5,
        markerfacecolor="white" if marker % 2 else None,
        capsize=2,
        label=label,
    )


def side_by_side(x: Sequence[float], series: int, of: int) -> FloatArray:
    """Return abscissae of a logarithmic axis, shifted so that no series hides another."""
    at = np.array(x, dtype=np.float64)
    known = np.unique(np.log(at[at > 0.0]))
    if of < 2 or not len(known):
        return at
    span = float(known[-1] - known[0]) or math.log(2.0)
    gap = float(np.min(np.diff(known))) if len(known) > 1 else span
    step = min(_SHIFT * span, _SHIFT_OF_GAP * gap / of)
    return at * math.exp((series - 0.5 * (of - 1)) * step)


def log_axes(ax: Axes, x: Sequence[float] = (), y: Sequence[float] = ()) -> None:
    """Make both axes logarithmic, with as many numbers as there is room for.

    Args:
        ax: the axes, with everything drawn on them.
        x, y: values that are marked rather than round ones, if they are few.
    """
    for axis, values, low, high, least, limit in (
        (ax.xaxis, x, *ax.dataLim.intervalx, ax.dataLim.minposx, ax.set_xlim),
        (ax.yaxis, y, *ax.dataLim.intervaly, ax.dataLim.minposy, ax.set_ylim),
    ):
        # A single value, or several alike but for rounding, is no range to scale an axis by.
        if 0.0 < low <= high < low * (1.0 + 1e-6):
            limit(0.5 * low, 2.0 * high)
        # Where all is 0, as after a run of one step, a logarithm shows nothing.
        if least < math.inf:
            (ax.set_xscale if axis is ax.xaxis else ax.set_yscale)("log")
            log_ticks(axis, values)


def log_ticks(axis: Axis, values: Sequence[float] = ()) -> None:
    """Put numbers on a logarithmic axis, at ``values`` if they are few, none on another."""
    at = sorted({float(v) for v in values})
    few = at if len(at) <= _MOST_VALUES else []
    axis.set_major_locator(_Ticks(few))
    axis.set_major_formatter(_Numbers(few))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(
        FixedLocator([]) if few else LogLocator(subs=[*map(float, range(2, 10))])
    )


class _Numbers(Formatter):
    """Numbers of a logarithmic axis: powers of ten where some are very large or small."""

    def __init__(self, at: Sequence[float]) -> None:
        self._at = at

    def __call__(self, x: float, pos: int | None = None) -> str:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return _tick(x, self._at, low, high)


def _tick(value: float, at: Sequence[float], low: float, high: float) -> str:
    if len(at):
        text = plain(value)
        return f"${text}$" if "{" in text else text
    if not _in_powers(low, high):
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    digits = f"{value / 10.0**exponent:.3g}"
    times = "" if digits == "1" else digits + r"{\cdot}"
    return f"${times}10^{{{exponent}}}$"


def _in_powers(low: float, high: float) -> bool:
    return low < 1e-3 or high >= 3e4


class _Ticks(Locator):
    """The most ticks on a logarithmic axis whose numbers do not touch."""

    def __init__(self, at: Sequence[float]) -> None:
        self.at = tuple(at)

    def __call__(self) -> Any:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        if not 0.0 < vmin < vmax < math.inf:
            return np.array([])
        ticks: list[float] = []
        for choice in self._choices(vmin, vmax):
            ticks = _inside(choice, vmin, vmax)
            if len(ticks) > 1 and self._fit(ticks, vmin, vmax):
                return np.array(ticks)
        return np.array(ticks[:1])

    def _choices(self, low: float, high: float) -> Iterator[list[float]]:
        """Yield sets of ticks, the densest first; the last is a single tick."""
        n = len(self.at)
        for k in range(n, 1, -1):
            yield sorted({self.at[round(i * (n - 1) / (k - 1))] for i in range(k)})
        if self.at:
            yield [self.at[0]]
            return
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        decades = range(max(first, -307), min(last, 308) + 1)
        if high < 4.0 * low:
            for parts in (6, 4, 3, 2):
                step = _round_step((high - low) / parts)
                multiples = range(math.floor(low / step), math.ceil(high / step) + 1)
                yield [float(f"{k * step:.6g}") for k in multiples]
        if last - first <= (3 if _in_powers(low, high) else 4):
            for digits in ((1, 1.5, 2, 3, 4, 6), (1, 2, 3, 5), (1, 2, 5), (1, 3)):
                yield [digit * 10.0**k for k in decades for digit in digits]
        for every in range(1, max(2, last - first)):
            yield [10.0**k for k in decades if k % every == 0]
        # A narrow range may hold no round number but this.
        yield [float(f"{math.sqrt(low) * math.sqrt(high):.2g}")]

    def _fit(self, ticks: Sequence[float], low: float, high: float) -> bool:
        axis = self.axis
        assert isinstance(axis, Axis)
        box = axis.axes.get_window_extent()
        points = 72.0 / _dpi(axis)
        size = _label_size(axis)
        along_x = axis is axis.axes.xaxis
        length = points * (box.width if along_x else box.height)
        if not along_x:
            needed = [1.5 * size] * len(ticks)
        else:
            texts = (_tick(v, self.at, low, high) for v in ticks)
            needed = [0.62 * size * (_letters(text) + 1.2) for text in texts]
        at = [length * math.log(v / low) / math.log(high / low) for v in ticks]
        return len(ticks) <= _MOST_VALUES and all(
            b - a >= 0.5 * (m + n)
            for (a, m), (b, n) in itertools.pairwise(zip(at, needed, strict=True))
        )


def _inside(ticks: Sequence[float], low: float, high: float) -> list[float]:
    return [v for v in ticks if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]


def _round_step(rough: float) -> float:
    unit = 10.0 ** math.floor(math.log10(rough))
    return unit * next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= rough * (1 - 1e-9))


def _dpi(axis: Axis) -> float:
    figure: Any = axis.axes.figure
    return float(figure.dpi)


def _label_size(axis: Axis) -> float:
    return float(axis.get_tick_params(which="major").get("labelsize", STYLE["font.size"]))


def _letters(text: str) -> float:
    """Return how many letters wide a number is, exponents counting as small ones."""
    base, _, raised = text.strip("$").replace("{\\cdot}", "·").partition("^")
    return len(base) + 0.7 * len(raised.strip("{}"))


def title(figure: Figure, parts: Sequence[str], separator: str = ",  ") -> None:
    """Write ``parts`` above a figure, in as many lines as its width asks for."""
    figure.suptitle(
        in_lines(figure, parts, figure.get_figwidth() - 0.2, separator), fontsize=TITLE_SIZE
    )


def in_lines(figure: Figure, parts: Sequence[str], inches: float, separator: str = ",  ") -> str:
    """Return ``parts`` joined to lines of at most ``inches``, at the size of titles."""
    lines: list[str] = []
    for part in parts:
        longer = f"{lines[-1]}{separator}{part}" if lines else part
        if not lines or _inches(figure, longer) > inches:
            if lines:
                lines[-1] += separator.rstrip()
            lines.append(part)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _inches(figure: Figure, text: str) -> float:
    found = Text(0.0, 0.0, text, fontsize=TITLE_SIZE, figure=figure)
    with _any_letters():
        return float(found.get_window_extent(_renderer(figure)).width / figure.dpi)


def _renderer(figure: Figure) -> Any:
    if not isinstance(figure.canvas, FigureCanvasAgg):
        FigureCanvasAgg(figure)
    canvas: Any = figure.canvas
    return canvas.get_renderer()


def legend_below(figure: Figure, axes: Sequence[Axes] | None = None) -> None:
    """Explain everything on a figure once, below it, in as many columns as fit."""
    handles = _handles(figure.axes if axes is None else axes)
    if not handles:
        return
    for columns in range(min(len(handles), 8), 0, -1):
        made = _legend(figure, handles, loc="outside lower center", ncols=columns)
        with _any_letters():
            width = made.get_window_extent(_renderer(figure)).width / figure.dpi
        if width <= figure.get_figwidth() - 0.1 or columns == 1:
            return
        made.remove()


def legend(ax: Axes, **options: Any) -> None:
    """Explain what is on an axes, in its order: points, lines, marks."""
    handles = _handles([ax])
    if handles:
        _legend(ax, handles, **options)


def legend_above(ax: Axes, columns: int = 2, heading: str = "") -> None:
    """Explain what is on an axes above it, where no data are; without anything, do nothing."""
    handles = _handles([ax])
    if not handles:
        ax.set_title(heading, fontsize=TITLE_SIZE)
        return
    place: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "borderaxespad": 0.2}
    options = {"title": heading, "title_fontsize": TITLE_SIZE} if heading else {}
    _legend(ax, handles, ncols=columns, **place, **options)


def _handles(axes: Sequence[Axes]) -> dict[str, list[Artist]]:
    """Return what to show beside each label: points, then lines, then marks."""
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


def _legend(where: Axes | Figure, handles: dict[str, list[Any]], **options: Any) -> Legend:
    shown: list[Any] = [each[0] if len(each) == 1 else tuple(each) for each in handles.values()]
    together = {tuple: HandlerTuple(ndivide=None, pad=0.2)}
    return where.legend(shown, list(handles), handler_map=together, **options)


def plain(value: float) -> str:
    """Return a number in mathtext: powers of two as such when they are no plain integers."""
    base, power, exponent = number_text(value).partition("^")
    base = base.replace("x", r"{\cdot}")
    return f"{base}^{{{exponent}}}" if power else base


def listed(values: Iterable[float]) -> str:
    """Return values in mathtext, the ends and some between them if they are many."""
    known = sorted(map(float, values))
    shown = thinned(known)
    dots = r",\ \ldots,\ " if len(shown) < len(known) else r",\ "
    return dots.join(plain(v) for v in shown)


def text(name: str) -> str:
    """Return a name of the user's, not too long: a dollar in it begins no formula."""
    return shortened(name, 40).replace("$", r"\$")


def shortened(name: str, letters: int) -> str:
    """Return the first ``letters`` of a name, the last of them dots where more were cut."""
    return name if len(name) <= letters else f"{name[: letters - 3]}..."


def means_over(seeds: int) -> list[str]:
    """Return what points and bars of a figure are."""
    if seeds == 1:
        return ["one seed, no intervals"]
    return [f"geometric means over {seeds} seeds", "bars: 95 % intervals"]


def thinned(values: Sequence[float]) -> list[float]:
    """Return at most five of ``values``, ends included, evenly spread."""
    if len(values) <= 5:
        return list(values)
    picks = np.unique(np.rint(np.linspace(0, len(values) - 1, 5)).astype(int))
    return [values[i] for i in picks]
