"""Charts as figures of Matplotlib: panels placed in one pass, and written to files.

Axes have the size that a chart asks for; the figure is as large as they and their labels need. So
numbers on axes are measured once, where a general layout engine draws figures again and again.
"""

import io
import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from perceptron_sim.atomic import write_atomically
from perceptron_sim.drawing.mpl import (
    FONT_SIZE,
    LEGEND_SIZE,
    STYLE,
    TITLE_SIZE,
    any_letters,
    draw_panel,
    entries,
    legend,
)
from perceptron_sim.drawing.notation import as_mathtext, as_text
from perceptron_sim.drawing.panels import Chart, Panel
from perceptron_sim.names import shortened

# Inches: of lines of titles and legends, of numbers and of a label below axes, of what is between.
_LINE, _LEGEND_LINE, _NUMBERS, _LABEL, _PAD = 0.17, 0.167, 0.27, 0.23, 0.08
# Sizes of a row of measurements, of colours next to panels, and of a legend entry without text.
_ROW, _BAR, _ENTRY = 0.3, 1.0, 0.52
# The part of the width that names of rows may take, and inches of a letter.
_NAMES, _LETTER = 0.4, 0.058


def save(chart: Chart, folder: Path, name: str) -> list[Path]:
    """Draw a chart to ``folder/name.png`` and ``.svg``, each whole or not at all.

    Returns:
        The two paths.
    """
    return write(draw(chart), folder, name)


