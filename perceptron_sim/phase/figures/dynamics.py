"""Figure of SGD against its cousins: ends against B, and ||w|| against t at the smallest B."""

from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.drawing.panels import Chart, Panel, Rule, Series, equations, geometric_means
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.perceptron import predicted
from perceptron_sim.theory.flow import flow_to_show
from perceptron_sim.theory.prediction import trusted_end

_COURSES = 3
_DASHES = ("-", "--", ":", "-.")
_SYMBOLS = {"w_norm": "||w||", "t_star": "t*"}


def figure_dynamics(cells: pd.DataFrame, runs: pd.DataFrame, named: dict[str, str]) -> Chart:
    """Chart ||w|| and t* at the end against B, and courses of ||w||, for the first parameters.

    Bars: 95 %. Dashed vertical: predicted B*; solid: predicted noise-dominated end. In the third
    panel three runs each at the smallest B, with what fresh samples give (theory). ``named``: the
    dynamics by their labels, SGD first.
    """
    first = cells.iloc[0]
    shared = {n: first[n].item() for n in ("chi", "d", "P", "kappa", "T")}
    for name, value in shared.items():
        cells, runs = cells[cells[name] == value], runs[runs[name] == value]
    panels = [_ends(cells, shared, list(named), name) for name in _SYMBOLS]
    panels.append(_courses(runs, shared, named))
    title = [*equations(shared), "bars: 95 % intervals"]
    return Chart([panels], title, "above", columns=2, width=3.85, height=2.9)


def end_series(cells: pd.DataFrame, labels: list[str], name: str) -> list[Series]:
    """Return an observable at the end against B, one series for each dynamics that has cells."""
    fitted = cells[cells["status"] == FITTED]
    series = []
    for i, dynamics in enumerate(labels):
        members = fitted[fitted["dynamics"] == dynamics]
        if len(members):
            logs = [np.array(v) for v in members[f"{name}_seeds"]]
            series.append(geometric_means(dynamics, members["B"], logs, colour=i))
    return series


def _ends(cells: pd.DataFrame, shared: dict[str, Any], labels: list[str], name: str) -> Panel:
    series = end_series(cells, labels, name)
    rules = []
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    if expected is not None:
        rules.append(Rule("predicted B*", expected.B_star, colour="0.35", dash="--"))
    ratio = shared["kappa"] / shared["T"]
    end = trusted_end(shared["chi"], shared["P"], shared["d"], 1, ratio)
    if end is not None:
        level = shared["T"] * getattr(end, name)
        rules.append(Rule("predicted, noise-dominated", y=level, colour="0.35", dash="-"))
    label = f"{_SYMBOLS[name]} at the end of training"
    ticks = sorted(cells["B"].unique())
    return Panel("", "batch size B", label, series, x_ticks=ticks, rules=rules)


def _courses(runs: pd.DataFrame, shared: dict[str, Any], named: dict[str, str]) -> Panel:
    B = int(runs["B"].min())
    latest = 0.0
    series = []
    for i, (label, dynamics) in enumerate(named.items()):
        chosen = runs[(runs["B"] == B) & (runs["dynamics"] == dynamics)].sort_values("seed")
        for k, (_, run) in enumerate(chosen.iloc[:_COURSES].iterrows()):
            t = np.array(run["checkpoint_t"])
            w = np.hypot(run["checkpoint_w1"], run["checkpoint_w_perp"])
            style: Any = {"line": True, "dash": _DASHES[i % len(_DASHES)], "width": 1.2}
            shown = "" if k else f"{label}, B = {B}"
            series.append(Series(shown, t[1:], w[1:], colour=i, **style))
            series.append(Series("", t[-1:], w[-1:], colour=i, marker=0, size=4.0))
            latest = max(latest, float(t[-1]))
    if latest > 0.0:
        t = np.geomspace(B * shared["T"], latest, 100)
        flow = flow_to_show(t, B=B, **{n: shared[n] for n in ("chi", "d", "T", "kappa")})
        if flow is not None:
            style = {"line": True, "colour": "0.5", "dash": "-.", "width": 2.0}
            w = np.hypot(flow.w1, flow.w_perp)
            series.insert(0, Series("fresh samples (theory)", t, w, **style))
    return Panel("", "time t", "||w||", series)
