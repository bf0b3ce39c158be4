"""Figure of a data collapse: scaled observables of several d on one curve."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.collapse import OBSERVABLES, Collapse, Series, series_of
from perceptron_sim.analysis.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    TITLE_SIZE,
    geometric_means,
    in_lines,
    legend_below,
    log_axes,
    plain,
    thinned,
    title,
)
from perceptron_sim.theory.prediction import trusted_end

# Inches of a panel's width.
_PANEL = 3.1
_LABELS = {
    "w_norm": r"$\|w\| \, / \, (T \sqrt{d})$",
    "t_star": r"$t^* / \, (T d)$",
    "P/d": r"$P / d$",
    "kappa/T": r"$\kappa / T$",
}


def figure_collapse(frame: pd.DataFrame, found: Sequence[Collapse], abscissa: str) -> Figure:
    """Draw ||w||/(T sqrt d) and t*/(T d) against P/d or kappa/T, a column for each chi.

    Colour tells d, the marker kappa/T (or P/d). Solid: prediction at finite P/d and d. The
    quality of the collapse stands above each panel.

    Args:
        frame: rows as in ``records.SCHEMA``.
        found: the collapses of ``frame``; those on ``abscissa`` decide which chi are drawn.
        abscissa: "P/d" or "kappa/T".
    """
    drawn = [c for c in found if c.abscissa == abscissa]
    chis = sorted({c.chi for c in drawn})
    with rc_context(STYLE):
        figure = Figure(figsize=(1.3 + _PANEL * len(chis), 6.8))
        axes = figure.subplots(2, len(chis), sharex=True, squeeze=False)
        for column, chi in enumerate(chis):
            runs = frame[frame["chi"] == chi]
            for row, observable in enumerate(OBSERVABLES):
                ax = axes[row, column]
                _panel(ax, series_of(runs, observable, abscissa), chi, observable, abscissa)
                quality = next(c for c in drawn if (c.chi, c.observable) == (chi, observable))
                error = plain(float(f"{quality.error:.2g}"))
                said = [f"$S = {quality.quality:.3g} \\pm {error}$", f"spread {quality.rms:.2f}"]
                lines = [rf"$\chi = {chi:g}$"] * (row == 0) + [in_lines(figure, said, _PANEL)]
                ax.set_title("\n".join(lines), fontsize=TITLE_SIZE)
                if column == 0:
                    ax.set_ylabel(_LABELS[observable])
                if row == 1:
                    ax.set_xlabel(_LABELS[abscissa])
        legend_below(figure)
        said = ["$S = 1$: one curve within errors", "spread: distance in ln beyond the errors"]
        title(figure, ["collapse over $d$", *said])
    return figure


def _panel(ax: Axes, series: Sequence[Series], chi: float, observable: str, abscissa: str) -> None:
    dimensions = sorted({s.d for s in series})
    shown = thinned(sorted({s.alike[0] for s in series}))
    other = "P/d" if abscissa == "kappa/T" else r"\kappa/T"
    for s in series:
        if s.alike[0] not in shown:
            continue
        i, marker = dimensions.index(s.d), shown.index(s.alike[0])
        geometric_means(ax, np.exp(s.log_x).tolist(), s.logs, i, None, marker=marker, of=len(shown))
        _prediction(ax, s, chi, observable, abscissa, COLOURS[i % len(COLOURS)])
    # Colours and markers mean different things, so each is explained by itself.
    for i, d in enumerate(dimensions):
        line: Any = {"linewidth": 5, "solid_capstyle": "butt"}
        ax.plot([], [], "-", color=COLOURS[i % len(COLOURS)], label=f"$d = {d}$", **line)
    for i, value in enumerate(shown):
        grey: Any = {"color": "0.4", "markersize": 4.5}
        face = "white" if i % 2 else "0.4"
        label = f"${other} = {plain(value)}$"
        ax.plot([], [], MARKERS[i % len(MARKERS)], markerfacecolor=face, label=label, **grey)
    log_axes(ax)


def _prediction(
    ax: Axes, s: Series, chi: float, observable: str, abscissa: str, colour: str
) -> None:
    fixed, B = s.alike
    x = np.exp(np.linspace(s.log_x[0], s.log_x[-1], 13 if len(s.log_x) > 1 else 1))
    y = []
    for at in x:
        load, ratio = (at, fixed) if abscissa == "P/d" else (fixed, at)
        end = trusted_end(chi, float(load) * s.d, s.d, B, float(ratio))
        y.append(getattr(end, observable) / s.d ** OBSERVABLES[observable] if end else math.nan)
    if np.any(np.isfinite(y)):
        ax.plot(x, y, "-", color=colour, linewidth=1, zorder=1, label="prediction")
