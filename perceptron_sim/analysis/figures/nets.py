"""Figures of a scan of nets: ||w - w_0||/||w_0|| and t* against T for each P, and against P."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.exponents import ExponentRow, size_of
from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    geometric_means,
    legend_above,
    legend_below,
    listed,
    log_axes,
    means_over,
    plain,
    text,
    thinned,
    title,
)
from perceptron_sim.status import Status

_QUANTITIES = {
    ("dw", "T"): ("delta", r"\delta"),
    ("t_star", "T"): ("t_star_on_T", r"\mathrm{slope}"),
    ("dw", "P"): ("gamma", r"\gamma"),
    ("t_star", "P"): ("b", "b"),
}


def figure_scan(
    frame: pd.DataFrame,
    rows: Sequence[ExponentRow],
    on: str,
    lazy: pd.DataFrame | None = None,
) -> Figure:
    """Draw ||w - w_0||/||w_0|| (||w|| for nets started at 0) and t* against ``on``, "T" or "P".

    Points are geometric means over seeds (and whatever else differs in ``frame``), bars 95 %
    intervals of the mean; the exponents of ``rows`` stand above the panels. A dashed line
    through each series has slope 1 on T and the fitted slope on P; with ``lazy``, the runs of the
    same nets linearised, a line through their means stands in its place.
    """
    series = "P" if on == "T" else "T"
    fitted = frame[frame["status"] == Status.FITTED]
    relative = size_of(frame)
    label = r"\|w\|" if relative == "dw" else r"\|w - w_0\| / \|w_0\|"
    with rc_context(STYLE):
        figure = Figure(figsize=(9.4, 4.8))
        axes = figure.subplots(1, 2)
        for ax, name, symbol in ((axes[0], relative, label), (axes[1], "t_star", "t^*")):
            quantity, greek = _QUANTITIES[name[:2] if name != "t_star" else name, on]
            found = [row for row in rows if row.quantity == quantity]
            # On T the law is known; on P the line is what was fitted, if that is one exponent.
            fit = found[0].measured if len(found) == 1 else None
            slope, line = (1.0, "slope 1") if on == "T" else (fit, "fitted power law")
            _panel(ax, fitted, name, on, series, None if lazy is not None else slope, line)
            if lazy is not None:
                _linearised(ax, lazy[lazy["status"] == Status.FITTED], fitted, name, on, series)
            if len(fitted):
                log_axes(ax, sorted(fitted[on].unique()))
            ax.set_xlabel(r"temperature $T$" if on == "T" else r"training-set size $P$")
            ax.set_ylabel(f"${symbol}$")
            ax.set_title("\n".join(_said(row, greek) for row in found[:3]), fontsize=TITLE_SIZE)
        legend_below(figure)
        title(figure, _headline(frame))
        return figure


def _panel(
    ax: Axes,
    runs: pd.DataFrame,
    name: str,
    on: str,
    series: str,
    slope: float | None,
    line: str,
) -> None:
    if not len(runs):
        ax.text(0.5, 0.5, "no fitted run", ha="center", transform=ax.transAxes)
    shown = thinned(sorted(runs[series].unique()))
    for i, value in enumerate(shown):
        members = runs[runs[series] == value]
        points = list(members.groupby(on))
        x = np.array([float(str(abscissa)) for abscissa, _ in points])
        logs = [np.log(at_point[name].to_numpy(dtype=np.float64)) for _, at_point in points]
        geometric_means(
            ax, x.tolist(), logs, i, f"${series} = {plain(float(value))}$", of=len(shown)
        )
        if slope is not None and len(x) > 1:
            mean = np.array([values.mean() for values in logs])
            level = math.exp(float(np.mean(mean - slope * np.log(x))))
            ends = np.array([x.min(), x.max()])
            drawn = level * ends**slope
            ax.plot(ends, drawn, "--", color="0.5", linewidth=0.9, label=line if i == 0 else None)


def _linearised(
    ax: Axes, lazy: pd.DataFrame, runs: pd.DataFrame, name: str, on: str, series: str
) -> None:
    """Draw the means of linearised runs through the points of ``runs``, in their colours."""
    for i, value in enumerate(thinned(sorted(runs[series].unique()))):
        members = lazy[lazy[series] == value]
        mean = np.log(members[name]).groupby(members[on]).mean()
        ax.plot(
            mean.index.to_numpy(),
            np.exp(mean.to_numpy()),
            "-",
            color=COLOURS[i % len(COLOURS)],
            linewidth=0.9,
            zorder=1,
            label="linearised" if i == 0 else None,
        )


def _said(row: ExponentRow, greek: str) -> str:
    low, high = ("?" if end is None else f"{end:.3f}" for end in (row.ci_low, row.ci_high))
    return f"measured ${greek} = {row.measured:.3f}$ [{low}, {high}]"


def _headline(frame: pd.DataFrame) -> list[str]:
    lazy = (frame["model"] == "lazy").all()
    parts = [r"nets linearised at $w_0$"] if lazy else []
    for name in ("data", "arch", "depth", "width", "act", "B", "alpha"):
        values = sorted(frame[name].dropna().unique())
        words = values and isinstance(values[0], str)
        shown = ", ".join(map(text, values)) if words else f"${listed(values)}$"
        parts.append(f"{name} {shown}")
    return [*parts, *means_over(frame["seed"].nunique())]


def figure_course(run: pd.Series) -> Figure:
    """Draw the course of one run against t: ||w - w_0||, unfitted fraction and loss, probe.

    Args:
        run: a row of the store with checkpoints.
    """
    steps = np.asarray(run["checkpoint_step"])
    started = steps > 0
    t = np.asarray(run["checkpoint_t"], dtype=np.float64)[started]
    column = {
        name: np.asarray(run[f"checkpoint_{name}"], dtype=np.float64)[started]
        for name in ("dw", "unfitted", "train_loss", "noise_trace", "ntk_change")
    }
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.4))
        weights, training, probe = figure.subplots(1, 3)
        label = rf"all layers; $\|w_0\| = {run['w0_norm']:.4g}$"
        weights.plot(t, column["dw"], "o-", color=COLOURS[1], markersize=3, label=label)
        weights.set_ylabel(r"$\|w - w_0\|$")
        for ax, i, name, label in (
            (training, 0, "unfitted", r"unfitted fraction, $y (f - f_0) < \kappa$"),
            (training, 2, "train_loss", r"loss $/\,\kappa$ (1 at $t = 0$)"),
            (probe, 3, "noise_trace", r"gradient noise $\mathrm{tr}\,C$ / start"),
            (probe, 4, "ntk_change", r"$\|K - K_0\| / \|K_0\|$ of the NTK"),
        ):
            scale = {"train_loss": run["kappa"], "noise_trace": run["noise_trace"]}.get(name, 1.0)
            some = column[name] > 0
            ax.plot(
                t[some],
                column[name][some] / scale,
                "os"[i % 2] + "-",
                color=COLOURS[i],
                markersize=3,
                label=label,
            )
        training.set_ylabel("training set (0 from $t^*$ on)")
        probe.set_ylabel("probe of up to 64 training samples")
        for ax in (weights, training, probe):
            log_axes(ax)
            ax.set_xlabel(r"time $t = \eta \times$ steps")
            if run["status"] == Status.FITTED:
                ax.axvline(run["t_star"], color="0.5", linestyle=":", linewidth=1, label="$t^*$")
            legend_above(ax, columns=1)
        names = {"L": "depth", "h": "width", "P": "P", "B": "B", "T": "T", r"\alpha": "alpha"}
        said = [f"${symbol} = {plain(float(run[name]))}$" for symbol, name in names.items()]
        done = f"seed {run['seed']}: {run['status']} after {run['steps']:,} steps"
        title(figure, [text(run["data"]), text(f"{run['arch']} {run['act']}"), *said, done])
    return figure
