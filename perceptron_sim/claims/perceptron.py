"""Claims about the exponents of the perceptron, judged by what ``scan`` fits."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from perceptron_sim.analysis.exponents import ExponentRow
from perceptron_sim.analysis.limits import Limit
from perceptron_sim.claims.claim import Claim, Measurement, Table, Whose
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.scaling_panels import (
    local,
    on_P,
    on_T,
    t_star,
    t_star_over_w2,
    w_norm,
)
from perceptron_sim.store.schema import PERCEPTRON
from perceptron_sim.theory import exponents

_SCAN = "perceptron-sim scan --chi 0,1,3 -d 16,64 -P 1024:65536:7 -T 0.25,1,4 --seeds 12"
# Departures that count as agreement: of an exponent that is predicted a tenth of it, of one that is
# predicted to be 0 as much as of one that is 1.
TENTH = 0.1
SYMBOLS = {
    "delta": "delta",
    "t_star_on_T": "slope of ln t* on ln T",
    "gamma": "gamma",
    "b": "b",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
}
_ON_T = {"delta": 0.05, "t_star_on_T": 0.1}


def tenth_of(expected: float | None) -> float:
    """Return the resolution for an exponent: a tenth of what is expected, of 1 if that is 0."""
    return TENTH * (abs(expected or 0.0) if abs(expected or 0.0) > TENTH else 1.0)


def measured_exponent(row: ExponentRow, model: str, **judged: Any) -> Measurement | None:
    """Return an exponent as a measurement, None where its interval has no bound.

    Args:
        row: the exponent.
        model: whose it is, in words.
        judged: resolution, prediction, and what else a ``Measurement`` says.
    """
    if row.ci_low is None or row.ci_high is None:
        return None
    return Measurement(
        quantity=SYMBOLS[row.quantity],
        model=model,
        value=row.measured,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        window=row.window,
        n_seeds=row.n_seeds,
        dof=row.n_seeds - 1 if row.dof is None else row.dof,
        **judged,
    )


def exponent_rows_of(evidence: Evidence, quantity: str) -> list[ExponentRow]:
    """Return one exponent of perceptrons in the summaries."""
    return [
        row
        for _, row in evidence.rows("exponents", ExponentRow)
        if row.model == PERCEPTRON and row.quantity == quantity
    ]


def _name(row: ExponentRow | Limit) -> str:
    d = "d -> infinity" if row.d is None else f"d = {row.d}"
    return f"perceptron chi = {row.chi:g}, {d}, B = {row.B}"


def _by_law(quantity: str) -> Callable[[Evidence], Sequence[Measurement]]:
    """Return a finder of one exponent, judged by the same fit to the predicted means."""

    def measure(evidence: Evidence) -> list[Measurement]:
        found = [
            measured_exponent(
                row,
                _name(row),
                resolution=tenth_of(None if "-" in quantity else row.finite_size),
                # The fit of the predicted means over the same points: curvature is in both.
                expected=row.finite_size,
                expected_error=row.finite_size_error or 0.0,
                asymptotic=row.asymptotic,
                note=""
                if row.finite_size is not None
                else "no prediction is trusted here (docs/theory.md says where)",
            )
            for row in exponent_rows_of(evidence, quantity)
        ]
        return [measured for measured in found if measured is not None]

    return measure


def _as_claimed(
    quantity: str, expected: float, resolution: float
) -> Callable[[Evidence], Sequence[Measurement]]:
    """Return a finder of one exponent, judged by one number at any size."""

    def measure(evidence: Evidence) -> list[Measurement]:
        found = [
            measured_exponent(
                row,
                _name(row),
                resolution=resolution,
                expected=expected,
                systematic=row.systematic,
            )
            for row in exponent_rows_of(evidence, quantity)
        ]
        return [measured for measured in found if measured is not None]

    return measure


def _limits(evidence: Evidence) -> list[Limit]:
    return [row for _, row in evidence.rows("limits", Limit)]


def _limit(row: Limit, expected: float, **more: Any) -> Measurement:
    given: dict[str, Any] = {"systematic": row.systematic} | more
    return Measurement(
        quantity=f"{SYMBOLS[row.quantity]} for P -> infinity",
        model=_name(row),
        value=row.measured,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        window=row.window,
        n_seeds=row.n_seeds,
        dof=row.dof,
        resolution=tenth_of(None if "-" in row.quantity else expected),
        expected=expected,
        **given,
    )


def _asymptotic(quantity: str) -> Callable[[Evidence], Sequence[Measurement]]:
    """Return a finder of an exponent for P -> infinity, then d -> infinity.

    From one d alone the second limit is not known; what (26) makes of it enters as an error. So
    does the distance from the limit, as the law has it, where P are too few to extrapolate.
    """

    def measure(evidence: Evidence) -> list[Measurement]:
        rows = [row for row in _limits(evidence) if row.quantity == quantity]
        in_d = {(row.chi, row.B) for row in rows if row.d is None}
        in_P = {(row.chi, row.B) for row in rows}
        found = [_limit(row, _paper(row)) for row in rows if row.d is None]
        for row in rows:
            if row.d is not None and (row.chi, row.B) not in in_d:
                shift = abs(_paper(row) - row.predicted)
                error = float(np.hypot(row.systematic, shift))
                note = f"one d alone: the limit d -> infinity may be {shift:.2g} away"
                found.append(_limit(row, _paper(row), systematic=error, note=note))
        for at in exponent_rows_of(evidence, quantity):
            if (at.chi, at.B) not in in_P:
                found += _not_extrapolated(at)
        return found

    return measure


def _not_extrapolated(row: ExponentRow) -> list[Measurement]:
    expected = row.asymptotic or 0.0
    shift = abs(expected - (row.finite_size or 0.0))
    measured = measured_exponent(
        row,
        _name(row),
        resolution=tenth_of(expected),
        expected=expected,
        systematic=shift,
        note=f"not extrapolated: the limit P -> infinity may be {shift:.2g} away",
    )
    return [] if measured is None else [measured]


def _fixed_d(evidence: Evidence) -> list[Measurement]:
    return [
        replace(_limit(row, row.predicted), asymptotic=_paper(row))
        for row in _limits(evidence)
        if row.d is not None
    ]


def _paper(row: Limit) -> float:
    theory = exponents(row.chi)
    return {"gamma": theory.gamma, "b": theory.b}.get(row.quantity, 0.0)


_SLOPE = "weighted least squares of the mean log over seeds at T >= 512 kappa"
_LIMIT = f"{_SLOPE} and P/d >= 16, with a correction term P^(-1/(1+chi)) whose amplitude is free"


_claim = partial(Claim, "5", command=_SCAN)


def _by_size(key: str, quantity: str, statement: str, draw: Any) -> Claim:
    symbol = SYMBOLS[quantity]
    return _claim(
        key,
        statement,
        Whose.OURS,
        Table.LAW,
        judged=f"{symbol} measured over a window of P against the same fit to the predicted means "
        "at the same points, equations (22) to (28) of docs/theory.md",
        refuted=f"one chi, d and window at which {symbol} is excluded and departs by more than "
        f"{'0.1' if '-' in quantity else 'a tenth'}",
        estimator=_SLOPE,
        measure=_by_law(quantity),
        draw=draw,
    )


CLAIMS = (
    _claim(
        "perceptron-gamma",
        "Perceptron: ||w|| ~ P^gamma with gamma = 1/(1 + chi).",
        Whose.PAPER,
        Table.PAPERS,
        judged="gamma extrapolated to P -> infinity at each d, then along 2/(d+1) to d -> "
        "infinity, against 1/(1 + chi)",
        refuted="one chi at which the extrapolated gamma is excluded and departs by more than a "
        "tenth",
        estimator=_LIMIT,
        measure=_asymptotic("gamma"),
        draw=local("gamma"),
    ),
    _claim(
        "perceptron-b",
        "Perceptron: t* ~ P^b with b = 1 + 2/(1 + chi).",
        Whose.PAPER,
        Table.PAPERS,
        judged="b extrapolated to P -> infinity at each d, then along 2/(d+1) to d -> infinity, "
        "against 1 + 2/(1 + chi)",
        refuted="one chi at which the extrapolated b is excluded and departs by more than a tenth",
        estimator=_LIMIT,
        measure=_asymptotic("b"),
        draw=local("b"),
    ),
    _claim(
        "perceptron-b-gamma",
        "Perceptron: b = 1 + 2 gamma for any chi, at the sizes measured.",
        Whose.OURS,
        Table.OURS,
        judged="b - 1 - 2 gamma measured over a window of P against 0, as for nets",
        refuted="one chi and d at which 0 is excluded and b - 1 - 2 gamma departs by more than 0.1",
        estimator=f"{_SLOPE} of t*/||w||^2",
        measure=_as_claimed("b - 1 - 2 gamma", 0.0, TENTH),
        draw=on_P(t_star_over_w2, "t* T / ||w||^2"),
    ),
    _claim(
        "limit-at-fixed-d",
        "Perceptron: for P -> infinity at fixed d, gamma = (d-1)/((d+1)(1 + chi)), b = (3 + chi) "
        "gamma and b - 1 - 2 gamma = -2/(d+1).",
        Whose.OURS,
        Table.OURS,
        judged="gamma, b and b - 1 - 2 gamma extrapolated to P -> infinity at each d against "
        "equation (26) of docs/theory.md",
        refuted="one chi and d at which one of them is excluded and departs by more than a tenth, "
        "or 0.1 of b - 1 - 2 gamma",
        estimator=_LIMIT,
        measure=_fixed_d,
        draw=local("gamma"),
    ),
    _by_size(
        "law-gamma",
        "gamma",
        "Perceptron: ||w|| grows with P as predicted at the sizes measured.",
        on_P(w_norm, "||w|| / T"),
    ),
    _by_size(
        "law-b",
        "b",
        "Perceptron: t* grows with P as predicted at the sizes measured.",
        on_P(t_star, "t* / T"),
    ),
    _by_size(
        "law-b-gamma",
        "b - 1 - 2 gamma",
        "Perceptron: b - 1 - 2 gamma is as predicted at the sizes measured.",
        on_P(t_star_over_w2, "t* T / ||w||^2"),
    ),
    _claim(
        "perceptron-delta",
        "Perceptron: ||w|| ~ T^delta with delta = 1 where noise dominates.",
        Whose.PAPER,
        Table.SYMMETRY,
        judged="delta at T >= 512 kappa against 1, which (M2) of docs/theory.md gives for kappa/T "
        "-> 0",
        refuted="one chi, d and window at which 1 is excluded and delta departs by more than 0.05: "
        "a fault of the program",
        estimator=_SLOPE,
        measure=_as_claimed("delta", 1.0, _ON_T["delta"]),
        draw=on_T("w_norm", "||w||"),
    ),
    _claim(
        "perceptron-t-star-on-T",
        "Perceptron: t* ~ T where noise dominates.",
        Whose.PAPER,
        Table.SYMMETRY,
        judged="slope of ln t* on ln T at T >= 512 kappa against 1, which (M2) of docs/theory.md "
        "gives for kappa/T -> 0",
        refuted="one chi, d and window at which 1 is excluded and the slope departs by more than "
        "0.1: a fault of the program",
        estimator=_SLOPE,
        measure=_as_claimed("t_star_on_T", 1.0, _ON_T["t_star_on_T"]),
        draw=on_T("t_star", "t*"),
    ),
)
