"""Figure of T_c(P): three observables against T, and against T P^a on one curve."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nets.phase.collapse import Grid
from nets.phase.model import LAZY, TRAINED
from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.panels import Chart, Note, Panel, Series, equations, geometric_means
from perceptron_sim.names import number_text, shortened

_SYMBOLS = {"dw_rel": "||w - w_0|| / ||w_0||", "t_star": "t*", "test_error": "error"}


def figure_onset(found: list[tuple[dict[str, Any], dict[str, Grid]]]) -> Chart:
    """Chart the first net of ``found``.

    Top, against T: points are trained nets, lines linearised ones. Bottom, against T P^a, a as
    measured for each observable: weights as they are, t* and test error over those of the
    linearised net, with the fitted departure. Bars: 95 % of the mean over seeds.
    """
    net, grids = found[0]
    sizes = np.unique(np.concatenate([grid.P for grid in grids.values()])).tolist()
    above, below = [], []
    for name, symbol in _SYMBOLS.items():
        series = [s for i, P in enumerate(sizes) for s in _against_T(grids, name, P, i)]
        above.append(Panel("", "temperature T", symbol, series))
        below.append(_collapsed_panel(net, grids, name, sizes))
    said = [shortened(net["data"], 40), f"L = {net['depth']}", f"h = {net['width']}"]
    said += equations({"B": net["B"], "alpha": net["alpha"]})
    said += ["points: trained nets, lines: linearised nets", f"{net['n_seeds']} seeds"]
    return Chart([above, below], [*said, "bars: 95 % intervals"], width=3.85, height=2.5)


def _collapsed_panel(
    net: dict[str, Any], grids: dict[str, Grid], name: str, sizes: list[float]
) -> Panel:
    row = _row_of(net["onsets"], name)
    if row is None:
        note = Note("no exponent", 0.5, 0.5, inside=True)
        return Panel("", "", "", [], log_x=False, log_y=False, notes=[note])
    a = row["a"]["measured"]
    series = [s for i, P in enumerate(sizes) for s in _collapsed(grids, name, P, i, a)]
    if series and "beta" in row:
        reached = np.concatenate([np.asarray(s.x) for s in series])
        series.append(_departure(row, float(reached.min()), float(reached.max())))
    title = f"a = {a:.3f} [{row['a']['ci_low']:.3f}, {row['a']['ci_high']:.3f}]"
    ratio = "" if name == "dw_rel" else ", trained / linearised"
    return Panel(title, "T P^a", f"{_SYMBOLS[name]}{ratio}", series)


def _row_of(rows: list[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Return the exponent that an observable is collapsed by: of trained nets if there is one."""
    members = [row for row in rows if row["quantity"] == name]
    trained = [row for row in members if row["by"] == TRAINED]
    return next(iter(trained or members), None)


def _against_T(grids: dict[str, Grid], name: str, P: float, i: int) -> Iterator[Series]:
    trained, lazy = (_of_P(grids[kind], name, P) for kind in (TRAINED, LAZY))
    label = f"P = {number_text(P)}"
    if len(trained[0]):
        yield geometric_means(label, trained[0], list(trained[1]), colour=i)
    if len(lazy[0]):
        y = np.exp(lazy[1].mean(axis=1))
        label = "" if len(trained[0]) else label
        yield Series(label, lazy[0], y, line=True, theory=True, colour=i, width=0.9)


def _collapsed(grids: dict[str, Grid], name: str, P: float, i: int, a: float) -> Iterator[Series]:
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
        yield geometric_means("", T * P**a, list(logs), colour=i)


def _departure(row: dict[str, Any], low: float, high: float) -> Series:
    """Return (1 + T/T_0)^beta; T_c, at which it is e^(+-0.2), lies at T_0 (e^(0.2/|beta|) - 1)."""
    at = row["T_c"][0]
    scale = at["value"] * at["P"] ** row["a"]["measured"]
    beta = row["beta"]
    u = np.geomspace(low, high, 200)
    y = (1.0 + u * math.expm1(0.2 / abs(beta)) / scale) ** beta
    return Series("", u, y, line=True, dash="-", colour="0.4", width=1.2)


def _of_P(grid: Grid, name: str, P: float) -> tuple[FloatArray, FloatArray]:
    at = grid.P == P
    return grid.T[at], grid.logs[name][at]
