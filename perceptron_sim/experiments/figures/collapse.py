"""Figure of a data collapse: scaled observables of several d on one curve."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.experiments.collapse import OBSERVABLES, Collapse, Series, series_of
from perceptron_sim.experiments.figures.style import (
    COLOURS,
    STYLE,
    geometric_means,
    log_axes,
    plain,
    thinned,
)
from perceptron_sim.theory.prediction import trusted_end

_LABELS = {
    "w_norm": r"$\|w\| \, / \, (T \sqrt{d})$",
    "t_star": r"$t^* / \, (T d)$",
    "P/d": r"$P / d$",
    "kappa/T": r"$\kappa / T$",
}


def figure_collapse(frame: pd.DataFrame, found: Sequence[Collapse], abscissa: str) -> Figure:
    """Draw ||w||/(T sqrt d) and t*/(T d) against P/d or kappa/T, a column for each chi.

    Colour and marker tell d; several kappa/T (or P/d) are several curves. Solid: prediction at
    finite P/d and d. The quality of the collapse stands above each panel.

    Args:
        frame: rows as in ``records.SCHEMA``.
        found: the collapses of ``frame``; those on ``abscissa`` decide which chi are drawn.
        abscissa: "P/d" or "kappa/T".
    """
    drawn = [c for c in found if c.abscissa == abscissa]
    chis = sorted({c.chi for c in drawn})
    with rc_context(STYLE):
        figure = Figure(figsize=(1.3 + 3.1 * len(chis), 6.2))
        axes = figure.subplots(2, len(chis), sharex=True, squeeze=False)
        for column, chi in enumerate(chis):
            runs = frame[frame["chi"] == chi]
            for row, observable in enumerate(OBSERVABLES):
                ax = axes[row, column]
                _panel(ax, series_of(runs, observable, abscissa), chi, observable, abscissa)
                quality = next(c for c in drawn if (c.chi, c.observable) == (chi, observable))
                title = [rf"$\chi = {chi:g}$"] * (row == 0) + [
                    f"quality $S = {quality.quality:.1f} \\pm {quality.error:.1f}$, "
                    f"spread {quality.rms:.2f}"
                ]
                ax.set_title("\n".join(title), fontsize=9)
                if column == 0:
                    ax.set_ylabel(_LABELS[observable])
                if row == 1:
                    ax.set_xlabel(_LABELS[abscissa])
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        figure.suptitle(
            "collapse over $d$: $S = 1$ within errors; spread: distance in ln beyond the errors",
            fontsize=9,
        )
    return figure


def _panel(ax: Axes, series: Sequence[Series], chi: float, observable: str, abscissa: str) -> None:
    dimensions = sorted({s.d for s in series})
    style = {d: i for i, d in enumerate(dimensions)}
    shown = set(thinned(sorted({s.alike[0] for s in series})))
    labelled: set[int] = set()
    named: set[float] = set()
    for s in series:
        if s.alike[0] not in shown:
            continue
        i = style[s.d]
        label = None if s.d in labelled else f"$d = {plain(float(s.d))}$"
        geometric_means(ax, np.exp(s.log_x).tolist(), s.logs, i, label)
        labelled.add(s.d)
        if len(shown) > 1 and s.alike[0] not in named:
            named.add(s.alike[0])
            other = "P/d" if abscissa == "kappa/T" else r"\kappa/T"
            ax.annotate(
                f"${other} = {plain(s.alike[0])}$",
                (math.exp(s.log_x[-1]), math.exp(s.logs[-1].mean())),
                xytext=(7, -3),
                textcoords="offset points",
                fontsize=7,
            )
        _prediction(ax, s, chi, observable, abscissa, COLOURS[i % len(COLOURS)])
    ax.plot([], [], "-", color="black", linewidth=1, label="prediction")
    log_axes(ax)
    if named:
        # Room for the names at the right ends of the curves.
        first, last = min(s.log_x[0] for s in series), max(s.log_x[-1] for s in series)
        span = max(last - first, 1.0)
        ax.set_xlim(math.exp(first - 0.05 * span), math.exp(last + 0.3 * span))


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
        ax.plot(x, y, "-", color=colour, linewidth=1, zorder=1)
