"""Figures of the net planes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.model import TRAINED
from perceptron_sim.drawing.panels import Chart, Panel, Series, equations
from perceptron_sim.names import shortened
from perceptron_sim.phase.figures.maps import colour_limits, map_of

_LABELS = {
    "test_error": "log₁₀ test error",
    "dw_rel": "log₁₀ ||w - w_0|| / ||w_0||",
    "t_star": "log₁₀ t*",
    "ntk_change": "log₁₀ ||K - K_0|| / ||K_0|| of the NTK",
}
_NET = {"L": "depth", "h": "width", "P": "P", "B": "B"}


def figure_alpha_T(
    cells: pd.DataFrame, regimes: list[dict[str, Any]], observable: str, options: dict[str, Any]
) -> Chart:
    """Chart the observable and ||w - w_0|| / ||w_0|| of each net over alpha and T.

    Colour: linear interpolation in logarithms between measured cells, which are dots. White
    lines: measured end of the lazy regime (solid), the linearised net's (dashed); T_max in red,
    T_opt as circles with 95 % bars, and a line of the predicted slope k through them.

    Args:
        cells: as ``explore`` returns them.
        regimes: what was found for each net, at most three are drawn.
        observable: which column is drawn on the left.
        options: of the plane.
    """
    names = list(dict.fromkeys((observable, "dw_rel")))
    trained = cells[cells["model"] == TRAINED]
    limits = {name: colour_limits(trained, name) for name in names}
    rows = [[_panel(trained, found, n, limits[n]) for n in names] for found in regimes[:3]]
    title = [shortened(options["data"], 40), shortened(f"{options['arch']} {options['act']}", 40)]
    title.append(f"geometric means over {int(trained['n_seeds'].min())} seeds")
    return Chart(rows, title, share="xy", width=4.9, height=3.1)


def _panel(
    trained: pd.DataFrame, found: dict[str, Any], name: str, limits: tuple[float, float]
) -> Panel:
    for key in _NET.values():
        trained = trained[trained[key] == found[key]]
    fields, series = map_of(trained, "alpha", "T", name, limits, _LABELS[name])
    said = equations({symbol: found[key] for symbol, key in _NET.items()})
    k = found["k_of_T_opt"]
    if k is not None:
        said.append(f"T_opt ∝ alpha^{k['measured']:.2f}")
    ends = [(float(trained[n].min()) / 1.3, float(trained[n].max()) * 1.3) for n in ("alpha", "T")]
    return Panel(
        ",  ".join(said),
        "alpha = 1/kappa  (lazy to the right)",
        "temperature T",
        [*series, *_overlay(found)],
        x_limits=ends[0],
        y_limits=ends[1],
        fields=fields,
    )


def _overlay(found: dict[str, Any]) -> Iterator[Series]:
    """Yield the boundaries."""
    rows = [row for row in found["rows"] if row["T_max"] is not None]
    if rows:
        at = [row["alpha"] for row in rows], [row["T_max"] for row in rows]
        yield Series("T_max(alpha)", *at, line=True, dash="-", colour=2, width=2.0, outlined=True)
    for along, marker in (("T", "_"), ("alpha", "|")):
        points = [point for point in found["boundary"] if point["along"] == along]
        at = [point["alpha"] for point in points], [point["T"] for point in points]
        label = "measured ||w - w_0|| = 0.1 ||w_0||" if along == "T" else ""
        yield Series(label, *at, colour="white", marker=marker, size=8.0, width=2.0, outlined=True)
    if found["predicted_boundary"]:
        a, T = zip(*found["predicted_boundary"], strict=True)
        style: Any = {"line": True, "dash": "--", "colour": "white", "width": 1.6}
        yield Series("the same, linearised net", a, T, outlined=True, **style)
    best = [row for row in found["rows"] if row["T_opt"] is not None]
    if best:
        names = ("alpha", "T_opt", "T_opt_ci_low", "T_opt_ci_high")
        x, y, low, high = ([row[name] for row in best] for name in names)
        yield Series("T_opt(alpha), 95 %", x, y, low, high, colour=0, marker=1, width=1.0)
    lazy = found["k_of_T_opt"]
    if lazy is not None:
        # alpha^k, k = (D-1)/(D+1), through the optima that the exponent was fitted to.
        used = best[: lazy["n_points"]]
        alpha = np.array([row["alpha"] for row in used])
        logs = np.log([row["T_opt"] for row in used]) - found["k_predicted"] * np.log(alpha)
        y = np.exp(logs.mean()) * alpha ** found["k_predicted"]
        label = "alpha^k, k = (D-1)/(D+1)"
        yield Series(label, alpha, y, line=True, dash=":", colour=0, width=2.0)
