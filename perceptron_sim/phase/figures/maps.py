"""Heat maps of a plane with contours, boundaries and the cells that have no value."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.interpolate import LinearNDInterpolator

from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.panels import Chart, Field, Note, Panel, Series, equations, thinned
from perceptron_sim.phase.cells import DIVERGED, FITTED, OVER_BUDGET, UNFITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import predicted

_AXES = {
    "B": "batch size B",
    "eta": "learning rate eta",
    "T": "temperature T",
    "kappa": "margin kappa",
}
_SYMBOLS = {
    "w_norm": "||w||",
    "t_star": "t*",
    "test_error": "test error",
    "dw": "||w - w_0||",
    "dw_rel": "||w - w_0|| / ||w_0||",
    "alignment": "signal / noise",
}
_MARKS = {
    UNFITTED: ("s", "not fitted"),
    OVER_BUDGET: ("x", "over budget"),
    DIVERGED: ("^", "diverged"),
}
_FINE = 240
_PANELS = 6
Limits = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Mapped:
    """One map of a figure.

    Attributes:
        shared: what its cells have in common, by their columns; kappa among it.
        fit: the law fitted there.
        expected: predicted (T_c/kappa, B*), first the prediction, then the ends of its range.
        title: of its panel.
    """

    shared: dict[str, Any]
    fit: LawFit | None
    expected: Sequence[tuple[float, float | None]]
    title: str

    @property
    def T_of_eta(self) -> float:
        """T B / eta: 1, of nets 1/h."""
        return 1.0 / float(self.shared.get("width", 1))


def of_perceptrons(fits: Sequence[tuple[dict[str, Any], LawFit | None]]) -> list[Mapped]:
    """Return the maps of perceptrons, each with its law and what is predicted there."""
    found = []
    for shared, fit in fits:
        at = predicted(shared["chi"], shared["P"], shared["d"])
        expected = [] if at is None else [(at.T_c_over_kappa, at.B_star)]
        found.append(Mapped(shared, fit, expected, ",  ".join(equations(shared))))
    return found


def figure_maps(
    cells: pd.DataFrame, x: str, y: str, observable: str, fits: Sequence[Mapped]
) -> Chart:
    """Chart a map for each entry of ``fits``, at most six: an observable over two log axes.

    Colour and contours: linear interpolation in logarithms between the measured cells, which are
    dots; contours are a factor 10 apart. Solid: fitted boundaries; dashed: predicted ones; dotted:
    the range of the prediction.

    Args:
        cells: as ``explore`` returns them.
        x, y: columns of the axes: "B" and "eta", or "T" and "kappa".
        observable: which column is drawn.
        fits: the maps, each with the law fitted there.
    """
    chosen = thinned(fits, _PANELS)
    limits = colour_limits(cells, observable)
    label = f"log₁₀ {_SYMBOLS[observable]} at the end of training"
    panels = []
    for each in chosen:
        members = cells
        for name, value in each.shared.items():
            members = members[members[name] == value]
        ends = _ends(members, x), _ends(members, y)
        fields, series = map_of(members, x, y, observable, limits, label)
        boundaries, notes = _boundaries(each, x, ends)
        panels.append(
            Panel(
                each.title,
                _AXES[x],
                _AXES[y],
                [*series, *boundaries],
                x_limits=ends[0],
                y_limits=ends[1],
                notes=notes,
                fields=fields,
            )
        )
    columns = 2 if len(panels) == 4 else min(3, max(1, len(panels)))
    rows = [panels[i : i + columns] for i in range(0, len(panels), columns)]
    # Space for the colours next to the last column.
    width = 3.6 + 1.4 / columns
    return Chart(rows, share="xy" if len(panels) > 1 else "", width=width, height=2.9)


def colour_limits(cells: pd.DataFrame, observable: str) -> Limits:
    """Return log10 of the least and the largest value of an observable."""
    known = cells.loc[cells["status"] == FITTED, f"{observable}_ln"].dropna() / math.log(10.0)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    return low, max(high, low + 1e-6)


def map_of(
    cells: pd.DataFrame, x: str, y: str, observable: str, limits: Limits, label: str
) -> tuple[list[Field], list[Series]]:
    """Return the colours of one map, none if there is nothing to interpolate, and its cells.

    Args:
        cells: of one map, as ``explore`` returns them.
        x, y: columns of the axes.
        observable: which column is drawn.
        limits: log10 of the observable at the ends of the colours.
        label: next to the colours.
    """
    fitted = cells[cells["status"] == FITTED]
    points = np.log10(fitted[[x, y]].to_numpy(dtype=np.float64))
    values = fitted[f"{observable}_ln"].to_numpy(dtype=np.float64) / math.log(10.0)
    fields = []
    if len(points) >= 4 and all(np.ptp(points[:, k]) > 0.0 for k in (0, 1)):
        fine = [np.linspace(points[:, k].min(), points[:, k].max(), _FINE) for k in (0, 1)]
        grid = LinearNDInterpolator(points, values)(*np.meshgrid(*fine))
        levels = np.arange(math.floor(limits[0]), math.ceil(limits[1]) + 1)
        at = 10.0 ** fine[0], 10.0 ** fine[1]
        fields = [Field(*at, grid, limits=limits, label=label, levels=levels)]
    dots = fitted[x].to_numpy(), fitted[y].to_numpy()
    series = [Series("measured cell", *dots, colour=0, marker=".", size=2.0)]
    for how, (marker, label_) in _MARKS.items():
        some = cells[cells["status"] == how]
        if len(some):
            at = some[x].to_numpy(), some[y].to_numpy()
            series.append(Series(label_, *at, colour=2, marker=marker, size=4.0))
    return fields, series


def _ends(cells: pd.DataFrame, name: str) -> Limits:
    return float(cells[name].min()) / 1.3, float(cells[name].max()) * 1.3


def _boundaries(
    mapped: Mapped, x: str, ends: tuple[Limits, Limits]
) -> tuple[list[Series], list[Note]]:
    """Return the fitted and the predicted boundaries, and the names of what they part."""
    fit = mapped.fit
    lines: list[tuple[float, float | None, dict[str, Any]]] = []
    if fit is not None:
        style = {"label": "fitted boundary", "dash": "-", "colour": "white", "width": 2.4}
        B_star = None if fit.B_star is None else fit.B_star.value
        lines.append((fit.tau_c.value, B_star, style | {"outlined": True}))
    for i, (tau_c, B_star) in enumerate(mapped.expected):
        style = {"label": "predicted boundary", "dash": "--", "colour": 0, "width": 1.2}
        if i:
            style |= {"label": "range of the prediction", "dash": ":"}
        lines.append((tau_c, B_star, style))
    series = [
        Series(x=at[0], y=at[1], line=True, **style)
        for tau_c, B_star, style in lines
        for at in _segments(mapped, tau_c, B_star, x, ends)
    ]
    return series, list(_names(mapped, *lines[0][:2], x, ends)) if lines else []


def _segments(
    mapped: Mapped, tau_c: float, B_star: float | None, x: str, ends: tuple[Limits, Limits]
) -> list[tuple[FloatArray, FloatArray]]:
    """Return the boundaries as pairs of ends: T = T_c, B = B* and eta = T_c B* (h for nets)."""
    (x0, x1), (y0, y1) = ends
    if x == "T":
        at = np.array([max(x0, tau_c * y0), min(x1, tau_c * y1)])
        return [(at, at / tau_c)]
    assert B_star is not None
    T_c = tau_c * mapped.shared["kappa"] / mapped.T_of_eta
    corner = T_c * B_star
    cold = np.array([max(x0, y0 / T_c), min(B_star, x1)])
    return [
        (cold, T_c * cold),
        (np.array([B_star, B_star]), np.array([max(corner, y0), y1])),
        (np.array([B_star, x1]), np.array([corner, corner])),
    ]


def _names(
    mapped: Mapped, tau_c: float, B_star: float | None, x: str, ends: tuple[Limits, Limits]
) -> Iterator[Note]:
    """Yield the names of the phases where there is space."""
    (x0, x1), (y0, y1) = ends
    if x == "T":
        y = y1 / 6.0
        left = math.sqrt(max(x0, tau_c * y / 64.0) * tau_c * y)
        yield Note("gradient\ndescent", left, y)
        yield Note("noise", 0.96, 0.07, inside=True, right=True)
        return
    assert B_star is not None
    corner = tau_c * mapped.shared["kappa"] / mapped.T_of_eta * B_star
    corner = min(max(corner, y0 * 2), y1 / 2)
    right = min(max(B_star, x0 * 2), x1)
    for at, name in (
        ((math.sqrt(x0 * right), math.sqrt(corner * y1)), "noise"),
        ((math.sqrt(right * x1), math.sqrt(corner * y1)), "first step"),
        ((math.sqrt(right * x1), math.sqrt(corner * y0)), "gradient\ndescent"),
    ):
        if x0 * 1.2 < at[0] < x1 / 1.2:
            yield Note(name, *at)
