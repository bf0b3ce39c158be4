"""Claims about the regimes of the perceptron, judged by the planes of ``phase``."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from perceptron_sim.claims.claim import Claim, Measurement, Table, Whose
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, estimates, grouped, means
from perceptron_sim.claims.perceptron import tenth_of
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.phase.entries import (
    Boundary,
    BStarOnP,
    Crossover,
    Delay,
    NoiseDelay,
    ThreePhases,
    dof_of,
)
from perceptron_sim.phase.late_noise import answers, line_in_T
from perceptron_sim.phase.perceptron import predicted

# Departures in ln of a boundary, and of an exponent, that count as agreement.
_BOUNDARY, _EXPONENT, _SLOPE = 0.25, 0.1, 0.05
# Of the times of a course these are drawn.
_EVERY = 16


def _model(row: Any, *names: str) -> str:
    return f"perceptron {', '.join(f'{n} = {getattr(row, n):g}' for n in names)}"


def _boundary(part: str, kind: type[Any], name: str, symbol: str) -> Any:
    quantity = name.removesuffix("_over_kappa")

    def measure(evidence: Evidence) -> list[Measurement]:
        rows = [(row, getattr(row, name)) for _, row in evidence.rows(part, kind)]
        return [
            Measurement(
                quantity=f"ln {symbol}",
                model=_model(row, "chi", "d", "P"),
                value=math.log(found.value),
                ci_low=math.log(found.ci_low),
                ci_high=math.log(found.ci_high),
                window=row.window,
                n_seeds=row.n_seeds,
                dof=dof_of(found, row.n_seeds - 1.0),
                resolution=_BOUNDARY,
                systematic=getattr(row, f"{quantity}_systematic"),
                **_trusted(row, found),
            )
            for row, found in rows
        ]

    return measure


def _trusted(row: Any, found: Boundary) -> dict[str, Any]:
    """Return the prediction of a boundary as a measurement says it, if it is to be trusted."""
    if row.doubt or found.predicted is None:
        return {"note": f"no prediction is trusted here: {row.doubt or 'none is made'}"}
    return {
        "expected": math.log(found.predicted),
        "expected_error": found.prediction_error or 0.0,
    }


def _B_star_on_P(by_law: bool) -> Any:
    """Return a finder of x of B* ~ P^x, judged by the law at these sizes or by gamma."""

    def measure(evidence: Evidence) -> list[Measurement]:
        return [_x(row, by_law) for _, row in evidence.rows("B_star_on_P", BStarOnP)]

    return measure


def _x(row: BStarOnP, by_law: bool) -> Measurement:
    law, gamma = row.finite_size, row.asymptotic
    judged: dict[str, Any] = {
        "expected": law,
        "expected_error": row.finite_size_error or 0.0,
        "systematic": row.systematic,
        "asymptotic": gamma,
    }
    if not by_law:
        # How far x may be from its limit at these P/d: what the law makes of it, or all.
        shift = abs(gamma - (law or 0.0))
        note = f"at this P/d the limit P -> infinity may be {shift:.2g} away"
        judged = {"expected": gamma, "systematic": max(shift, row.systematic or 0.0), "note": note}
    return Measurement(
        quantity="x of B* ~ P^x",
        model=_model(row, "chi", "d"),
        value=row.measured,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        window=row.window,
        n_seeds=row.n_seeds,
        dof=dof_of(row, math.inf),
        resolution=tenth_of(judged["expected"]),
        **judged,
    )


def _noise_slope(evidence: Evidence) -> list[Measurement]:
    return [
        Measurement(
            quantity="slope of ln ||w|| on ln T",
            model=_model(row, "chi", "d", "P"),
            value=row.noise_slope.measured,
            ci_low=row.noise_slope.ci_low,
            ci_high=row.noise_slope.ci_high,
            window=row.noise_slope.window,
            n_seeds=row.n_seeds,
            dof=dof_of(row.noise_slope, row.n_seeds - 1.0),
            resolution=_SLOPE,
            expected=1.0,
        )
        for _, row in evidence.rows("crossovers", Crossover)
        if row.noise_slope is not None
    ]


def _on_kappa(evidence: Evidence) -> list[Measurement]:
    """T_c/kappa of each kappa over that of all kappa together."""
    return [
        Measurement(
            quantity="ln (T_c/kappa) less its mean over kappa",
            model=f"{_model(row, 'chi', 'd', 'P')}, kappa = {number_text(each.kappa)}",
            value=math.log(each.value / row.T_c_over_kappa.value),
            ci_low=math.log(each.ci_low / row.T_c_over_kappa.value),
            ci_high=math.log(each.ci_high / row.T_c_over_kappa.value),
            window=row.window,
            n_seeds=row.n_seeds,
            dof=dof_of(each, row.n_seeds - 1.0),
            resolution=_BOUNDARY,
            expected=0.0,
            expected_error=row.T_c_over_kappa.error,
        )
        for _, row in evidence.rows("crossovers", Crossover)
        if len(row.by_kappa) > 1
        for each in row.by_kappa
    ]


def delays(rows: Sequence[tuple[str, Delay]]) -> list[Measurement]:
    """Return the delays of noise, each of the model of that name."""
    return [
        Measurement(
            quantity="delay of noise, in ln t",
            model=model,
            value=row.measured,
            ci_low=row.ci_low,
            ci_high=row.ci_high,
            window=row.window,
            n_seeds=row.n_seeds,
            dof=dof_of(row, row.n_seeds - 1.0),
            resolution=0.0,
            expected=0.0,
            expected_high=math.inf,
            note=f"ln(t_noise / t*) = {row.after_t_star:.2f}",
        )
        for model, row in rows
    ]


def _late(evidence: Evidence) -> list[Measurement]:
    rows = evidence.rows("noise_delay", NoiseDelay)
    return delays([(_model(row, "chi", "d", "P"), row) for _, row in rows])


def _draw_boundary(part: str, kind: type[Any], name: str, symbol: str) -> Any:
    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        groups: dict[tuple[float, int], list[tuple[float, Boundary]]] = {}
        for _, row in evidence.rows(part, kind):
            groups.setdefault((row.chi, row.d), []).append((row.P, getattr(row, name)))
        series: list[Series] = []
        for (chi, d), rows in sorted(groups.items()):
            series += estimates(rows, f"chi = {chi:g}, d = {d}")
        return drawn([Panel(f"{symbol} over P", "training-set size P", symbol, series)])

    return draw


def _draw_branch(evidence: Evidence) -> tuple[Panel, ...]:
    panels = []
    for folder in dict.fromkeys(folder for folder, _ in evidence.rows("crossovers", Crossover)):
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
            title = f"perceptron chi = {at['chi']:g}, d = {at['d']}, P = {at['P']}"
            panels.append(Panel(title, "T / kappa", "||w|| / kappa", series))
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
    panels = []
    for folder, row in evidence.rows("noise_delay", NoiseDelay):
        runs = folder.runs
        for name in ("chi", "d", "P", "B", "kappa"):
            runs = runs[runs[name] == getattr(row, name)]
        panels.append(growth_panel(_model(row, "chi", "d", "P"), runs, row))
    return drawn(panels)


def growth_panel(title: str, runs: Any, row: Delay) -> Panel:
    """Return the growth of the weights, and of what noise adds to them, to their ends."""
    series = []
    found = answers(runs, row.T_c)
    if found is not None:
        t, T, sizes, _ = found
        growths = line_in_T(T, sizes.mean(axis=1))
        for label, growth in zip(("weights", "what noise adds"), growths, strict=True):
            share = (growth / growth[-1])[::_EVERY]
            series.append(Series(label, t[::_EVERY].tolist(), share.tolist()))
    return Panel(title, "time t", "share of the end", series, log_y=False)


_B_ETA = "perceptron-sim phase --chi 0,1,3 -d 32 -P 512,2048,8192 --seeds 6 --budget 10min"
_T_KAPPA = (
    "perceptron-sim phase --plane T-kappa --chi 0,1 -d 8,64 -P 1024,8192 --seeds 12 --budget 20min"
)
_FIT_T_C = "fit of ||w|| = kappa A (1 + T/T_c) to all kappa together"
_FIT_B_STAR = (
    "fit of ||w|| = kappa A [(1 + T/T_c)^m + (B T/(T_c B*))^m]^(1/m) to the (B, eta) plane"
)

CLAIMS: Sequence[Claim] = (
    Claim(
        "4",
        "late-noise",
        "Noise acts late: what T adds to the weights comes later than the weights themselves.",
        Whose.PAPER,
        Table.PAPERS,
        judged="delay in ln t of what noise adds to the weights after the weights, against > 0",
        refuted="one chi, d and P at which the delay is below 0; the papers say it of nets first",
        command="perceptron-sim phase --plane late-noise --chi 0,1,3 -d 32 --seeds 24",
        estimator=(
            "mean of ln t over the growth of d||w||/dT, less that over the growth of ||w||, both "
            "for T -> 0 by lines in T up to T_c; jackknife over seeds"
        ),
        measure=_late,
        draw=_draw_late,
    ),
    Claim(
        "6",
        "B-star-on-P",
        "B* ~ P^gamma with gamma = 1/(1 + chi).",
        Whose.PNAS,
        Table.PAPERS,
        judged="x of B* ~ P^x over a window of P against 1/(1 + chi); its distance from the limit "
        "at this P/d, as our law gives it, enters as an error",
        refuted="one chi and d at which 1/(1 + chi) is excluded and x departs by more than a tenth",
        command=_B_ETA,
        estimator="weighted least squares of ln B* on ln P",
        measure=_B_star_on_P(by_law=False),
        draw=_draw_boundary("boundaries", ThreePhases, "B_star", "B*"),
    ),
    Claim(
        "6",
        "law-T-c",
        "Noise takes over from gradient descent at the predicted T_c/kappa.",
        Whose.OURS,
        Table.LAW,
        judged="ln (T_c/kappa) against equation (29) of docs/theory.md",
        refuted=f"one chi, d and P at which the prediction is excluded by more than {_BOUNDARY:g} "
        "in ln",
        command=_T_KAPPA,
        estimator=_FIT_T_C,
        measure=_boundary("crossovers", Crossover, "T_c_over_kappa", "T_c/kappa"),
        draw=_draw_boundary("crossovers", Crossover, "T_c_over_kappa", "T_c / kappa"),
    ),
    Claim(
        "6",
        "law-B-star",
        "The first step takes over from noise at the predicted B*.",
        Whose.OURS,
        Table.LAW,
        judged="ln B* against equation (29) of docs/theory.md",
        refuted=f"one chi, d and P at which the prediction is excluded by more than {_BOUNDARY:g} "
        "in ln",
        command=_B_ETA,
        estimator=_FIT_B_STAR,
        measure=_boundary("boundaries", ThreePhases, "B_star", "B*"),
        draw=_draw_boundary("boundaries", ThreePhases, "B_star", "B*"),
    ),
    Claim(
        "6",
        "law-B-star-on-P",
        "B* grows with P as predicted at the sizes measured.",
        Whose.OURS,
        Table.LAW,
        judged="x of B* ~ P^x against the same fit to the predicted B* at the same P",
        refuted="one chi and d at which the prediction is excluded and x departs by more than a "
        "tenth",
        command=_B_ETA,
        estimator="weighted least squares of ln B* on ln P",
        measure=_B_star_on_P(by_law=True),
        draw=_draw_boundary("boundaries", ThreePhases, "B_star", "B*"),
    ),
    Claim(
        "6",
        "T-c-on-kappa",
        "T_c ~ kappa: T_c/kappa does not depend on kappa.",
        Whose.PNAS,
        Table.SYMMETRY,
        judged="ln (T_c/kappa) at each kappa, from independent runs, against that of all kappa",
        refuted=f"one kappa at which it is excluded by more than {_BOUNDARY:g} in ln: a fault of "
        "the program",
        command=_T_KAPPA,
        estimator="the fit of T_c to each kappa by itself",
        measure=_on_kappa,
        draw=_draw_branch,
    ),
    Claim(
        "6",
        "noise-branch",
        "Above T_c the weights grow as ||w|| ~ T.",
        Whose.PNAS,
        Table.SYMMETRY,
        judged="slope of ln ||w|| on ln T at T >= 512 kappa against 1",
        refuted=f"one chi, d and P at which 1 is excluded by more than {_SLOPE:g}: a fault of the "
        "program",
        command=_T_KAPPA,
        estimator="weighted least squares of mean ln ||w|| on ln T at T >= 512 kappa",
        measure=_noise_slope,
        draw=_draw_branch,
    ),
)
