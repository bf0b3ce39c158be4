"""Figure of late noise: training curves at several T, where they separate marked."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    STYLE,
    in_lines,
    legend_above,
    log_axes,
    plain,
    thinned,
)
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import loss_curves

_TIMES = 200

_WEIGHTS = ("checkpoint_w1", "checkpoint_w_perp")
_SMALL = np.finfo(np.float64).tiny


def figure_late_noise(runs: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> Figure:
    """Draw the training loss and ||w|| against t at several T, a column for each chi.

    Medians over seeds with the 16 to 84 % quantiles of their bootstrap. Dots: the mean time of
    what noise adds to the weights, up to T_c.

    Args:
        runs: rows with checkpoints; of several d, P, B or kappa the first is drawn.
        rows: entries with T and that time, ``t_sep``.
    """
    fitted = runs[runs["status"] == FITTED]
    chis = sorted(fitted["chi"].unique())
    with rc_context(STYLE):
        figure = Figure(figsize=(1.6 + 3.9 * max(1, len(chis)), 6.4))
        axes = figure.subplots(2, max(1, len(chis)), squeeze=False)
        for column, chi in enumerate(chis):
            members = fitted[fitted["chi"] == chi]
            for name in ("d", "P", "B", "kappa"):
                members = members[members[name] == members[name].iloc[0]]
            first = members.iloc[0]
            marks = [
                row for row in rows if all(row[n] == first[n] for n in ("chi", "d", "P", "kappa"))
            ]
            _column(list(axes[:, column]), members, marks)
            said = [rf"$\chi = {chi:g}$", f"$d = {first['d']}$", f"$P = {first['P']}$"]
            said.append(rf"$\kappa = {plain(float(first['kappa']))}$")
            lines = in_lines(figure, said, 3.4)
            legend_above(axes[0, column], 3, lines)
            axes[1, column].set_xlabel(r"time $t = \eta \times$ steps")
        axes[0, 0].set_ylabel("training loss")
        axes[1, 0].set_ylabel(r"$\|w\|$")
    return figure


def _column(axes: Sequence[Axes], runs: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> None:
    loss_axes, weight_axes = axes
    values = thinned(sorted(float(T) for T in runs["T"].unique()))
    for i, T in enumerate(values):
        members = runs[runs["T"] == T].sort_values("seed")
        t = np.geomspace(float(members["eta"].iloc[0]), float(members["t_star"].max()), _TIMES)
        colour = colormaps["cividis"](0.9 * i / max(1, len(values) - 1))
        style: dict[str, Any] = {"color": colour, "linestyle": ("-", "--", "-.", ":", "-")[i]}
        losses = loss_curves(members, t)
        for ax, curves in ((loss_axes, losses), (weight_axes, _norms(members, t))):
            middle = np.median(curves, axis=0)
            low, high = _band(curves)
            some = (middle > 0.0) & (low > 0.0)
            label = rf"$T = {plain(T)}$"
            ax.plot(t[some], middle[some], linewidth=1.4, label=label, **style)
            ax.fill_between(t[some], low[some], high[some], color=colour, alpha=0.25)
        for row in rows:
            if row["T"] == T:
                level = float(np.interp(np.log(row["t_sep"]), np.log(t), np.median(losses, axis=0)))
                if level > 0.0:
                    label = "mean time of what noise adds"
                    dot: Any = {"color": colour, "markeredgecolor": "k", "label": label}
                    loss_axes.plot([row["t_sep"]], [level], "o", **dot)
    for ax in axes:
        log_axes(ax)


def _band(curves: FloatArray) -> FloatArray:
    """Return the 16 and 84 % quantiles of the median over seeds, by bootstrap."""
    rng = np.random.default_rng(0)
    picks = rng.integers(len(curves), size=(100, len(curves)))
    return np.asarray(np.quantile(np.median(curves[picks], axis=1), (0.16, 0.84), axis=0))


def _norms(runs: pd.DataFrame, t: FloatArray) -> FloatArray:
    """Return ||w|| of every run at times ``t``, constant from t* on."""
    return np.array(
        [
            np.exp(
                np.interp(
                    np.log(t),
                    np.log(run["checkpoint_t"][1:]),
                    # Before the first of Poisson hits the weights are 0.
                    np.log(np.maximum(_SMALL, np.hypot(*(run[n][1:] for n in _WEIGHTS)))),
                )
            )
            for _, run in runs.iterrows()
        ]
    )
