"""Figures of claims about exponents of the perceptron: data over P and T, and local exponents."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perceptron_sim.analysis.exponents import NOISE_DOMINATED, ExponentRow
from perceptron_sim.analysis.limits import LEAST_P_OVER_D
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, grouped, means, with_laws
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.store.schema import PERCEPTRON
from perceptron_sim.theory import exponents, exponents_at_dimension
from perceptron_sim.theory.exponents import is_solvable
from perceptron_sim.theory.minimal_signal import CAPACITY
from perceptron_sim.theory.prediction import predict


def _noise_dominated(evidence: Evidence) -> list[Any]:
    found = []
    rows = evidence.rows("exponents", ExponentRow)
    for folder in dict.fromkeys(folder for folder, row in rows if row.model == PERCEPTRON):
        runs = folder.runs
        found.append(runs[runs["T"] >= NOISE_DOMINATED * runs["kappa"]])
    return found


def w_norm(found: Any) -> Any:
    """Return ||w|| / T."""
    return found["w_norm"] / found["T"]


def t_star(found: Any) -> Any:
    """Return t* / T."""
    return found["t_star"] / found["T"]


def t_star_over_w2(found: Any) -> Any:
    """Return t* T / ||w||^2."""
    return found["t_star"] * found["T"] / found["w_norm"] ** 2


def on_P(scaled: Callable[[Any], Any], symbol: str) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw what is ``scaled`` of runs where noise dominates over P, and what theory predicts."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for runs in _noise_dominated(evidence):
            for at, members in grouped(runs, ("chi", "d", "B")):
                series: list[Series] = []
                for T, same in grouped(members, ("T", "kappa")):
                    points = means(
                        same.assign(y=scaled(same)), "P", "y", f"T = {number_text(T['T'])}"
                    )
                    if points is not None:
                        series.append(points)
                if series:
                    series += _theory(at, series[0], scaled)
                panels.append(
                    Panel(
                        f"chi = {at['chi']:g}, d = {at['d']}, B = {at['B']}",
                        "training-set size P",
                        symbol,
                        series,
                    )
                )
        return drawn(panels)

    return draw


def _theory(at: dict[str, Any], points: Series, scaled: Callable[[Any], Any]) -> list[Series]:
    """Return the predicted line over the points, or none where nothing is predicted."""
    low = max(min(points.x), CAPACITY * (at["d"] - 1) + 1)
    if low >= max(points.x) or not is_solvable(at["chi"]):
        return []
    P = np.unique(np.geomspace(low, max(points.x), 20).astype(int))
    chi, d, B = float(at["chi"]), int(at["d"]), int(at["B"])
    values = scaled(vars(predict(chi=chi, P=P, d=d, B=B, T=1.0, kappa=2.0**-15)))
    return [Series("theory at this P/d", P.tolist(), values.tolist(), line=True, theory=True)]


def local(
    scaled: Callable[[Any], Any], quantity: str, symbol: str
) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw local exponents, between neighbouring P, against P/d, with their two limits."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for runs in _noise_dominated(evidence):
            for at, members in grouped(runs, ("chi", "B")):
                series: list[Series] = []
                for size, same in grouped(members, ("d",)):
                    d = int(size["d"])
                    one = same[same["P"] >= LEAST_P_OVER_D * d]
                    points = means(one.assign(y=scaled(one)), "P", "y", f"d = {d}")
                    if points is not None:
                        limit = exponents_at_dimension(float(at["chi"]), d)
                        series += _slopes(points, d, getattr(limit, quantity), len(series) // 2)
                if series:
                    reached = [x for points in series for x in points.x]
                    value = getattr(exponents(float(at["chi"])), quantity)
                    ends = [min(reached), max(reached)]
                    label = "paper, P and d -> infinity"
                    series.append(
                        Series(label, ends, [value] * 2, line=True, theory=True, dash="-.")
                    )
                title = f"chi = {at['chi']:g}, B = {at['B']}"
                panels.append(Panel(title, "P / d", symbol, series, log_y=False))
        return drawn(panels)

    return draw


def _slopes(points: Series, d: int, limit: float, colour: int) -> list[Series]:
    """Return slopes between neighbouring points against P/d, and a line at their limit."""
    log_x, log_y = np.log(np.array(points.x)), np.log(np.array(points.y))
    half = np.log(np.array(points.y_high) / np.array(points.y_low)) / 2.0
    step = np.diff(log_x)
    slope = np.diff(log_y) / step
    error = np.hypot(half[1:], half[:-1]) / step
    x = (np.exp(0.5 * (log_x[1:] + log_x[:-1])) / d).tolist()
    low, high = (slope - error).tolist(), (slope + error).tolist()
    line = Series(
        f"(26), d = {d}", [x[0], x[-1]], [limit] * 2, line=True, theory=True, colour=colour
    )
    return [Series(points.label, x, slope.tolist(), low, high, colour=colour), line]


def on_T(column: str, symbol: str) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw a column of runs where noise dominates over T, and lines of slope 1."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for runs in _noise_dominated(evidence):
            for at, members in grouped(runs, ("chi", "d", "B")):
                series: list[Series] = []
                for P, same in grouped(members, ("P",)):
                    points = means(same, "T", column, f"P = {P['P']}")
                    if points is not None:
                        series.append(points)
                series = with_laws(series, 1.0, "slope 1")
                title = f"chi = {at['chi']:g}, d = {at['d']}, B = {at['B']}"
                panels.append(Panel(title, "temperature T", symbol, series))
        return drawn(panels)

    return draw
