"""Figures as data: what a back end draws, with labels in the plain notation of ``notation``."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.intervals import half_width
from perceptron_sim.names import number_text

# Of a coordinate.
Numbers = Sequence[float] | NDArray[Any]
# A number in the palette of ``style``, or a colour by name.
Colour = int | str
NEUTRAL = "0.35"


@dataclass(frozen=True, eq=False)
class Series(ByValue):
    """Points, or a line, of a panel. Coordinates have one length n; back ends choose what is None.

    Attributes:
        label: for the legend; "" for no entry.
        x, y: coordinates.
        y_low, y_high: 95 % intervals of y, or empty; NaN for a point without one.
        x_low, x_high: the same of x.
        line: whether it is a line (theory, a fit) rather than points.
        theory: whether it is a prediction.
        colour: of all of it.
        marker: of points: a number in the markers of ``style``, or one of Matplotlib's. Odd
            numbers are open.
        dash: "-", "--", ":" or "-." for a line, or for points that are joined.
        width: of the line, in points.
        size: of markers, in points.
        band: fill between ``y_low`` and ``y_high`` rather than draw bars.
        outlined: surround it in black, to stand on colours.
    """

    label: str
    x: Numbers
    y: Numbers
    y_low: Numbers = ()
    y_high: Numbers = ()
    line: bool = False
    theory: bool = False
    x_low: Numbers = ()
    x_high: Numbers = ()
    colour: Colour | None = None
    marker: int | str | None = None
    dash: str = ""
    width: float = 1.1
    size: float = 4.5
    band: bool = False
    outlined: bool = False


@dataclass(frozen=True)
class Rule:
    """A line across a panel: vertical at ``x``, or horizontal at ``y``."""

    label: str
    x: float | None = None
    y: float | None = None
    colour: Colour = "0.5"
    dash: str = ":"


@dataclass(frozen=True)
class Note:
    """Words in a panel.

    Attributes:
        text: what they say; "\\n" begins a line.
        x, y: where, in coordinates of the data, or of the panel (0 to 1) if ``inside``.
        inside: see there.
        right: whether ``x`` is the right end rather than the middle.
    """

    text: str
    x: float
    y: float
    inside: bool = False
    right: bool = False


@dataclass(frozen=True, eq=False)
class Field:
    """A quantity over the plane of a panel: colours, or contours, or both.

    Attributes:
        x, y: coordinates, shapes (n,) and (m,).
        values: shape (m, n); NaN where there is none.
        limits: of the colours; None for contours alone.
        label: text next to the colours.
        levels: at which contours are drawn.
        colour, dash: of the contours.
        contour: label of the contours, or "".
    """

    x: FloatArray
    y: FloatArray
    values: FloatArray
    limits: tuple[float, float] | None = None
    label: str = ""
    levels: Numbers = ()
    colour: Colour = "white"
    dash: str = ":"
    contour: str = ""


@dataclass(frozen=True, eq=False)
class Arrows:
    """Directions on the page at the points of a lattice: x (n,), y (m,), right and up (m, n)."""

    x: FloatArray
    y: FloatArray
    right: FloatArray
    up: FloatArray


@dataclass(frozen=True, eq=False)
class Panel(ByValue):
    """A figure's axes with what is drawn on them: data only, so that any library can draw it.

    Attributes:
        title: one line, broken where it is too long; "\\n" breaks it in any case.
        x_label, y_label: with symbols.
        series: what is drawn.
        log_x, log_y: whether the axes are logarithmic.
        rows: names at y = 0, 1, ... from the top down, where y counts rows; else empty.
        x_ticks: values that are marked rather than round ones, if they are few.
        x_limits, y_limits: ends of the axes; None where the data decide.
        rules, notes, fields, arrows: what else is drawn.
        height: of the axes, in inches; None for the usual, or for as much as the rows take.
    """

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    log_x: bool = True
    log_y: bool = True
    rows: Sequence[str] = ()
    x_ticks: Numbers = ()
    x_limits: tuple[float, float] | None = None
    y_limits: tuple[float, float] | None = None
    rules: Sequence[Rule] = ()
    notes: Sequence[Note] = ()
    fields: Sequence[Field] = ()
    arrows: Arrows | None = None
    height: float | None = None


@dataclass(frozen=True)
class Chart:
    """A figure: panels in rows.

    Attributes:
        panels: rows of panels; rows may differ in length.
        title: parts of the title, as many per line as fit.
        legend: one below the figure, or one above each panel.
        columns: entries side by side above a panel; None for as many as fit.
        share: axes that all panels have in common: "", "x", "y" or "xy". Labels stand outside.
        width: of a panel with its labels, in inches.
        height: of the axes of a panel, in inches.
    """

    panels: Sequence[Sequence[Panel]]
    title: Sequence[str] = ()
    legend: Literal["below", "above"] = "below"
    columns: int | None = None
    share: str = ""
    width: float = 3.4
    height: float = 2.3


def geometric_means(
    label: str, x: Iterable[float], logs: Sequence[FloatArray], **style: Any
) -> Series:
    """Return exp of the means of ``logs`` with 95 % intervals.

    Args:
        label: for the legend.
        x: abscissae, length n.
        logs: ln of the observable of every seed, n arrays. A single seed has no interval.
        style: fields of the series.
    """
    mean = np.array([np.mean(values) for values in logs])
    half = np.array([half_width(np.asarray(values)) for values in logs])
    ends = np.exp(mean - half), np.exp(mean + half)
    return Series(label, np.asarray(list(x), dtype=np.float64), np.exp(mean), *ends, **style)


def thinned(values: Iterable[Any], most: int = 5) -> list[Any]:
    """Return at most ``most`` of some values, ends included, evenly spread."""
    known = list(values)
    if len(known) <= most:
        return known
    picks = np.unique(np.rint(np.linspace(0, len(known) - 1, most)).astype(int))
    return [known[i] for i in picks]


def listed(values: Iterable[float]) -> str:
    """Return values in words, the ends and some between them if they are many."""
    known = sorted(map(float, values))
    shown = thinned(known)
    return (", ..., " if len(shown) < len(known) else ", ").join(map(number_text, shown))


def equations(values: dict[str, Any]) -> list[str]:
    """Return "name = value" for each entry; names of users are cut where they are too long."""
    return [f"{name} = {number_text(float(value))}" for name, value in values.items()]


def means_over(seeds: int) -> list[str]:
    """Return what points and bars of a figure are."""
    if seeds == 1:
        return ["one seed, no intervals"]
    return [f"geometric means over {seeds} seeds", "bars: 95 % intervals"]
