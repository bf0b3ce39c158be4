"""Heat maps of a plane with contours, boundaries and the cells that have no value."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from scipy.interpolate import LinearNDInterpolator

from perceptron_sim.analysis.figures.style import (
    STYLE,
    TITLE_SIZE,
    in_lines,
    legend_below,
    log_ticks,
    plain,
)
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.cells import DIVERGED, FITTED, OVER_BUDGET, UNFITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import predicted

_SYMBOLS = {
    "B": "batch size $B$",
    "eta": r"learning rate $\eta$",
    "T": "temperature $T$",
    "kappa": r"margin $\kappa$",
    "w_norm": r"\|w\|",
    "t_star": "t^*",
    "test_error": r"\mathrm{test\ error}",
}
_MARKS = {
    UNFITTED: ("s", "not fitted"),
    OVER_BUDGET: ("x", "over budget"),
    DIVERGED: ("^", "diverged"),
}
_FINE = 240
_PANELS = 6

Fits = Sequence[tuple[dict[str, Any], LawFit | None]]


def figure_maps(cells: pd.DataFrame, x: str, y: str, observable: str, fits: Fits) -> Figure:
    """Draw a map for each entry of ``fits``, at most six: an observable over two log axes.

    Colour and contours: linear interpolation in logarithms between the measured cells, which are
    dots; contours are a factor 10 apart. Solid: fitted boundaries; dashed: predicted ones.

    Args:
        cells: as ``explore`` returns them.
        x, y: columns of the axes: "B" and "eta", or "T" and "kappa".
        observable: which column is drawn.
        fits: the parameters of each map with the law fitted there.
    """
    chosen = [fits[i] for i in _spread(len(fits))]
    known = cells.loc[cells["status"] == FITTED, f"{observable}_ln"] / math.log(10.0)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    columns = 2 if len(chosen) == 4 else min(3, max(1, len(chosen)))
    rows = max(1, -(-len(chosen) // columns))
    with rc_context(STYLE):
        figure = Figure(figsize=(1.6 + 3.5 * columns, 1.3 + 3.1 * rows))
        axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        image = None
        for ax, (shared, fit) in zip(axes.flat, chosen, strict=False):
            members = cells
            for name, value in shared.items():
                members = members[members[name] == value]
            image = draw_cells(ax, members, x, y, observable, (low, max(high, low + 1e-6))) or image
            _boundaries(ax, shared, fit, x, y)
            said = [f"${_short(n)} = {plain(float(v))}$" for n, v in shared.items()]
            ax.set_title(in_lines(figure, said, 3.0, ", "), fontsize=TITLE_SIZE)
        for ax in axes[-1]:
            ax.set_xlabel(_SYMBOLS[x])
        for ax in axes[:, 0]:
            ax.set_ylabel(_SYMBOLS[y])
        for ax in axes.flat[len(chosen) :]:
            ax.set_visible(False)
        if image is not None:
            bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.02)
            bar.set_label(rf"$\log_{{10}} {_SYMBOLS[observable]}$ at the end of training")
        legend_below(figure)
    return figure


def draw_cells(
    ax: Axes, cells: pd.DataFrame, x: str, y: str, observable: str, limits: tuple[float, float]
) -> Any:
    """Draw the cells of one map; return the image, or None if there is nothing to interpolate.

    Args:
        ax: where; becomes logarithmic.
        cells: of one map, as ``explore`` returns them.
        x, y: columns of the axes.
        observable: which column is drawn.
        limits: log10 of the observable at the ends of the colours.
    """
    ax.set(xscale="log", yscale="log")
    ax.grid(False)
    fitted = cells[cells["status"] == FITTED]
    points = np.log10(fitted[[x, y]].to_numpy(dtype=np.float64))
    values = fitted[f"{observable}_ln"].to_numpy(dtype=np.float64) / math.log(10.0)
    image = None
    if len(points) >= 4 and all(np.ptp(points[:, k]) > 0.0 for k in (0, 1)):
        fine = [np.linspace(points[:, k].min(), points[:, k].max(), _FINE) for k in (0, 1)]
        grid = LinearNDInterpolator(points, values)(*np.meshgrid(*fine))
        at = 10.0 ** fine[0], 10.0 ** fine[1]
        image = ax.pcolormesh(
            *at, grid, cmap="cividis", vmin=limits[0], vmax=limits[1], rasterized=True
        )
        levels = np.arange(math.floor(limits[0]), math.ceil(limits[1]) + 1)
        inside = levels[(levels > np.nanmin(grid)) & (levels < np.nanmax(grid))]
        if len(inside):
            ax.contour(*at, grid, levels=inside, colors="white", linewidths=0.7, linestyles=":")
    ax.plot(fitted[x], fitted[y], ".", color="black", markersize=2.0, label="measured cell")
    for how, (marker, label) in _MARKS.items():
        some = cells[cells["status"] == how]
        if len(some):
            ax.plot(
                some[x],
                some[y],
                marker,
                color="#D55E00",
                markersize=4,
                markerfacecolor="none",
                linestyle="none",
                label=label,
            )
    for axis_of, limit in ((x, ax.set_xlim), (y, ax.set_ylim)):
        low, high = float(cells[axis_of].min()), float(cells[axis_of].max())
        limit(low / 1.3, high * 1.3)
    for axis in (ax.xaxis, ax.yaxis):
        log_ticks(axis)
    return image


def _boundaries(ax: Axes, shared: dict[str, Any], fit: LawFit | None, x: str, y: str) -> None:
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    lines: list[tuple[float, float | None, str, str]] = []
    if fit is not None:
        B_star = None if fit.B_star is None else fit.B_star.value
        lines.append((fit.tau_c.value, B_star, "-", "fitted boundary"))
    if expected is not None:
        lines.append((expected.T_c_over_kappa, expected.B_star, "--", "predicted boundary"))
    for tau_c, B_star, style, label in lines:
        first = True
        for ends in _segments(ax, shared, tau_c, B_star, x):
            fitted = style == "-"
            ax.plot(
                *ends,
                style,
                color="white" if fitted else "black",
                linewidth=2.4 if fitted else 1.2,
                zorder=3,
                path_effects=[withStroke(linewidth=4.0, foreground="black")] if fitted else None,
                label=label if first else None,
            )
            first = False
    if lines:
        _names(ax, shared, *lines[0][:2], x)


def _segments(
    ax: Axes, shared: dict[str, Any], tau_c: float, B_star: float | None, x: str
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the boundaries as pairs of ends: T = T_c, B = B* and eta = T_c B*."""
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    if x == "T":
        ends = np.array([max(x0, tau_c * y0), min(x1, tau_c * y1)])
        return [(ends, ends / tau_c)]
    assert B_star is not None
    T_c = tau_c * shared["kappa"]
    corner = T_c * B_star
    cold = np.array([max(x0, y0 / T_c), min(B_star, x1)])
    return [
        (cold, T_c * cold),
        (np.array([B_star, B_star]), np.array([max(corner, y0), y1])),
        (np.array([B_star, x1]), np.array([corner, corner])),
    ]