def write(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as ``save`` does."""
    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    with rc_context(STYLE), any_letters():
        for path in paths:
            content = io.BytesIO()
            options: Any = {} if path is paths[0] else {"metadata": {"Date": None}}
            figure.savefig(content, format=path.suffix[1:], **options)
            write_atomically(path, content.getvalue())
    return paths


def draw(chart: Chart) -> Figure:
    """Return a chart as a figure, everything in its place."""
    with rc_context(STYLE), any_letters():
        width = chart.width * max(map(len, chart.panels))
        # An inch high, until it is known what stands above and below axes.
        figure = Figure(figsize=(width, 1.0))
        FigureCanvasAgg(figure)
        cells = _drawn(chart, figure)
        _place_across(cells, figure)
        heights = [_explain(chart, [c for c in cells if c.row == r]) for r in _rows(cells)]
        parts = _broken(as_mathtext(",  ".join(chart.title)))
        title = as_lines(figure, parts, width - 0.2)
        explained = entries([c.ax for c in cells]) if chart.legend == "below" else {}
        columns, lines = _columns(figure, list(explained), width - 0.1, 8)
        foot = _LEGEND_LINE * lines + _PAD * bool(lines)
        head = _LINE * len(title) + _PAD * bool(title)
        tall = head + sum(above + high + below for above, high, below in heights) + foot
        figure.set_size_inches(width, tall)
        top = tall - head
        for row, (above, high, below) in enumerate(heights):
            for cell in (c for c in cells if c.row == row):
                cell.bottom = top - above - cell.high
                cell.ax.set_position(
                    (cell.x / width, cell.bottom / tall, cell.wide / width, cell.high / tall)
                )
            top -= above + high + below
        _colour_bars(cells, figure)
        if title:
            y = 1.0 - _PAD / tall
            figure.suptitle("\n".join(title), y=y, va="top", fontsize=TITLE_SIZE)
        place: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 0.0), "borderaxespad": 0.3}
        legend(figure, explained, ncols=columns, **place)
        return figure


@dataclass
class _Cell:
    """A panel on its way to its place; lengths in inches."""

    panel: Panel
    ax: Axes
    image: Any
    row: int
    column: int
    across: int
    high: float
    left: float = 0.0
    # Half a number at the end of an axis.
    right: float = 0.24
    x: float = 0.0
    wide: float = 1.0
    bottom: float = 0.0
    y_label: Sequence[str] = ()


def _rows(cells: Sequence[_Cell]) -> list[int]:
    return sorted({cell.row for cell in cells})


def _drawn(chart: Chart, figure: Figure) -> list[_Cell]:
    """Draw every panel into axes of the right height, and measure the numbers next to them."""
    cells: list[_Cell] = []
    columns = max(map(len, chart.panels))
    for row, panels in enumerate(chart.panels):
        for column, panel in enumerate(panels):
            across = 1 if panel.rows else columns
            room = figure.get_figwidth() / across
            if chart.legend == "above":
                panel = _cut(panel, int((room - 1.0) / _LETTER))
            high = panel.height or chart.height
            if panel.rows:
                high = _ROW * (len(panel.rows) + 0.4)
            shared: Any = {f"share{a}": cells[0].ax for a in chart.share if cells}
            ax = figure.add_axes((0.0, 0.0, 1.0, high), label=f"{row}/{column}", **shared)
            cell = _Cell(panel, ax, None, row, column, across, high)
            cell.image = draw_panel(ax, panel)
            # What all panels of a row show is said once.
            if not column or panel.y_label != panels[column - 1].y_label:
                cell.y_label = _label(figure, panel.y_label, high + 0.4)
            if panel.rows:
                letters = int(_NAMES * room / _LETTER)
                ax.set_yticklabels([_name(row, letters) for row in panel.rows])
                ax.tick_params(axis="y", labelsize=7.5)
            cells.append(cell)
    for cell in cells:
        below = any(c.column == cell.column and c.row > cell.row for c in cells)
        if "y" in chart.share and cell.column:
            cell.ax.tick_params(labelleft=False)
        else:
            found = cell.ax.yaxis.get_tightbbox(_renderer(figure))
            numbers = (cell.ax.bbox.x0 - found.x0) / figure.dpi + 0.06 if found else 0.0
            cell.left = numbers + _LABEL * len(cell.y_label)
        if "x" in chart.share and below:
            cell.ax.tick_params(labelbottom=False)
    bars = {cell.panel.fields[0].label: cell for cell in cells if cell.image is not None}
    for last in bars.values():
        last.right += _BAR
    return cells


def _cut(panel: Panel, letters: int) -> Panel:
    """Return a panel whose labels have at most so many letters."""
    series = [replace(s, label=shortened(as_text(s.label), letters)) for s in panel.series]
    return replace(panel, series=series)


def _name(row: str, letters: int) -> str:
    lines = textwrap.wrap(as_text(row), letters, max_lines=2, placeholder=" ...")
    return as_mathtext("\n".join(lines))


def _place_across(cells: Sequence[_Cell], figure: Figure) -> None:
    """Find left end and width of axes: equal in a row, and aligned where rows are similar."""
    for kind in {(cell.across, bool(cell.panel.rows)) for cell in cells}:
        across = kind[0]
        members = [cell for cell in cells if (cell.across, bool(cell.panel.rows)) == kind]
        left, right = (
            [max(getattr(c, side) for c in members if c.column == i) for i in range(across)]
            for side in ("left", "right")
        )
        wide = (figure.get_figwidth() - sum(left) - sum(right) - 0.04) / across
        for cell in members:
            i = cell.column
            cell.x, cell.wide = 0.04 + sum(left[: i + 1]) + sum(right[:i]) + i * wide, wide
            cell.left = left[i]


def _explain(chart: Chart, row: Sequence[_Cell]) -> tuple[float, float, float]:
    """Label the panels of a row and explain them; return inches above axes, of axes, below."""
    figure: Any = row[0].ax.figure
    above, below = 0.0, _PAD
    for cell in row:
        ax, panel, room = cell.ax, cell.panel, cell.wide + 0.25
        if chart.legend == "above":
            room = cell.left + cell.wide
        parts = [_broken(line) for line in as_mathtext(panel.title).split("\n") if panel.title]
        title = [text for part in parts for text in as_lines(figure, part, room)]
        explained = entries([ax]) if chart.legend == "above" else {}
        columns, lines = _columns(figure, list(explained), room, chart.columns or 4)
        if explained:
            heading = {"title": "\n".join(title)} if title else {}
            # Over the numbers on the left, too.
            middle = 0.5 + 0.5 * (cell.right - cell.left) / cell.wide
            place: Any = {
                "loc": "lower center",
                "bbox_to_anchor": (middle, 1.0),
                "borderaxespad": 0.2,
            }
            legend(ax, explained, ncols=columns, **place, **heading)
        elif title:
            ax.set_title("\n".join(title), fontsize=TITLE_SIZE, y=1.0)
        tall = _LINE * len(title) + _LEGEND_LINE * lines + _PAD * bool(title or lines)
        above = max(above, tall + 0.04)
        x_label: list[str] = []
        numbers = _NUMBERS * ax.xaxis.get_tick_params().get("labelbottom", True)
        if numbers:
            x_label = _label(figure, panel.x_label, cell.wide + 0.2)
            ax.set_xlabel("\n".join(x_label))
            ax.xaxis.set_label_coords(0.5, -numbers / cell.high)
        if cell.y_label:
            ax.set_ylabel("\n".join(cell.y_label))
            ax.yaxis.set_label_coords(-(cell.left - _LABEL * len(cell.y_label)) / cell.wide, 0.5)
        below = max(below, numbers + _LABEL * len(x_label) + _PAD)
    return above, max(cell.high for cell in row), below


def _broken(line: str) -> list[str]:
    """Return where a line may be broken: between its parts if it has any, else between words."""
    return [f"{part}, " for part in line.split(",  ")] if ",  " in line else line.split(" ")


def _label(figure: Figure, text: str, inches: float) -> list[str]:
    return as_lines(figure, as_mathtext(text).split(" "), inches, FONT_SIZE)


def as_lines(
    figure: Figure, parts: Sequence[str], inches: float, size: float = TITLE_SIZE
) -> list[str]:
    """Return ``parts`` joined to lines of at most ``inches``."""
    lines: list[str] = []
    whole = " ".join(filter(None, parts)).strip().removesuffix(",")
    if whole and _inches(figure, whole, size) <= inches:
        return [whole]
    for part in filter(None, parts):
        longer = f"{lines[-1]} {part}" if lines else part
        if lines and _inches(figure, longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(part)
    return [*map(str.strip, lines[:-1]), *(line.strip().removesuffix(",") for line in lines[-1:])]


def _columns(figure: Figure, labels: Sequence[str], inches: float, most: int) -> tuple[int, int]:
    """Return into how many columns labels fit, and how many lines these have."""
    widths = [_ENTRY + _inches(figure, label, LEGEND_SIZE) for label in labels]
    for n in range(min(len(widths), most), 1, -1):
        if sum(max(part) for part in np.array_split(widths, n)) <= inches:
            return n, math.ceil(len(widths) / n)
    return 1, len(widths)


def _inches(figure: Figure, text: str, size: float) -> float:
    found = Text(0.0, 0.0, text, fontsize=size, figure=figure)
    return float(found.get_window_extent(_renderer(figure)).width / figure.dpi)


def _renderer(figure: Figure) -> Any:
    canvas: Any = figure.canvas
    return canvas.get_renderer()


def _colour_bars(cells: Sequence[_Cell], figure: Figure) -> None:
    """Explain colours to the right of the last panel that has them, as high as all that do."""
    size = np.array([*figure.get_size_inches()] * 2)
    coloured = [cell for cell in cells if cell.image is not None]
    for label in dict.fromkeys(cell.panel.fields[0].label for cell in coloured):
        members = [cell for cell in coloured if cell.panel.fields[0].label == label]
        low = min(cell.bottom for cell in members)
        high = max(cell.bottom + cell.high for cell in members)
        right = max(cell.x + cell.wide for cell in members)
        box = np.array([right + 0.12, low, 0.13, high - low]) / size
        bar = figure.colorbar(members[-1].image, cax=figure.add_axes(tuple(box)))
        bar.set_label(as_mathtext(label))
