"""Figure of the crossover in T: ||w||/kappa against T/kappa, every kappa on one curve."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    geometric_means,
    legend_below,
    log_axes,
    plain,
    title,
)
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import predicted

_SHOWN = 5


def figure_crossover(
    cells: pd.DataFrame, fits: Sequence[tuple[dict[str, Any], LawFit | None]]
) -> Figure:
    """Draw ||w||/kappa and t*/kappa against T/kappa, a column for each chi.

    Points: geometric means over seeds, all kappa, bars 95 %. Solid: fitted law
    kappa A (1 + T/T_c), its T_c a vertical tick. Dashed: the same as predicted.
    """
    chis = sorted({shared["chi"] for shared, _ in fits})
    kinds = sorted({(shared["d"], shared["P"]) for shared, _ in fits})
    with rc_context(STYLE):
        figure = Figure(figsize=(1.3 + 3.9 * max(1, len(chis)), 6.4))
        axes = figure.subplots(2, max(1, len(chis)), sharex=True, squeeze=False)
        for column, chi in enumerate(chis):
            series = [(s, fit) for s, fit in fits if s["chi"] == chi][:_SHOWN]
            for row, (name, symbol) in enumerate((("w_norm", r"\|w\|"), ("t_star", "t^*"))):
                ax = axes[row, column]
                for shared, fit in series:
                    i = kinds.index((shared["d"], shared["P"]))
                    _series(ax, cells, shared, fit, name, i, len(kinds))
                log_axes(ax)
                if column == 0:
                    ax.set_ylabel(rf"${symbol} \, / \, \kappa$")
            axes[0, column].set_title(rf"$\chi = {chi:g}$", fontsize=TITLE_SIZE)
            axes[1, column].set_xlabel(r"temperature over margin $T / \kappa$")
        legend_below(figure)
        said = [r"solid: fitted $A\,(1 + T/T_c)$, tick at $T_c$", "dashed: predicted"]
        title(figure, [*said, "bars: 95 % intervals"], separator=";  ")
    return figure


def _series(
    ax: Axes,
    cells: pd.DataFrame,
    shared: dict[str, Any],
    fit: LawFit | None,
    name: str,
    i: int,
    of: int,
) -> None:
    members = cells[cells["status"] == FITTED]
    for parameter, value in shared.items():
        members = members[members[parameter] == value]
    if len(members) == 0:
        return
    tau = (members["T"] / members["kappa"]).to_numpy(dtype=np.float64)
    logs = [
        np.array(v) - math.log(k)
        for v, k in zip(members[f"{name}_seeds"], members["kappa"], strict=True)
    ]
    label = f"$d = {shared['d']}$, $P = {plain(float(shared['P']))}$"
    geometric_means(ax, tau.tolist(), logs, i, label, of=of)
    if name != "w_norm":
        return
    fine = np.geomspace(tau.min(), tau.max(), 100)
    colour = COLOURS[i % len(COLOURS)]
    if fit is not None:
        ax.plot(fine, np.exp(fit.log_law(fine, np.ones_like(fine))), "-", color=colour, linewidth=1)
        at = fit.tau_c.value
        level = 2.0 * fit.plateau.value
        ax.plot([at, at], [level / 1.6, level * 1.6], "-", color=colour, linewidth=2.5)
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    if expected is not None:
        law = expected.plateau * (1.0 + fine / expected.T_c_over_kappa)
        ax.plot(fine, law, "--", color=colour, linewidth=1)
