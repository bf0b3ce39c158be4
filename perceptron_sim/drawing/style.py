"""What back ends share: colours and markers, and the legend entry of each series.

Series differ in marker as well as colour, and theory in line style, so that every figure can
be read in grey.
"""

from dataclasses import dataclass

from perceptron_sim.drawing.panels import NEUTRAL, Colour, Numbers, Panel, Series

# Okabe-Ito colours: distinct for colour-blind readers, and ordered in lightness.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


@dataclass(frozen=True)
class Style:
    """How a series is drawn.

    Attributes:
        colour: number of the colour, and of the marker; None for the neutral colour of a line
            that belongs to no points.
        in_legend: False where an entry of the same label stands there already.
    """

    colour: Colour | None
    in_legend: bool


def styles(panel: Panel) -> list[Style]:
    """Return the style of each series: lines take the colour of points where they come in pairs."""
    points = [s for s in panel.series if not s.line]
    paired = 1 < len(points) == len(panel.series) - len(points)
    found: list[Style] = []
    seen = {""}
    n_points = n_lines = 0
    for series in panel.series:
        colour: Colour | None
        if series.line:
            colour, n_lines = (n_lines if paired else None), n_lines + 1
        else:
            colour, n_points = n_points, n_points + 1
        colour = colour if series.colour is None else series.colour
        found.append(Style(colour, series.label not in seen))
        seen.add(series.label)
    return found


def colour_of(colour: Colour | None) -> str:
    """Return a colour by its name."""
    if isinstance(colour, int):
        return COLOURS[colour % len(COLOURS)]
    return NEUTRAL if colour is None else colour


Lengths = tuple[list[float], list[float]] | None


def bars(series: Series) -> tuple[Lengths, Lengths]:
    """Return lengths of the bars below and above the points, along x and along y.

    None where a series has none; NaN where a point has none.
    """
    return _lengths(series.x, series.x_low, series.x_high), _lengths(
        series.y, series.y_low, series.y_high
    )


def _lengths(middle: Numbers, low: Numbers, high: Numbers) -> Lengths:
    if not len(low) or not len(high):
        return None
    below = [max(m - end, 0.0) for m, end in zip(middle, low, strict=True)]
    above = [max(end - m, 0.0) for m, end in zip(middle, high, strict=True)]
    return below, above


def sequence(i: int, of: int) -> str:
    """Return the colour of number ``i`` of ``of`` values in order, dark to light, of cividis."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return to_hex(colormaps["cividis"](0.9 * i / max(1, of - 1)))
