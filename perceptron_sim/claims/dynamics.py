"""Claims about what of the noise matters: its covariance, or that it comes in jumps."""

import math
from collections.abc import Callable, Sequence
from functools import partial

from perceptron_sim.claims.claim import Claim, Measurement, Table, Whose
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.phase.courses import LABELS
from perceptron_sim.phase.dynamics import end_ratios
from perceptron_sim.phase.entries import DynamicsEnd, EndRatio

_POISSON = LABELS["poisson"]
# The SDE in steps of T and finer ones; the authors' variant takes steps of eta.
_GAUSSIAN = tuple(LABELS[name] for name in ("sde", "sde/4", "sde/16", "sde-uncentred"))
_QUANTITIES = {"w_norm": "||w||", "t_star": "t*"}
# Noise dominates below this B/B* and above this T/kappa.
_FIRST_STEP, _HOT = 0.3, 16.0
# Departure in ln that counts as agreement, and the least that counts as another end.
_SAME, _OTHER = 0.1, 0.1


def _ratios(evidence: Evidence, dynamics: Sequence[str]) -> list[EndRatio]:
    """Return ||w|| and t* of some dynamics over SGD's, in the noise-dominated phase of SGD."""
    rows = [
        row
        for _, row in evidence.rows("ends", DynamicsEnd)
        if row.dynamics in dynamics and row.B_over_B_star is not None
        if row.B_over_B_star < _FIRST_STEP and _HOT * row.kappa < row.T
    ]
    return [found for found in end_ratios(rows) if found.quantity in _QUANTITIES]


def _model(row: EndRatio) -> str:
    return f"{row.dynamics}, chi = {row.chi:g}, d = {row.d}, P = {row.P}, B = {row.B}"


def _measurement(row: EndRatio, sign: float, **judged: float) -> Measurement:
    value, *ends = (sign * math.log(x) for x in (row.measured, row.ci_low, row.ci_high))
    symbol = _QUANTITIES[row.quantity]
    return Measurement(
        quantity=f"ln({symbol} over SGD's)" if sign > 0.0 else f"ln(SGD's {symbol} over this)",
        model=_model(row),
        value=value,
        ci_low=min(ends),
        ci_high=max(ends),
        window=f"T/kappa {row.T / row.kappa:.4g}" if row.kappa else "kappa 0",
        n_seeds=row.n_seeds,
        dof=row.n_seeds - 1.0,
        **judged,  # type: ignore[arg-type]
    )


def _same(evidence: Evidence) -> list[Measurement]:
    rows = _ratios(evidence, (_POISSON,))
    return [_measurement(row, 1.0, resolution=_SAME, expected=0.0) for row in rows]


def _short(evidence: Evidence) -> list[Measurement]:
    rows = _ratios(evidence, _GAUSSIAN)
    return [
        _measurement(row, -1.0, resolution=0.0, expected=_OTHER, expected_high=math.inf)
        for row in rows
    ]


def _draw(dynamics: Sequence[str]) -> Callable[[Evidence], Sequence[Panel]]:
    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        rows = _ratios(evidence, dynamics)
        panels = []
        for quantity, symbol in _QUANTITIES.items():
            series: list[Series] = []
            for at in dict.fromkeys((row.dynamics, row.chi, row.d, row.P) for row in rows):
                some = [
                    row
                    for row in rows
                    if row.quantity == quantity and (row.dynamics, row.chi, row.d, row.P) == at
                ]
                name, chi, d, P = at
                series.append(
                    Series(
                        f"{name}, chi = {chi:g}, d = {d}, P = {P}",
                        [row.B for row in some],
                        [row.measured for row in some],
                        [row.ci_low for row in some],
                        [row.ci_high for row in some],
                    )
                )
            if series:
                ends = [min(row.B for row in rows), max(row.B for row in rows)]
                series.append(Series("SGD", ends, [1.0, 1.0], line=True, theory=True))
            panels.append(
                Panel(f"{symbol} at the end", "batch size B", f"{symbol} / SGD's", series)
            )
        return drawn(panels)

    return draw


_claim = partial(
    Claim,
    "4",
    whose=Whose.OURS,
    table=Table.OURS,
    command="perceptron-sim phase --plane dynamics --chi 1 -d 16,64 -P 1024 -B 1,2 --seeds 12",
    estimator="mean over seeds of the difference in ln at the end, on the same data; Student t",
)


CLAIMS: Sequence[Claim] = (
    _claim(
        "poisson-as-sgd",
        "Where noise dominates, Poisson hits of the same mean as SGD's end where SGD ends: its "
        "jumps suffice.",
        judged=f"ln ||w|| and ln t* of Poisson hits less those of SGD against 0, within {_SAME:g}",
        refuted=f"one chi, d, P and B < 0.3 B* at which 0 is excluded by more than {_SAME:g}",
        measure=_same,
        draw=_draw((_POISSON,)),
    ),
    _claim(
        "sde-ends-short",
        "Where noise dominates, Gaussian noise of SGD's covariance ends at smaller weights and "
        "earlier than SGD: its covariance does not suffice.",
        judged=f"ln ||w|| and ln t* of SGD less those of the SDE against {_OTHER:g} and more",
        refuted=f"one chi, d, P, B < 0.3 B* and step at which it ends within {_OTHER:g} of SGD",
        measure=_short,
        draw=_draw(_GAUSSIAN),
    ),
)
