"""Figures of claims about exponents of the perceptron: data over P and T, and local exponents."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perceptron_sim.analysis.exponents import NOISE_DOMINATED, ExponentRow
from perceptron_sim.analysis.figures.local import local_panel
from perceptron_sim.analysis.local import local_exponents
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, grouped, means, with_laws
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.store.schema import PERCEPTRON
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


def local(quantity: str) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw local exponents "gamma" or "b" against P/d, with their limits."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for runs in _noise_dominated(evidence):
            found = local_exponents(runs)
            panels += [
                local_panel(found, quantity, chi) for chi in {row.chi: None for row in found}
            ]
        return drawn(panels)

    return draw


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
