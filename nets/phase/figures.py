"""Figures of the net planes."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from nets.phase.model import TRAINED
from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    in_lines,
    legend_below,
    plain,
    text,
    title,
)
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.figures.maps import draw_cells

_LABELS = {
    "test_error": r"$\log_{10}$ test error",
    "dw_rel": r"$\log_{10} \|w - w_0\| / \|w_0\|$",
    "t_star": r"$\log_{10} t^*$",
    "ntk_change": r"$\log_{10} \|K - K_0\| / \|K_0\|$ of the NTK",
}
_OUTLINED = [withStroke(linewidth=3.6, foreground="black")]


def figure_alpha_T(
    cells: pd.DataFrame, regimes: list[dict[str, Any]], observable: str, options: dict[str, Any]
) -> Figure:
    """Draw the observable and ||w - w_0|| / ||w_0|| of each net over alpha and T.

    Colour: linear interpolation in logarithms between measured cells, which are dots. White
    lines: measured end of the lazy regime (solid), the linearised net's (dashed); T_max in red,
    T_opt as circles with 95 % bars, and a line of the predicted slope k through them.

    Args:
        cells: as ``explore`` returns them.
        regimes: what was found for each net, at most three are drawn.
        observable: which column is drawn on the left.
        options: of the plane.
    """
    shown = regimes[:3]
    names = list(dict.fromkeys((observable, "dw_rel")))
    with rc_context(STYLE):
        figure = Figure(figsize=(1.0 + 4.9 * len(names), 1.4 + 3.5 * max(1, len(shown))))
        axes = figure.subplots(
            max(1, len(shown)), len(names), sharex=True, sharey=True, squeeze=False
        )
        trained = cells[cells["model"] == TRAINED]
        for column, name in enumerate(names):
            known = trained.loc[trained["status"] == FITTED, f"{name}_ln"].dropna() / math.log(10.0)
            low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
            image = None
            for ax, found in zip(axes[:, column], shown, strict=False):
                members = trained
                for key in ("depth", "width", "P", "B"):
                    members = members[members[key] == found[key]]
                limits = (low, max(high, low + 1e-6))
                image = draw_cells(ax, members, "alpha", "T", name, limits) or image
                _overlay(ax, found)
                k = found["k_of_T_opt"]
                net = {"L": "depth", "h": "width", "P": "P", "B": "B"}
                said = [f"${symbol} = {plain(found[key])}$" for symbol, key in net.items()]
                if k is not None:
                    said.append(rf"$T_{{opt}} \sim \alpha^{{{k['measured']:.2f}}}$")
                ax.set_title(in_lines(figure, said, 4.0), fontsize=TITLE_SIZE)
                if column == 0:
                    ax.set_ylabel("temperature $T$")
            axes[-1, column].set_xlabel(r"$\alpha = 1/\kappa$  (lazy to the right)")
            if image is not None:
                bar = figure.colorbar(image, ax=axes[:, column], shrink=0.9, pad=0.02)
                bar.set_label(_LABELS[name])
        legend_below(figure)
        said = [text(options["data"]), text(f"{options['arch']} {options['act']}")]
        title(figure, [*said, f"geometric means over {int(trained['n_seeds'].min())} seeds"])
    return figure


def _overlay(ax: Axes, found: dict[str, Any]) -> None:
    """Draw the boundaries; the limits of the panel stay."""
    limits = ax.get_xlim(), ax.get_ylim()
    rows = [row for row in found["rows"] if row["T_max"] is not None]
    if rows:
        ax.plot(
            [row["alpha"] for row in rows],
            [row["T_max"] for row in rows],
            "-",
            color=COLOURS[2],
            linewidth=2.0,
            path_effects=_OUTLINED,
            label=r"$T_{max}(\alpha)$",
        )
    for along, marker in (("T", "_"), ("alpha", "|")):
        points = [point for point in found["boundary"] if point["along"] == along]
        ax.plot(
            [point["alpha"] for point in points],
            [point["T"] for point in points],
            marker,
            color="white",
            markersize=8,
            markeredgewidth=2.0,
            path_effects=_OUTLINED,
            label=r"measured $\|w - w_0\| = 0.1 \, \|w_0\|$" if along == "T" else None,
        )
    if found["predicted_boundary"]:
        ax.plot(
            *zip(*found["predicted_boundary"], strict=True),
            "--",
            color="white",
            linewidth=1.6,
            path_effects=_OUTLINED,
            label="the same, linearised net",
        )
    best = [row for row in found["rows"] if row["T_opt"] is not None]
    if best:
        T = np.array([row["T_opt"] for row in best])
        bars = [[row[f"T_opt_ci_{end}"] for row in best] for end in ("low", "high")]
        ax.errorbar(
            [row["alpha"] for row in best],
            T,
            yerr=np.abs(np.array(bars) - T),
            fmt="o",
            color="black",
            markerfacecolor="white",
            markersize=4.5,
            capsize=2,
            linewidth=1,
            label=r"$T_{opt}(\alpha)$, 95 %",
        )
    _predicted_slope(ax, found, best)
    ax.set_xlim(limits[0])
    ax.set_ylim(limits[1])


def _predicted_slope(ax: Axes, found: dict[str, Any], best: list[dict[str, Any]]) -> None:
    """Draw alpha^k, k = (L-1)/(L+1), through the optima that the exponent was fitted to."""
    lazy = found["k_of_T_opt"]
    if lazy is None:
        return
    used = best[: lazy["n_points"]]
    alpha = np.array([row["alpha"] for row in used])
    logs = np.log([row["T_opt"] for row in used]) - found["k_predicted"] * np.log(alpha)
    ax.plot(
        alpha,
        np.exp(logs.mean()) * alpha ** found["k_predicted"],
        ":",
        color="black",
        linewidth=2.0,
        label=r"$\alpha^k$, $k = (L-1)/(L+1)$",
    )
