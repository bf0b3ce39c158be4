"""Figure of SGD beside its cousins: ends against B, and ||w|| against t at the smallest B."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    geometric_means,
    legend_above,
    log_axes,
    plain,
    title,
)
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.perceptron import predicted
from perceptron_sim.theory.flow import flow_to_show
from perceptron_sim.theory.prediction import trusted_end

_COURSES = 3
_STYLES = ("-", "--", ":", "-.")
_GREEK = {"chi": r"\chi", "kappa": r"\kappa"}


def figure_dynamics(cells: pd.DataFrame, runs: pd.DataFrame, named: dict[str, str]) -> Figure:
    """Draw ||w|| and t* at the end against B, and courses of ||w||, for the first parameters.

    Bars: 95 %. Dashed vertical: predicted B*; solid: predicted noise-dominated end. In the third
    panel three runs each at the smallest B, with what fresh samples give (theory). ``named``: the
    dynamics by their labels, SGD first.
    """
    first = cells.iloc[0]
    shared = {n: first[n].item() for n in ("chi", "d", "P", "kappa", "T")}
    for name, value in shared.items():
        cells, runs = cells[cells[name] == value], runs[runs[name] == value]
    with rc_context(STYLE):
        figure = Figure(figsize=(11.5, 4.6))
        axes = figure.subplots(1, 3)
        for ax, name, symbol in zip(axes, ("w_norm", "t_star"), (r"\|w\|", "t^*"), strict=False):
            _ends(ax, cells, shared, list(named), name)
            ax.set(xlabel="batch size $B$", ylabel=f"${symbol}$ at the end of training")
        _courses(axes[2], runs, shared, named)
        axes[2].set(xlabel="time $t$", ylabel=r"$\|w\|$")
        for ax in axes:
            legend_above(ax)
        parts = [f"${_GREEK.get(n, n)} = {plain(float(v))}$" for n, v in shared.items()]
        title(figure, [*parts, "bars: 95 % intervals"])
    return figure


def _ends(
    ax: Axes, cells: pd.DataFrame, shared: dict[str, Any], labels: list[str], name: str
) -> None:
    fitted = cells[cells["status"] == FITTED]
    for i, dynamics in enumerate(labels):
        members = fitted[fitted["dynamics"] == dynamics]
        if len(members):
            logs = [np.array(v) for v in members[f"{name}_seeds"]]
            B = members["B"].tolist()
            geometric_means(ax, B, logs, i, dynamics, of=len(labels))
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    if expected is not None:
        ax.axvline(expected.B_star, linestyle="--", color="0.35", label="predicted $B^*$")
    ratio = shared["kappa"] / shared["T"]
    end = trusted_end(shared["chi"], shared["P"], shared["d"], 1, ratio)
    if end is not None:
        level = shared["T"] * getattr(end, name)
        ax.axhline(level, color="0.35", linewidth=1, label="predicted, noise-dominated")
    log_axes(ax, sorted(cells["B"].unique()))


def _courses(ax: Axes, runs: pd.DataFrame, shared: dict[str, Any], named: dict[str, str]) -> None:
    B = int(runs["B"].min())
    latest = 0.0
    for i, (label, dynamics) in enumerate(named.items()):
        chosen = runs[(runs["B"] == B) & (runs["dynamics"] == dynamics)].sort_values("seed")
        for _, run in chosen.iloc[:_COURSES].iterrows():
            t = np.array(run["checkpoint_t"])
            w = np.hypot(run["checkpoint_w1"], run["checkpoint_w_perp"])
            first = run["seed"] == chosen["seed"].iloc[0]
            look: dict[str, Any] = {"color": COLOURS[i % len(COLOURS)]}
            shown = f"{label}, $B = {B}$" if first else None
            ax.plot(t[1:], w[1:], _STYLES[i % 4], **look, linewidth=1.2, label=shown)
            ax.plot(t[-1], w[-1], "o", **look, markersize=4)
            latest = max(latest, float(t[-1]))
    if latest > 0.0:
        t = np.geomspace(B * shared["T"], latest, 100)
        names = ("chi", "d", "T", "kappa")
        flow = flow_to_show(t, B=B, **{n: shared[n] for n in names})
        if flow is not None:
            w = np.hypot(flow.w1, flow.w_perp)
            ax.plot(t, w, "-.", color="0.5", linewidth=2, zorder=0, label="fresh samples (theory)")
    log_axes(ax)
