"""Figures of a scan of nets: ||w - w_0||/||w_0|| and t* against T for each P, and against P."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nets.exponents import NetExponentRow
from nets.training.result import FITTED
from perceptron_sim.experiments.figures.style import (
    COLOURS,
    MARKERS,
    STYLE,
    log_axes,
    plain,
    thinned,
)

_QUANTITIES = {
    ("dw", "T"): ("delta", r"\delta"),
    ("t_star", "T"): ("t_star_on_T", r"\mathrm{slope}"),
    ("dw", "P"): ("gamma", r"\gamma"),
    ("t_star", "P"): ("b", "b"),
}


def figure_scan(frame: pd.DataFrame, rows: Sequence[NetExponentRow], on: str) -> Figure:
    """Draw ||w - w_0||/||w_0|| (||w|| for nets started at 0) and t* against ``on``, "T" or "P".

    Points are geometric means over seeds (and whatever else differs in ``frame``), bars 95 %
    intervals of the mean; the exponents of ``rows`` stand above the panels. On T a dashed line
    of slope 1 goes through each series.
    """
    series = "P" if on == "T" else "T"
    fitted = frame[frame["status"] == FITTED]
    relative = "dw" if fitted["dw_rel"].isna().any() else "dw_rel"
    label = r"\|w\|" if relative == "dw" else r"\|w - w_0\| / \|w_0\|"
    with rc_context(STYLE):
        figure = Figure(figsize=(8.6, 4.2))
        axes = figure.subplots(1, 2)
        for ax, name, symbol in ((axes[0], relative, label), (axes[1], "t_star", "t^*")):
            _panel(ax, fitted, name, on, series)
            if len(fitted):
                log_axes(ax)
            ax.set_xlabel(r"temperature $T$" if on == "T" else r"training-set size $P$")
            ax.set_ylabel(f"${symbol}$")
            quantity, greek = _QUANTITIES[name[:2] if name != "t_star" else name, on]
            found = [row for row in rows if row.quantity == quantity]
            ax.set_title(
                "\n".join(
                    f"measured ${greek} = {r.measured:.3f}$ [{r.ci_low:.3f}, {r.ci_high:.3f}]"
                    for r in found[:3]
                ),
                fontsize=9,
            )
        if len(fitted):
            axes[0].legend(loc="best")
        figure.suptitle(_headline(frame), fontsize=9)
        return figure


def _panel(ax: Axes, runs: pd.DataFrame, name: str, on: str, series: str) -> None:
    if not len(runs):
        ax.text(0.5, 0.5, "no fitted run", ha="center", transform=ax.transAxes)
    for i, value in enumerate(thinned(sorted(runs[series].unique()))):
        members = runs[runs[series] == value]
        x, mean, half = [], [], []
        for abscissa, at_point in members.groupby(on):
            logs = np.log(at_point[name].to_numpy(dtype=np.float64))
            x.append(float(str(abscissa)))
            mean.append(float(logs.mean()))
            spread = float(logs.std(ddof=1)) if len(logs) > 1 else 0.0
            half.append(1.96 * spread / math.sqrt(len(logs)))
        centre = np.exp(mean)
        bars = np.array([centre * (1 - np.exp(np.negative(half))), centre * np.expm1(half)])
        text = f"${series} = {plain(float(value))}$"
        ax.errorbar(
            x,
            centre,
            yerr=bars,
            linestyle="none",
            marker=MARKERS[i % len(MARKERS)],
            color=COLOURS[i % len(COLOURS)],
            markersize=4.5,
            capsize=2,
            label=text,
        )
        if on == "T" and len(x) > 1:
            ends = np.array([min(x), max(x)])
            level = math.exp(float(np.mean(np.subtract(mean, np.log(x)))))
            dashed = "slope 1" if i == 0 else None
            ax.plot(ends, level * ends, "--", color="0.5", linewidth=0.9, label=dashed)


def _headline(frame: pd.DataFrame) -> str:
    parts = []
    for name in ("data", "arch", "depth", "width", "act", "B", "alpha"):
        values = sorted(frame[name].dropna().unique())
        shown = ", ".join(f"${plain(v)}$" if not isinstance(v, str) else v for v in values)
        parts.append(f"{name} {shown}")
    return ",  ".join(parts) + f";  geometric means over {frame['seed'].nunique()} seeds"
