"""Figures of a scan: t* and the size of the weights against P and against T."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import ExponentRow, size_of
from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.panels import (
    Chart,
    Note,
    Panel,
    Series,
    geometric_means,
    listed,
    means_over,
    thinned,
)
from perceptron_sim.names import number_text, shortened
from perceptron_sim.status import Status
from perceptron_sim.theory import exponents
from perceptron_sim.theory.prediction import trusted_ends

_CURVE_POINTS = 13
_LABELS = {"P": "training-set size P", "T": "temperature T"}
_QUANTITIES = {
    ("w_norm", "P"): ("gamma", "gamma"),
    ("t_star", "P"): ("b", "b"),
    ("w_norm", "T"): ("delta", "delta"),
    ("t_star", "T"): ("t_star_on_T", "slope"),
}


def figure_on_P(frame: pd.DataFrame, rows: Sequence[ExponentRow]) -> Chart:
    """Chart t*/T and ||w||/T against P, a column for each chi, with both predictions.

    Points are geometric means over seeds (and d, B, kappa if several are in ``frame``), bars
    95 % intervals of the mean; the fitted exponents of ``rows`` stand in the titles.
    """
    return _chart(frame, rows, "P")


def figure_on_T(frame: pd.DataFrame, rows: Sequence[ExponentRow]) -> Chart:
    """Chart t* and ||w|| against T, a column for each chi, with slope 1 through the data."""
    return _chart(frame, rows, "T")


def _chart(frame: pd.DataFrame, rows: Sequence[ExponentRow], on: str) -> Chart:
    fitted = frame[frame["status"] == Status.FITTED]
    chis = sorted(fitted["chi"].unique())
    panels = [[panel(fitted, rows, name, on, chi) for chi in chis] for name in ("t_star", "w_norm")]
    title = ["perceptron, SGD until every sample is fitted"]
    title += [f"{name} = {listed(frame[name].unique())}" for name in ("d", "B", "kappa")]
    title += means_over(frame["seed"].nunique())
    nothing = Panel("", _LABELS[on], "", [], False, False, notes=[NO_RUN])
    return Chart(panels if chis else [[nothing]], title, share="x", width=3.6)


NO_RUN = Note("no fitted run", 0.5, 0.5, inside=True)


def panel(
    fitted: pd.DataFrame, rows: Sequence[ExponentRow], name: str, on: str, chi: float
) -> Panel:
    """Return one panel of perceptrons.

    Args:
        fitted: fitted runs.
        rows: exponents, of which those of this panel stand in its title.
        name: "t_star" or "w_norm".
        on: "P" (then the ordinate is divided by T) or "T".
        chi: of the runs.
    """
    runs = fitted.loc[fitted["chi"] == chi, ["chi", "d", "B", "kappa", "P", "T", name]]
    runs = runs.assign(y=runs[name] / runs["T"] if on == "P" else runs[name])
    theory = exponents(float(chi))
    if on == "P":
        slope = theory.b if name == "t_star" else theory.gamma
        label = "asymptotic, t* ∝ P^(1+2/(1+chi)), ||w|| ∝ P^(1/(1+chi))"
        law = f"asymptotic {slope:.3g}"
    else:
        slope, label, law = 1.0, "asymptotic, ∝ T", "asymptotic 1"
    by = "T" if on == "P" else "P"
    series = list(_means(runs, "y", on, by))
    series += _guides(runs, on, by, slope, label)
    series += _predictions(runs, name, on, by)
    lines = [f"chi = {chi:g}"] * (name == "t_star")
    lines += [f"{line},  {law}" for line in _measured(rows, name, on, float(chi))]
    symbol = ("t*" if name == "t_star" else "||w||") + (" / T" if on == "P" else "")
    ticks = sorted(runs[on].unique())
    return Panel("\n".join(lines), _LABELS[on], symbol, series, x_ticks=ticks)


def _members(runs: pd.DataFrame, by: str) -> Iterator[tuple[int, float, pd.DataFrame]]:
    """Yield the number, the value and the runs of each series that is shown."""
    for i, value in enumerate(thinned(sorted(runs[by].unique()))):
        yield i, float(value), runs[runs[by] == value]


def _means(runs: pd.DataFrame, y: str, on: str, by: str) -> Iterator[Series]:
    for i, value, members in _members(runs, by):
        points = [
            (float(str(x)), np.log(at[y].to_numpy(np.float64))) for x, at in members.groupby(on)
        ]
        xs, logs = zip(*points, strict=True)
        yield geometric_means(f"{by} = {number_text(value)}", xs, logs, colour=i)


def _power_law(x: FloatArray, logs: FloatArray, slope: float, ends: Sequence[float]) -> FloatArray:
    """Return values at ``ends`` of a power law through the middle of some points."""
    level = float(np.mean(logs - slope * np.log(x)))
    return np.asarray(math.exp(level) * np.asarray(ends) ** slope)


def _guides(runs: pd.DataFrame, on: str, by: str, slope: float, label: str) -> Iterator[Series]:
    """Yield the asymptotic power law, on T through the middle of each series.

    On P it is drawn once, through the right end, where it holds best.
    """
    shown = [runs] if on == "P" else [members for _, _, members in _members(runs, by)]
    for members in shown:
        ends = [float(members[on].min()), float(members[on].max())]
        # A single abscissa has no slope, and the axis would show only rounding.
        if ends[0] < ends[1]:
            fixed = members[members[on] == ends[1]] if on == "P" else members
            x, y = (fixed[column].to_numpy(np.float64) for column in (on, "y"))
            law = _power_law(x, np.log(y), slope, ends)
            width = 1.3 if on == "P" else 0.9
            yield Series(label, ends, law, line=True, dash="--", width=width)


def _predictions(runs: pd.DataFrame, name: str, on: str, by: str) -> Iterator[Series]:
    """Yield the prediction at finite P/d for each series: no free parameter, level included."""
    colours, curves = [], []
    for i, value, members in _members(runs, by):
        low, high = float(members[on].min()), float(members[on].max())
        x = np.geomspace(low, high, _CURVE_POINTS)
        for shared, _ in members.groupby(["chi", "d", "B", "kappa"]):
            P, T = (x, value) if on == "P" else (value, x)
            colours.append(i)
            curves.append(np.broadcast_arrays(P, T, *cast(tuple[float, ...], shared)))
    # All curves at once, because one after another they take many times as long.
    P, T, chi, d, B, kappa = np.stack(curves, axis=1)
    ends = getattr(trusted_ends(chi, P, d.astype(int), B, kappa / T), name)
    y = ends if on == "P" else T * ends
    for i, at, values in zip(colours, P if on == "P" else T, y, strict=True):
        if np.any(np.isfinite(values)):
            label = "prediction, finite P/d"
            yield Series(label, at, values, line=True, theory=True, colour=i)


def _measured(rows: Sequence[ExponentRow], name: str, on: str, chi: float) -> Iterator[str]:
    """Yield the exponents measured for one panel, in words."""
    quantity, symbol = _QUANTITIES[name, on]
    found = [row for row in rows if row.quantity == quantity and row.chi == chi]
    for row in found:
        where = f" (d = {row.d}, B = {row.B})" if len(found) > 1 else ""
        assert row.ci_low is not None
        assert row.ci_high is not None
        half = 0.5 * (row.ci_high - row.ci_low)
        yield f"measured {symbol} = {row.measured:.3f} ± {half:.3f}{where}"


def figure_scan(
    frame: pd.DataFrame,
    rows: Sequence[ExponentRow],
    on: str,
    lazy: pd.DataFrame | None = None,
) -> Chart:
    """Chart ||w - w_0||/||w_0|| (||w|| for nets started at 0) and t* of nets against "T" or "P".

    Points are geometric means over seeds (and whatever else differs in ``frame``), bars 95 %
    intervals of the mean. The exponents of ``rows`` stand above the panels. A dashed line through
    each series has slope 1 on T and the fitted slope on P. With ``lazy``, the runs of the same nets
    linearised, a line through their means replaces it. A column ``dw_predicted`` gives another.
    """
    names = (size_of(frame), "t_star")
    panels = [panel_of_nets(frame, rows, name, on, lazy) for name in names]
    return Chart([panels], _headline(frame), width=4.7, height=3.1)


def panel_of_nets(
    frame: pd.DataFrame,
    rows: Sequence[ExponentRow],
    name: str,
    on: str,
    lazy: pd.DataFrame | None = None,
) -> Panel:
    """Return one panel of ``figure_scan``: of "dw", "dw_rel" or "t_star"."""
    by = "P" if on == "T" else "T"
    runs = frame[frame["status"] == Status.FITTED]
    quantity, greek = _QUANTITIES["t_star" if name == "t_star" else "w_norm", on]
    found = [row for row in rows if row.quantity == quantity]
    # On T the law is known. On P the line is the fit, if there is one exponent.
    slope, law = (1.0, "slope 1") if on == "T" else (None, "fitted power law")
    if on == "P" and len(found) == 1:
        slope = found[0].measured
    series = list(_means(runs, name, on, by)) if len(runs) else []
    if lazy is not None:
        fitted = lazy[lazy["status"] == Status.FITTED]
        series += _beside("linearised", fitted, runs, name, on, by)
    elif name.startswith("dw") and "dw_predicted" in runs:
        predicted = runs.assign(**{name: runs[name] * runs["dw_predicted"] / runs["dw"]})
        series += _beside("max-margin law, u = 1/2", predicted, runs, name, on, by)
    elif slope is not None:
        for points in list(series):
            x, y = np.asarray(points.x), np.asarray(points.y)
            if len(x) > 1:
                ends = [x.min(), x.max()]
                y = _power_law(x, np.log(y), slope, ends)
                series.append(Series(law, ends, y, line=True, dash="--", width=0.9, colour="0.5"))
    sizes = {"dw": "||w||", "dw_rel": "||w - w_0|| / ||w_0||", "t_star": "t*"}
    return Panel(
        "\n".join(_said(row, greek) for row in found[:3]),
        _LABELS[on],
        sizes[name],
        series,
        x_ticks=sorted(runs[on].unique()),
        notes=[] if len(runs) else [NO_RUN],
    )


def _beside(
    label: str, others: pd.DataFrame, runs: pd.DataFrame, name: str, on: str, by: str
) -> Iterator[Series]:
    """Yield the means of other runs at the points of ``runs``, as lines in their colours."""
    others = others[others[name].notna()]
    for i, value, _ in _members(runs, by):
        members = others[others[by] == value]
        mean = np.log(members[name]).groupby(members[on]).mean()
        x, y = mean.index.to_numpy(), np.exp(mean.to_numpy())
        yield Series(label, x, y, line=True, theory=True, colour=i, width=0.9)


def _said(row: ExponentRow, greek: str) -> str:
    low, high = ("?" if end is None else f"{end:.3f}" for end in (row.ci_low, row.ci_high))
    return f"measured {greek} = {row.measured:.3f} [{low}, {high}]"


def _headline(frame: pd.DataFrame) -> list[str]:
    parts = ["nets linearised at w_0"] if (frame["model"] == "lazy").all() else []
    for name in ("data", "arch", "depth", "width", "act", "B", "alpha"):
        values: list[Any] = sorted(frame[name].dropna().unique())
        words = bool(values) and isinstance(values[0], str)
        shown = ", ".join(shortened(v, 40) for v in values) if words else listed(values)
        parts.append(f"{name} {shown}")
    return [*parts, *means_over(frame["seed"].nunique())]
