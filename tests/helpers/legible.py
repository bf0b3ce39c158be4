"""What is wrong with a drawn figure: text that is cut, or that lies on other text or on data."""

import itertools
from collections.abc import Iterator

from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

# Pixels that may be lost to rounding.
_SLACK = 1.5


def faults(figure: Figure) -> list[str]:
    """Return the faults of a figure whose layout has been found, in words."""
    canvas = FigureCanvasAgg(figure)
    figure.draw_without_rendering()
    renderer = canvas.get_renderer()
    # Subscripts and accents reach out of what is reserved for a line.
    boxes = {text: _less(text.get_window_extent(renderer)) for text in _texts(figure)}
    found = []
    for text, box in boxes.items():
        if not (_less(figure.bbox, -2.0).contains(box.x0, box.y0)) or not (
            _less(figure.bbox, -2.0).contains(box.x1, box.y1)
        ):
            found.append(f"{text.get_text()!r} is cut by the edge of the figure")
    for (a, box), (b, other) in itertools.combinations(boxes.items(), 2):
        if box.overlaps(other):
            found.append(f"{a.get_text()!r} lies on {b.get_text()!r}")
    axes = [ax for ax in figure.axes if ax.get_visible()]
    for legend in [*figure.legends, *(ax.get_legend() for ax in axes)]:
        if legend is not None:
            box = _less(legend.get_window_extent(renderer))
            covered = [ax for ax in axes if box.overlaps(_less(ax.get_window_extent(renderer)))]
            found += [f"a legend lies on the data of {ax.get_title()!r}" for ax in covered]
    for ax in axes:
        for axis in (ax.xaxis, ax.yaxis):
            if ax.has_data() and axis.get_label_text() and len(list(_ticks(axis))) == 0:
                found.append(f"no number on the axis {axis.get_label_text()!r}")
    return found


def _less(box: Bbox, by: float = _SLACK) -> Bbox:
    return Bbox([[box.x0 + by, box.y0 + by], [box.x1 - by, box.y1 - by]])


def _texts(figure: Figure) -> Iterator[Text]:
    legends = [*figure.legends, *(ax.get_legend() for ax in figure.axes)]
    for legend in legends:
        if legend is not None:
            yield from (text for text in legend.get_texts() if text.get_text())
    if figure.get_suptitle():
        yield figure._suptitle
    for ax in figure.axes:
        if not ax.get_visible():
            continue
        for text in (ax.title, ax.xaxis.label, ax.yaxis.label):
            if text.get_text() and text.get_visible():
                yield text
        yield from _ticks(ax.xaxis)
        yield from _ticks(ax.yaxis)


def _ticks(axis: Axis) -> Iterator[Text]:
    low, high = sorted(axis.get_view_interval())
    for tick in axis.get_major_ticks():
        for text in (tick.label1, tick.label2):
            if low <= tick.get_loc() <= high and text.get_visible() and text.get_text():
                yield text
