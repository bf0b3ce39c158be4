"""The collapse of the max-margin law: all nets and perceptrons on one curve 1 + u x."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nets.max_margin.law import LawPoint, OfNet
from perceptron_sim.drawing.panels import Chart, Panel, Rule, Series
from perceptron_sim.names import number_text
from perceptron_sim.store.schema import LAZY

# Lines 1 + u x that are drawn: the range of u that was measured, perceptrons included.
_U = {0.25: ":", 0.5: "-", 1.0: "--"}
_X = "kick / kappa"


def figure_max_margin(points: Sequence[LawPoint]) -> Chart:
    """Chart ||w - w_0|| / (kappa omega) against kick/kappa, and below it the u of each point."""
    said = ["max-margin law: ||w - w_0|| = (kappa + u kick) omega", "bars: 95 % over seeds"]
    return Chart([[panel] for panel in collapse(points)], said, share="x", width=7.0, height=3.2)


def collapse(points: Sequence[LawPoint]) -> Sequence[Panel]:
    """Return the two panels of ``figure_max_margin``; none without points.

    Lines: 1 + u x. u is drawn from kick = kappa on, where it is more than a correction.
    """
    if not points:
        return ()
    by_name: dict[str, list[LawPoint]] = {}
    for point in points:
        by_name.setdefault(name_of(point), []).append(point)
    norms: list[Series] = []
    u: list[Series] = []
    for i, (name, mine) in enumerate(by_name.items()):
        x = np.array([point.x for point in mine])
        ends = [(p.ratio.measured, p.ratio.ci_low, p.ratio.ci_high) for p in mine]
        y, low, high = np.array(ends, dtype=np.float64).T
        norms.append(Series(name, x, y, low, high, colour=i, marker=i))
        on = x >= 1.0
        mean, least, most = ((each[on] - 1.0) / x[on] for each in (y, low, high))
        u.append(Series("", x[on], mean, least, most, colour=i, marker=i))
    x = np.geomspace(min(p.x for p in points), max(p.x for p in points), 100)
    for value, dash in _U.items():
        style: dict[str, Any] = {"line": True, "theory": True, "colour": "0.4", "dash": dash}
        norms.append(Series(f"1 + {number_text(value)} x", x, 1.0 + value * x, **style))
    rules = [Rule("", y=value, colour="0.4", dash=dash) for value, dash in _U.items()]
    return (
        Panel("", f"x = {_X}", "||w - w_0|| / (kappa omega)", norms),
        Panel("", f"x = {_X}", "u", u, log_y=False, y_limits=(0.0, 1.3), rules=rules),
    )


def name_of(point: OfNet) -> str:
    """Name data and net."""
    trained = "" if point.model == LAZY else "trained, "
    if point.chi is not None:
        return f"{trained}perceptron data, chi {point.chi:g}, d {point.d}, B {point.B}"
    net = f"{point.arch} L {point.depth} h {point.width}"
    return f"{trained}{point.data}, {net}, B {point.B}"
