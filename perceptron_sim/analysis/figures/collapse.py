"""Figure of a data collapse: scaled observables of several d on one curve."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from perceptron_sim.analysis.collapse import OBSERVABLES, Collapse, Points, series_of
from perceptron_sim.drawing.panels import Chart, Panel, Series, geometric_means, thinned
from perceptron_sim.names import number_text
from perceptron_sim.theory.prediction import trusted_ends

_LABELS = {"w_norm": "||w|| / (T sqrt(d))", "t_star": "t* / (T d)"}
_ABSCISSAS = {"P/d": "P / d", "kappa/T": "kappa / T"}


def figure_collapse(frame: pd.DataFrame, found: Sequence[Collapse], abscissa: str) -> Chart:
    """Chart ||w||/(T sqrt d) and t*/(T d) against P/d or kappa/T, a column for each chi.

    Colour tells d, the marker kappa/T (or P/d). Solid: prediction at finite P/d and d. The
    quality of the collapse stands above each panel.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.
        found: the collapses of ``frame``; those on ``abscissa`` decide which chi are drawn.
        abscissa: "P/d" or "kappa/T".
    """
    drawn = [c for c in found if c.abscissa == abscissa]
    panels = []
    for observable in OBSERVABLES:
        members = sorted((c for c in drawn if c.observable == observable), key=lambda c: c.chi)
        panels.append([_panel(frame[frame["chi"] == c.chi], c) for c in members])
    said = ["S = 1: one curve within errors", "spread: distance in ln beyond the errors"]
    return Chart(panels, ["collapse over d", *said], share="x")


def _panel(runs: pd.DataFrame, found: Collapse) -> Panel:
    points = series_of(runs, found.observable, found.abscissa)
    dimensions = sorted({s.d for s in points})
    shown = thinned(sorted({s.alike[0] for s in points}))
    other = "P/d" if found.abscissa == "kappa/T" else "kappa/T"
    series: list[Series] = []
    for s in points:
        if s.alike[0] in shown:
            style = {"colour": dimensions.index(s.d), "marker": shown.index(s.alike[0])}
            series.append(geometric_means("", np.exp(s.log_x), s.logs, **style))
            series += _prediction(s, found, style["colour"])
    # Colours and markers mean different things, so each is explained by itself.
    for i, d in enumerate(dimensions):
        series.append(Series(f"d = {d}", [], [], line=True, dash="-", colour=i, width=5.0))
    for i, value in enumerate(shown):
        label = f"{other} = {number_text(value)}"
        series.append(Series(label, [], [], colour="0.4", marker=i))
    lines = [f"chi = {found.chi:g}"] * (found.observable == "w_norm")
    quality = f"S = {found.quality:.3g} ± {number_text(float(f'{found.error:.2g}'))}"
    lines.append(f"{quality},  spread {found.rms:.2f}")
    x_label = _ABSCISSAS[found.abscissa]
    return Panel("\n".join(lines), x_label, _LABELS[found.observable], series)


def _prediction(s: Points, found: Collapse, colour: int) -> Iterator[Series]:
    fixed, B = s.alike
    x = np.exp(np.linspace(s.log_x[0], s.log_x[-1], 13 if len(s.log_x) > 1 else 1))
    load, ratio = (x, fixed) if found.abscissa == "P/d" else (fixed, x)
    ends = trusted_ends(found.chi, load * s.d, s.d, B, ratio)
    y = getattr(ends, found.observable) / s.d ** OBSERVABLES[found.observable]
    if np.any(np.isfinite(y)):
        yield Series("prediction", x, y, line=True, theory=True, colour=colour, width=1.0)
