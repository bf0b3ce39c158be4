"""Figure of late noise: training curves at several T, with the time at which noise acts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.panels import Chart, Panel, Series, equations, thinned
from perceptron_sim.drawing.style import sequence
from perceptron_sim.names import number_text
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import loss_curves

_TIMES = 200
_DASHES = ("-", "--", "-.", ":", "-")
_SHARED = ("d", "P", "B", "kappa")


def figure_late_noise(runs: pd.DataFrame, rows: Sequence[dict[str, Any]]) -> Chart:
    """Chart the training loss and ||w|| against t at several T, a column for each chi.

    Medians over seeds with the 16 to 84 % quantiles of their bootstrap. Dots: the mean time of
    what noise adds to the weights, up to T_c.

    Args:
        runs: rows with checkpoints; of several d, P, B or kappa the first is drawn.
        rows: entries with T and that time, ``t_sep``.
    """
    fitted = runs[runs["status"] == FITTED]
    columns = []
    for chi, members in fitted.groupby("chi"):
        for name in _SHARED:
            members = members[members[name] == members[name].iloc[0]]
        shared = {"chi": float(str(chi)), **{n: members[n].iloc[0] for n in _SHARED}}
        told = {n: v for n, v in shared.items() if n != "B"}
        marks = [row for row in rows if all(row[n] == v for n, v in told.items())]
        columns.append(course_panels(members, marks, ",  ".join(equations(told))))
    return Chart(list(zip(*columns, strict=True)), legend="above", columns=3, width=4.2)


def course_panels(
    runs: pd.DataFrame, rows: Sequence[dict[str, Any]], title: str, size: str = "||w||"
) -> tuple[Panel, Panel]:
    """Return training loss and ||w||, of nets ||w - w_0||, against t at several T.

    Args:
        runs: fitted ones with checkpoints, which differ only in T and seed.
        rows: as in ``figure_late_noise``.
        title: of the column.
        size: symbol of the size of the weights.
    """
    values = thinned(sorted(float(T) for T in runs["T"].unique()))
    marks = {row["T"]: row["t_sep"] for row in rows}
    losses: list[Series] = []
    weights: list[Series] = []
    for i, T in enumerate(values):
        members = runs[runs["T"] == T].sort_values("seed")
        t = np.geomspace(float(members["eta"].iloc[0]), float(members["t_star"].max()), _TIMES)
        colour = sequence(i, len(values))
        loss, w = _curve(t, loss_curves(members, t)), _curve(t, _norms(members, t))
        style: dict[str, Any] = {"line": True, "dash": _DASHES[i], "width": 1.4, "colour": colour}
        for found, (at, middle, low, high), label in (
            (losses, loss, f"T = {number_text(T)}"),
            (weights, w, ""),
        ):
            found.append(Series(label, at, middle, **style))
            found.append(Series("", at, middle, low, high, band=True, colour=colour))
        if T in marks:
            level = float(np.interp(np.log(marks[T]), np.log(loss[0]), loss[1], right=0.0))
            if level > 0.0:
                label = "mean time of what noise adds"
                losses.append(
                    Series(label, [marks[T]], [level], colour=colour, marker="o", size=6.0)
                )
    return Panel(title, "", "training loss", losses), Panel(
        "", "time t = eta × steps", size, weights
    )


def _curve(t: FloatArray, curves: FloatArray) -> tuple[FloatArray, ...]:
    """Return t, the median over seeds and its 16 and 84 % quantiles by bootstrap, where > 0."""
    middle = np.median(curves, axis=0)
    rng = np.random.default_rng(0)
    picks = rng.integers(len(curves), size=(100, len(curves)))
    low, high = np.quantile(np.median(curves[picks], axis=1), (0.16, 0.84), axis=0)
    some = (middle > 0.0) & (low > 0.0)
    return t[some], middle[some], low[some], high[some]


def _norms(runs: pd.DataFrame, t: FloatArray) -> FloatArray:
    """Return ||w|| of every run at times ``t``, constant from t* on."""
    found = []
    for _, run in runs.iterrows():
        at = np.log(run["checkpoint_t"][1:])
        if run["checkpoint_w1"] is None:
            w = np.asarray(run["checkpoint_dw"][1:])
        else:
            w = np.hypot(run["checkpoint_w1"][1:], run["checkpoint_w_perp"][1:])
        # Before the first of Poisson hits the weights are 0.
        hit = w > 0.0
        left = None if hit[0] else -np.inf
        found.append(np.interp(np.log(t), at[hit], np.log(w[hit]), left=left))
    return np.asarray(np.exp(found))
