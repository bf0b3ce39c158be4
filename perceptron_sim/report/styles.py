"""What the two kinds of figure share: colour and marker of each series, and its legend entry."""

from collections.abc import Sequence
from dataclasses import dataclass

from perceptron_sim.claims import Panel, Series


@dataclass(frozen=True)
class Style:
    """How a series is drawn.

    Attributes:
        colour: number of the colour, and of the marker; None for the neutral colour of a line
            that belongs to no points.
        in_legend: False where an entry of the same label stands there already.
    """

    colour: int | None
    in_legend: bool


def styles(panel: Panel) -> list[Style]:
    """Return the style of each series: lines take the colour of points where they come in pairs."""
    points = [s for s in panel.series if not s.line]
    paired = 1 < len(points) == len(panel.series) - len(points)
    found: list[Style] = []
    seen: set[str] = set()
    n_points = n_lines = 0
    for series in panel.series:
        if series.line:
            colour, n_lines = (n_lines if paired else None), n_lines + 1
        else:
            colour, n_points = n_points, n_points + 1
        found.append(Style(colour, series.label not in seen))
        seen.add(series.label)
    return found


Lengths = tuple[list[float], list[float]] | None


def bars(series: Series) -> tuple[Lengths, Lengths]:
    """Return lengths of the bars below and above the points, along x and along y.

    None where a series has none; NaN where a point has none.
    """
    return _lengths(series.x, series.x_low, series.x_high), _lengths(
        series.y, series.y_low, series.y_high
    )


def _lengths(middle: Sequence[float], low: Sequence[float], high: Sequence[float]) -> Lengths:
    if not low or not high:
        return None
    below = [max(m - end, 0.0) for m, end in zip(middle, low, strict=True)]
    above = [max(end - m, 0.0) for m, end in zip(middle, high, strict=True)]
    return below, above
