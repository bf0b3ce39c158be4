"""Logarithmic axes, with as many numbers as fit."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axis import Axis
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FixedLocator, Formatter, Locator, LogLocator, NullFormatter

from perceptron_sim.drawing.notation import as_mathtext
from perceptron_sim.names import number_text

# Values that are all marked on an axis, if there are no more.
_MOST_VALUES = 9
# Range from which on only powers of ten are marked.
_DECADES = 5


def log_axis(axis: Any, values: Iterable[float] = ()) -> None:
    """Make an axis logarithmic, with everything drawn on it.

    Args:
        axis: of some axes.
        values: values that are marked rather than round ones, if they are few.
    """
    ax: Any = axis.axes
    low, high = getattr(ax.dataLim, f"interval{axis.axis_name}")
    # A single value, or several that differ only by rounding, do not give a range of an axis.
    if 0.0 < low <= high < low * (1.0 + 1e-6):
        ax.set(**{f"{axis.axis_name}lim": (0.5 * low, 2.0 * high)})
    # Where all is 0, as after a run of one step, a logarithm shows nothing.
    if getattr(ax.dataLim, f"minpos{axis.axis_name}") < math.inf:
        ax.set(**{f"{axis.axis_name}scale": "log"})
        log_ticks(axis, values)


def log_ticks(axis: Axis, values: Iterable[float] = ()) -> None:
    """Put numbers on a logarithmic axis, at ``values`` if they are few, none on another."""
    at = sorted({float(v) for v in values})
    few = at if len(at) <= _MOST_VALUES else []
    axis.set_major_locator(_Ticks(few))
    axis.set_major_formatter(_Numbers(few))
    axis.set_minor_formatter(NullFormatter())
    axis.set_minor_locator(FixedLocator([]) if few else _Between(subs=range(2, 10)))


class _Between(LogLocator):
    """Marks between powers of ten, where there are few of these: each costs time to draw."""

    def tick_values(self, vmin: float, vmax: float) -> Any:
        return super().tick_values(vmin, vmax) if 0.0 < vmax < 10.0**_DECADES * vmin else []


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
        return as_mathtext(number_text(value))
    if not _in_powers(low, high):
        return f"{value:g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    digits = f"{value / 10.0**exponent:.3g}"
    return as_mathtext(f"10^{exponent}" if digits == "1" else f"{digits}x10^{exponent}")


def _in_powers(low: float, high: float) -> bool:
    return low < 1e-3 or high >= 3e4


class _Ticks(Locator):
    """The most ticks on a logarithmic axis whose numbers do not touch."""

    def __init__(self, at: Sequence[float]) -> None:
        self.at = tuple(at)
        # Asked for many times in each drawing.
        self._known: tuple[Any, Any] = (None, None)

    def __call__(self) -> Any:
        assert self.axis is not None
        low, high = sorted(self.axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> Any:
        if not 0.0 < vmin < vmax < math.inf:
            return np.array([])
        question = vmin, vmax, *_room(self.axis)
        if self._known[0] != question:
            self._known = question, self._most(vmin, vmax)
        return self._known[1]

    def _most(self, low: float, high: float) -> Any:
        ticks: list[float] = []
        for choice in self._choices(low, high):
            ticks = _inside(choice, low, high)
            if len(ticks) > 1 and self._fit(ticks, low, high):
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
        length, size = _room(self.axis)
        axis: Any = self.axis
        if axis.axis_name == "y":
            needed = [1.5 * size] * len(ticks)
        else:
            needed = [0.62 * size * (_letters(_tick(v, self.at, low, high)) + 1.2) for v in ticks]
        at = [length * math.log(v / low) / math.log(high / low) for v in ticks]
        return len(ticks) <= _MOST_VALUES and all(
            b - a >= 0.5 * (m + n)
            for (a, m), (b, n) in itertools.pairwise(zip(at, needed, strict=True))
        )


def _room(axis: Any) -> tuple[float, float]:
    """Return the length of an axis and the size of its numbers, both in points."""
    box = axis.axes.get_window_extent()
    length = box.width if axis.axis_name == "x" else box.height
    settings: Any = rcParams
    usual = settings[f"{axis.axis_name}tick.labelsize"]
    size = axis.get_tick_params(which="major").get("labelsize", usual)
    points = FontProperties(size=size).get_size_in_points()
    return 72.0 * length / axis.axes.figure.dpi, points


def _inside(ticks: Sequence[float], low: float, high: float) -> list[float]:
    return [v for v in ticks if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]


def _round_step(rough: float) -> float:
    unit = 10.0 ** math.floor(math.log10(rough))
    return unit * next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= rough * (1 - 1e-9))


def _letters(text: str) -> float:
    """Return how many letters wide a number is, exponents counting as small ones."""
    return sum(0.7 if letter in "⁻⁰¹²³⁴⁵⁶⁷⁸⁹" else 1.0 for letter in text)