def _names(ax: Axes, shared: dict[str, Any], tau_c: float, B_star: float | None, x: str) -> None:
    """Write the names of the phases where there is room."""
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.5}
    # A map of few cells may lie beside its boundaries: names off the panel take no room.
    hidden: dict[str, Any] = {"in_layout": False, "clip_on": True}
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    if x == "T":
        y = y1 / 6.0
        left = math.sqrt(max(x0, tau_c * y / 64.0) * tau_c * y)
        ax.text(left, y, "gradient\ndescent", ha="center", bbox=box, fontsize=7, **hidden)
        ax.text(
            0.96, 0.07, "noise", transform=ax.transAxes, ha="right", bbox=box, fontsize=7, **hidden
        )
        return
    assert B_star is not None
    corner = min(max(tau_c * shared["kappa"] * B_star, y0 * 2), y1 / 2)
    right = min(max(B_star, x0 * 2), x1)
    for at, name in (
        ((math.sqrt(x0 * right), math.sqrt(corner * y1)), "noise"),
        ((math.sqrt(right * x1), math.sqrt(corner * y1)), "first step"),
        ((math.sqrt(right * x1), math.sqrt(corner * y0)), "gradient\ndescent"),
    ):
        if x0 * 1.2 < at[0] < x1 / 1.2:
            ax.text(*at, name, ha="center", va="center", bbox=box, fontsize=7, zorder=4, **hidden)


def _short(name: str) -> str:
    return {"chi": r"\chi", "kappa": r"\kappa"}.get(name, name)


def _spread(n: int) -> list[int]:
    """Return at most six indices of n, ends included."""
    if n <= _PANELS:
        return list(range(n))
    return sorted({round(i * (n - 1) / (_PANELS - 1)) for i in range(_PANELS)})
