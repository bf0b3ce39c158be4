"""Claims about the regimes of the perceptron, judged by the planes of ``phase``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from perceptron_sim.claims.claim import Claim, Measurement
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, estimates, grouped, means
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.phase.perceptron import predicted

_PNAS = "Sclocchi, Wyart (2024), PNAS 121 e2316301121"
# Half-width in ln of a boundary, and in an exponent, at which it counts as measured.
_BOUNDARY, _EXPONENT, _SLOPE = 0.25, 0.1, 0.05
# Curves at different T are together until this fraction of t* at least, for noise to act late.
_LATE = 0.1


def _model(row: dict[str, Any], *names: str) -> str:
    known = [f"{n} = {row[n]:g}" for n in names if n in row]
    return f"perceptron {', '.join(known)}"


def _boundary(part: str, name: str, symbol: str) -> Any:
    def measure(evidence: Evidence) -> list[Measurement]:
        return [
            Measurement(
                quantity=f"ln {symbol}",
                model=_model(row, "chi", "d", "P"),
                value=math.log(row[name]["value"]),
                ci_low=math.log(row[name]["ci_low"]),
                ci_high=math.log(row[name]["ci_high"]),
                window=row["window"],
                n_seeds=row["n_seeds"],
                resolution=_BOUNDARY,
                expected=math.log(row[name]["predicted"]),
                expected_error=row[name]["prediction_error"],
            )
            for _, row in evidence.rows(part)
            if "predicted" in row[name]
        ]

    return measure


def _B_star_on_P(evidence: Evidence) -> list[Measurement]:
    return [
        Measurement(
            quantity="x of B* ~ P^x",
            model=_model(row, "chi", "d"),
            value=row["measured"],
            ci_low=row["ci_low"],
            ci_high=row["ci_high"],
            window=row["window"],
            n_seeds=row["n_seeds"],
            resolution=_EXPONENT,
            expected=row["finite_size"],
            expected_error=row["finite_size_error"] or 0.0,
            asymptotic=row["asymptotic"],
        )
        for _, row in evidence.rows("B_star_on_P")
    ]


def _noise_slope(evidence: Evidence) -> list[Measurement]:
    return [
        Measurement(
            quantity="slope of ln ||w|| on ln T",
            model=_model(row, "chi", "d", "P"),
            value=row["noise_slope"]["measured"],
            ci_low=row["noise_slope"]["ci_low"],
            ci_high=row["noise_slope"]["ci_high"],
            window=row["noise_slope"]["window"],
            n_seeds=row["n_seeds"],
            resolution=_SLOPE,
            expected=1.0,
        )
        for _, row in evidence.rows("crossovers")
        if row["noise_slope"] is not None
    ]


def _on_kappa(evidence: Evidence) -> list[Measurement]:
    """T_c/kappa of each kappa over that of all kappa together."""
    return [
        Measurement(
            quantity="ln (T_c/kappa) less its mean over kappa",
            model=f"{_model(row, 'chi', 'd', 'P')}, kappa = {number_text(each['kappa'])}",
            value=math.log(each["value"] / row["T_c_over_kappa"]["value"]),
            ci_low=math.log(each["ci_low"] / row["T_c_over_kappa"]["value"]),
            ci_high=math.log(each["ci_high"] / row["T_c_over_kappa"]["value"]),
            window=row["window"],
            n_seeds=row["n_seeds"],
            resolution=_BOUNDARY,
            expected=0.0,
            expected_error=row["T_c_over_kappa"]["error"],
        )
        for _, row in evidence.rows("crossovers")
        if len(row["by_kappa"]) > 1
        for each in row["by_kappa"]
    ]


def _late(evidence: Evidence) -> list[Measurement]:
    found = []
    for _, row in evidence.rows("late"):
        low, value, high = (math.log(row[name]) for name in ("ci_low", "measured", "ci_high"))
        found.append(
            Measurement(
                quantity="ln (t_sep / t*)",
                model=_model(row, "chi", "d", "P"),
                value=value,
                ci_low=low,
                ci_high=high,
                window=row["window"],
                n_seeds=row["n_seeds"],
                # Late is far from the bound by more than the interval.
                resolution=max(value - math.log(_LATE), 0.05),
                expected=math.log(_LATE),
                expected_high=math.inf,
                note=f"late: the curves part after more than {_LATE:g} t*",
            )
        )
    return found


def _draw_boundary(part: str, name: str, symbol: str) -> Any:
    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        groups: dict[tuple[float, int], list[dict[str, Any]]] = {}
        for _, row in evidence.rows(part):
            groups.setdefault((row["chi"], row["d"]), []).append(row)
        series: list[Series] = []
        for (chi, d), rows in sorted(groups.items()):
            series += estimates(rows, "P", name, f"chi = {chi:g}, d = {d}")
        return drawn([Panel(f"{symbol} over P", "training-set size P", symbol, series)])

    return draw


def _draw_branch(evidence: Evidence) -> tuple[Panel, ...]:
    panels = []
    for folder in evidence.folders:
        if not folder.summary.get("crossovers"):
            continue
        runs = folder.runs
        scaled = runs.assign(
            tau=(runs["T"] / runs["kappa"]).round(12), w=runs["w_norm"] / runs["kappa"]
        )
        for at, members in grouped(scaled, ("chi", "d", "P")):
            series: list[Series] = []
            for kappa, same in grouped(members, ("kappa",)):
                points = means(same, "tau", "w", f"kappa = {number_text(kappa['kappa'])}")
                if points is not None:
                    series.append(points)
            if series:
                series += _law(at, [x for points in series for x in points.x])
            panels.append(Panel(_model(at, "chi", "d", "P"), "T / kappa", "||w|| / kappa", series))
    return drawn(panels)


def _law(at: dict[str, Any], taus: Sequence[float]) -> list[Series]:
    """Return the predicted ||w||/kappa = A (1 + tau/tau_c), if a signal is needed at all."""
    expected = predicted(float(at["chi"]), int(at["P"]), int(at["d"]))
    if expected is None:
        return []
    tau = np.geomspace(min(taus), max(taus), 40)
    w = expected.plateau * (1.0 + tau / expected.T_c_over_kappa)
    return [Series("theory, no free parameter", tau.tolist(), w.tolist(), line=True, theory=True)]


def _draw_late(evidence: Evidence) -> tuple[Panel, ...]:
    groups: dict[tuple[float, int, int], list[dict[str, Any]]] = {}
    for _, row in evidence.rows("separations"):
        groups.setdefault((row["chi"], row["d"], row["P"]), []).append(row)
    series: list[Series] = []
    for (chi, d, P), rows in sorted(groups.items()):
        rows.sort(key=lambda row: float(row["T"]))
        series.append(
            Series(
                f"chi = {chi:g}, d = {d}, P = {P}",
                [row["T_over_T_c"] for row in rows],
                [row["measured"] for row in rows],
                [row["ci_low"] for row in rows],
                [row["ci_high"] for row in rows],
            )
        )
    if series:
        reached = [x for points in series for x in points.x]
        ends, label = [min(reached), max(reached)], "noise acts late above this"
        series.append(Series(label, ends, [_LATE, _LATE], line=True, theory=True))
    return drawn([Panel("when curves part", "T / T_c", "t_sep / t* of the coldest", series)])


def _claim(number: str, key: str, statement: str, **rest: Any) -> Claim:
    return Claim(key=key, number=number, statement=statement, **rest)


_B_ETA = "perceptron-sim phase --chi 0,1,3 -d 32 -P 512,2048,8192 --seeds 6 --budget 10min"
_T_KAPPA = (
    "perceptron-sim phase --plane T-kappa --chi 0,1 -d 8,64 -P 1024,8192 --seeds 12 --budget 20min"
)

CLAIMS: Sequence[Claim] = (
    _claim(
        "4",
        "late-noise",
        "Noise acts late: training curves at T below T_c coincide early and part in the stopping.",
        source="Sclocchi, Geiger, Wyart (2023), section 3",
        command="perceptron-sim phase --plane late-noise --chi 0,1 -d 32 --seeds 24",
        estimator=(
            "time from which the median training loss stays a factor 2 from that of the coldest, "
            "over its median t*; geometric mean over T <= T_c/2, bootstrap over seeds"
        ),
        measure=_late,
        draw=_draw_late,
    ),
    _claim(
        "6",
        "three-phases-T-c",
        "Noise takes over from gradient descent at T_c ~ kappa, at the predicted T_c/kappa.",
        source=_PNAS,
        command=_T_KAPPA,
        estimator="fit of ||w|| = kappa A (1 + T/T_c) to all kappa together",
        measure=_boundary("crossovers", "T_c_over_kappa", "T_c/kappa"),
        draw=_draw_boundary("crossovers", "T_c_over_kappa", "T_c / kappa"),
    ),
    _claim(
        "6",
        "T-c-on-kappa",
        "T_c/kappa does not depend on kappa.",
        source=_PNAS,
        command=_T_KAPPA,
        estimator="the same fit to each kappa by itself, from independent runs",
        measure=_on_kappa,
        draw=_draw_branch,
    ),
    _claim(
        "6",
        "noise-branch",
        "Above T_c the weights grow as ||w|| ~ T.",
        source=_PNAS,
        command=_T_KAPPA,
        estimator="weighted least squares of mean ln ||w|| on ln T at T >= 512 kappa",
        measure=_noise_slope,
        draw=_draw_branch,
    ),
    _claim(
        "6",
        "three-phases-B-star",
        "The first step takes over from noise at the predicted B*.",
        source=_PNAS,
        command=_B_ETA,
        estimator=(
            "fit of ||w|| = kappa A [(1 + T/T_c)^m + (B T/(T_c B*))^m]^(1/m) to the (B, eta) plane"
        ),
        measure=_boundary("boundaries", "B_star", "B*"),
        draw=_draw_boundary("boundaries", "B_star", "B*"),
    ),
    _claim(
        "6",
        "B-star-on-P",
        "B* ~ P^gamma with gamma = 1/(1 + chi), approached as P/d grows.",
        source=_PNAS,
        command=_B_ETA,
        estimator="weighted least squares of ln B* on ln P, against the same fit to predicted B*",
        measure=_B_star_on_P,
        draw=_draw_boundary("boundaries", "B_star", "B*"),
    ),
)
