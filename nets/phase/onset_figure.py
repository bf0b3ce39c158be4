"""Figure of T_c(P): three observables against T, and against T P^a on one curve."""

import math
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nets.phase.collapse import Grid
from nets.phase.model import LAZY, TRAINED
from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    geometric_means,
    legend_below,
    log_axes,
    plain,
    text,
    title,
)
from perceptron_sim.arrays import FloatArray

_SYMBOLS = {"dw_rel": r"\|w - w_0\| / \|w_0\|", "t_star": "t^*", "test_error": r"\mathrm{error}"}


def figure_onset(found: list[tuple[dict[str, Any], dict[str, Grid]]]) -> Figure:
    """Draw the first net of ``found``.

    Top, against T: points are trained nets, lines linearised ones. Bottom, against T P^a, a as
    measured for each observable: weights as they are, t* and test error over those of the
    linearised net, with the fitted departure. Bars: 95 % of the mean over seeds.
    """
    net, grids = found[0]
    sizes = np.unique(np.concatenate([grid.P for grid in grids.values()]))
    with rc_context(STYLE):
        figure = Figure(figsize=(11.5, 7.0))
        axes = figure.subplots(2, 3)
        for column, name in enumerate(_SYMBOLS):
            above, below = axes[:, column]
            row = _row_of(net["onsets"], name)
            a = math.nan if row is None else row["a"]["measured"]
            for i, P in enumerate(sizes):
                _against_T(above, grids, name, float(P), i)
                if row is not None:
                    _collapsed(below, grids, name, float(P), i, a)
            if row is not None and "beta" in row:
                _departure(below, row)
            above.set(ylabel=f"${_SYMBOLS[name]}$", xlabel="temperature $T$")
            if row is None:
                below.text(0.5, 0.5, "no exponent", ha="center", transform=below.transAxes)
                continue
            ratio = "" if name == "dw_rel" else ", trained / linearised"
            below.set(ylabel=f"${_SYMBOLS[name]}${ratio}", xlabel=r"$T P^a$")
            below.set_title(
                f"$a = {a:.3f}$ [{row['a']['ci_low']:.3f}, {row['a']['ci_high']:.3f}]",
                fontsize=TITLE_SIZE,
            )
        for ax in axes.flat:
            if ax.has_data():
                log_axes(ax)
        legend_below(figure)
        said = [text(net["data"]), f"$L = {net['depth']}$", f"$h = {net['width']}$"]
        said += [f"$B = {net['B']}$", rf"$\alpha = {plain(net['alpha'])}$"]
        said += ["points: trained nets, lines: linearised nets", f"{net['n_seeds']} seeds"]
        title(figure, [*said, "bars: 95 % intervals"])
    return figure


def _row_of(rows: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return the exponent that an observable is collapsed by: of trained nets if there is one."""
    members = [row for row in rows if row["quantity"] == name]
    trained = [row for row in members if row["by"] == TRAINED]
    return next(iter(trained or members), None)


def _against_T(ax: Axes, grids: dict[str, Grid], name: str, P: float, i: int) -> None:
    trained, lazy = (_of_P(grids[kind], name, P) for kind in (TRAINED, LAZY))
    label = f"$P = {plain(P)}$"
    if len(trained[0]):
        geometric_means(ax, trained[0].tolist(), list(trained[1]), i, label)
    if len(lazy[0]):
        ax.plot(
            lazy[0],
            np.exp(lazy[1].mean(axis=1)),
            "-",
            color=COLOURS[i % len(COLOURS)],
            linewidth=0.9,
            label=None if len(trained[0]) else label,
        )


def _collapsed(ax: Axes, grids: dict[str, Grid], name: str, P: float, i: int, a: float) -> None:
    T, logs = _of_P(grids[TRAINED], name, P)
    if name == "dw_rel":
        if not len(T):
            T, logs = _of_P(grids[LAZY], name, P)
    else:
        T_lazy, lazy = _of_P(grids[LAZY], name, P)
        both = [(k, int(np.flatnonzero(T_lazy == t)[0])) for k, t in enumerate(T) if t in T_lazy]
        T = T[[k for k, _ in both]]
        logs = np.array([logs[k] - lazy[j] for k, j in both])
    if len(T):
        geometric_means(ax, (T * P**a).tolist(), list(logs), i, None)


def _departure(ax: Axes, row: dict[str, Any]) -> None:
    """Draw (1 + T/T_0)^beta; T_c, at which it is e^(+-0.2), lies at T_0 (e^(0.2/|beta|) - 1)."""
    at = row["T_c"][0]
    scale = at["value"] * at["P"] ** row["a"]["measured"]
    beta = row["beta"]
    u0 = scale / math.expm1(0.2 / abs(beta))
    low, high = ax.dataLim.intervalx
    u = np.geomspace(float(low), float(high), 200)
    ax.plot(u, (1.0 + u / u0) ** beta, "-", color="0.4", linewidth=1.2)


def _of_P(grid: Grid, name: str, P: float) -> tuple[FloatArray, FloatArray]:
    at = grid.P == P
    return grid.T[at], grid.logs[name][at]
