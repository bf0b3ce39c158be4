"""Claims about the exponents of the perceptron, judged by the exponents of ``scan``."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from perceptron_sim.analysis.exponents import NOISE_DOMINATED
from perceptron_sim.claims.claim import Claim, Measurement
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, grouped, means, with_laws
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.store.schema import PERCEPTRON
from perceptron_sim.theory.exponents import is_solvable
from perceptron_sim.theory.minimal_signal import CAPACITY
from perceptron_sim.theory.prediction import predict

_SCAN = "perceptron-sim scan --chi 0,1,3 -d 16,64 -P 1024:65536:7 -T 0.25,1,4 --seeds 12"
# Half-width of a 95 % interval at which an exponent of this kind counts as measured.
_RESOLUTION = {"delta": 0.05, "t_star_on_T": 0.1, "gamma": 0.1, "b": 0.3, "b - 1 - 2 gamma": 0.2}
_SYMBOL = {
    "delta": "delta",
    "t_star_on_T": "slope of ln t* on ln T",
    "gamma": "gamma",
    "b": "b",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
}


def exponents_of(quantity: str) -> Callable[[Evidence], Sequence[Measurement]]:
    """Return a finder of one exponent of perceptrons in the summaries."""

    def measure(evidence: Evidence) -> list[Measurement]:
        return [
            Measurement(
                quantity=_SYMBOL[quantity],
                model=f"perceptron chi = {row['chi']:g}, d = {row['d']}, B = {row['B']}",
                value=row["measured"],
                ci_low=row["ci_low"],
                ci_high=row["ci_high"],
                window=row["window"],
                n_seeds=row["n_seeds"],
                resolution=_RESOLUTION[quantity],
                # The fit of the predicted means over the same points: curvature is in both.
                expected=row["finite_size"],
                expected_error=row["finite_size_error"] or 0.0,
                asymptotic=row["asymptotic"],
                note=_doubt(row),
            )
            for _, row in evidence.rows("exponents")
            if row["model"] == PERCEPTRON and row["quantity"] == quantity
        ]

    return measure


def _doubt(row: dict[str, Any]) -> str:
    if row["finite_size"] is None:
        return "no finite-size prediction is trusted here (P/d, d, chi or P in T out of its range)"
    return ""


def _noise_dominated(evidence: Evidence) -> list[Any]:
    found = []
    for folder in evidence.folders:
        rows = folder.summary.get("exponents") or []
        if any(row.get("model") == PERCEPTRON for row in rows):
            runs = folder.runs
            found.append(runs[runs["T"] >= NOISE_DOMINATED * runs["kappa"]])
    return found


def _w_norm(found: Any) -> Any:
    return found["w_norm"] / found["T"]


def _t_star(found: Any) -> Any:
    return found["t_star"] / found["T"]


def _t_star_over_w2(found: Any) -> Any:
    return found["t_star"] * found["T"] / found["w_norm"] ** 2


def _on_P(scaled: Callable[[Any], Any], symbol: str) -> Callable[[Evidence], Sequence[Panel]]:
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


def _on_T(column: str, symbol: str) -> Callable[[Evidence], Sequence[Panel]]:
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


def _claim(
    key: str, quantity: str, statement: str, draw: Callable[[Evidence], Sequence[Panel]]
) -> Claim:
    return Claim(
        key=key,
        number="5",
        statement=statement,
        source="Sclocchi, Geiger, Wyart (2023), section 4",
        command=_SCAN,
        estimator=(
            "weighted least squares of the mean log over seeds at T >= 512 kappa, against the "
            "same fit to the finite-size prediction at the same points"
        ),
        measure=exponents_of(quantity),
        draw=draw,
    )


CLAIMS = (
    _claim(
        "perceptron-delta",
        "delta",
        "Perceptron: ||w|| ~ T^delta with delta = 1 where noise dominates.",
        _on_T("w_norm", "||w||"),
    ),
    _claim(
        "perceptron-gamma",
        "gamma",
        "Perceptron: ||w|| ~ P^gamma with gamma = 1/(1 + chi), approached as P/d grows.",
        _on_P(_w_norm, "||w|| / T"),
    ),
    _claim(
        "perceptron-t-star-on-T",
        "t_star_on_T",
        "Perceptron: t* ~ T where noise dominates.",
        _on_T("t_star", "t*"),
    ),
    _claim(
        "perceptron-b",
        "b",
        "Perceptron: t* ~ P^b with b = 1 + 2/(1 + chi), approached as P/d grows.",
        _on_P(_t_star, "t* / T"),
    ),
    _claim(
        "perceptron-b-gamma",
        "b - 1 - 2 gamma",
        "Perceptron: b = 1 + 2 gamma for any chi, approached as d grows.",
        _on_P(_t_star_over_w2, "t* T / ||w||^2"),
    ),
)
