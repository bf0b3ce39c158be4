"""Panels of a judgement as one chart, for print, for papers, and for browsers without scripts."""

from dataclasses import replace

from perceptron_sim.claims import Judgement
from perceptron_sim.drawing.panels import Chart, Panel

_COLUMNS = 3
# Of a panel, in inches.
_WIDTH = 3.85


def figure_of(judgement: Judgement) -> Chart:
    """Chart the panels of a judgement: what is judged, then the data, up to three in a row.

    Points have 95 % bars; theory is drawn as lines, and as points next to judged measurements.
    """
    data = [_marked(panel) for panel in judgement.panels if not panel.rows]
    columns = max(1, min(len(data), _COLUMNS))
    rows = [[panel] for panel in judgement.panels if panel.rows]
    rows += [data[i : i + columns] for i in range(0, len(data), columns)]
    # Names of what is judged need the width of two panels.
    return Chart(rows, legend="above", width=_WIDTH * max(columns, 2) / columns, height=2.4)


def _marked(panel: Panel) -> Panel:
    """Return a panel with its points marked on the abscissa."""
    reached = {float(x) for series in panel.series if not series.line for x in series.x}
    return replace(panel, x_ticks=sorted(reached))
