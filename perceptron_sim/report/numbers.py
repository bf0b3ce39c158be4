"""The numbers of a report as text, as JSON and as CSV."""

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from perceptron_sim.claims import Finding, Judgement, Measurement, Verdict
from perceptron_sim.intervals import quantile

# Measurements of a claim that the first table shows.
_SHOWN = 3

# A spreadsheet reads a cell that begins with one of these as a formula.
_FORMULA = ("=", "+", "@", "\t", "\r")


def shown(judgement: Judgement) -> list[tuple[str, str, str]]:
    """Return (measured, predicted, of what) of the measurements that a verdict rests on."""
    telling = judgement.telling
    rows = [
        (
            f"{f.measurement.quantity} {interval(f.measurement)}",
            prediction(f.measurement),
            f.measurement.model,
        )
        for f in telling[:_SHOWN]
    ]
    rest = len(telling) - _SHOWN
    return [*rows, (f"and {rest} more", "", "")] if rest > 0 else rows


def interval(measured: Measurement) -> str:
    """Return "value [low, high]" with two digits of the half-width."""
    half = 0.5 * (measured.ci_high - measured.ci_low)
    value, low, high = (
        rounded(x, half) for x in (measured.value, measured.ci_low, measured.ci_high)
    )
    return f"{value} [{low}, {high}]"


def prediction(measured: Measurement) -> str:
    """Return the prediction, with its error or its range; a dash where there is none."""
    if measured.expected is None:
        return "–"
    scale = 0.5 * (measured.ci_high - measured.ci_low)
    if measured.expected_error > 0.0:
        error = quantile() * measured.expected_error
        return f"{rounded(measured.expected, scale)} ± {error:.2g}"
    text = _exact(measured.expected, scale)
    if measured.expected_high is None:
        return text
    if math.isinf(measured.expected_high):
        return f"≥ {text}"
    return f"{text} to {_exact(measured.expected_high, scale)}"


def _exact(value: float, scale: float) -> str:
    """Return a number without error: 1 rather than 1.0000."""
    return f"{value:g}".replace("-", "−") if value == round(value, 3) else rounded(value, scale)


def rounded(value: float, scale: float) -> str:
    """Return ``value`` to the second digit of ``scale``, at most six decimals."""
    if not math.isfinite(value):
        return {math.inf: "∞", -math.inf: "−∞"}.get(value, "not a number")
    size = scale if math.isfinite(scale) and scale > 0.0 else 0.01 * abs(value) or 1.0
    decimals = 1 - math.floor(math.log10(size))
    if decimals > 6 or abs(value) >= 1e6:
        return f"{value:.4g}".replace("-", "−")
    return f"{value:.{max(decimals, 0)}f}".replace("-", "−")


def what_decides(finding: Finding) -> str:
    """Return what would decide an undecided measurement, else a dash."""
    if finding.verdict is Verdict.UNTESTED:
        return "a trusted prediction for this window"
    if finding.verdict is not Verdict.UNDECIDED:
        return "–"
    if finding.seeds_to_decide is None:
        return "other sizes, or a better prediction: seeds alone do not decide"
    cost = f", {finding.cost_to_decide} more" if finding.cost_to_decide else ""
    return f"about {finding.seeds_to_decide} seeds on this grid{cost}"


def as_json(judgement: Judgement, made_by: Sequence[str]) -> dict[str, Any]:
    """Return a judgement without its figure, with null for infinities and NaN.

    Args:
        judgement: a claim with its verdict.
        made_by: commands of the folders behind its measurements.
    """
    claim = judgement.claim
    return {
        "key": claim.key,
        "number": claim.number,
        "statement": claim.statement,
        "whose": claim.whose.tag,
        "source": claim.whose.value,
        "quantifier": claim.quantifier.value,
        "table": claim.table.value,
        "judged": claim.judged,
        "refuted": claim.refuted,
        "command": claim.command,
        "made_by": list(made_by),
        "estimator": claim.estimator,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "measurements": [_measurement(finding) for finding in judgement.findings],
        "folders": list(judgement.folders),
    }


def _measurement(finding: Finding) -> dict[str, Any]:
    measured = finding.measurement
    kind = "value"
    if measured.expected_high is not None:
        kind = "at least" if math.isinf(measured.expected_high) else "range"
    values = {
        **asdict(measured),
        "expected_is": None if measured.expected is None else kind,
        "verdict": finding.verdict.value,
        "distance": finding.distance,
        "distance_dof": finding.dof,
        "p_value": finding.p_value,
        "p_within": finding.p_within,
        "seeds_to_decide": finding.seeds_to_decide,
        "cost_to_decide": finding.cost_to_decide,
    }
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def measurements_csv(judgements: Iterable[Judgement]) -> str:
    """Return all measurements, one per row, with the key of their claim."""
    rows = [
        {"claim": judgement.claim.key, **_measurement(finding)}
        for judgement in judgements
        for finding in judgement.findings
    ]
    return _csv(list(rows[0]), [list(row.values()) for row in rows]) if rows else ""


def panels_csv(judgement: Judgement) -> str:
    """Return points and lines of a figure, one point per row, without those of measurements."""
    rows: list[list[Any]] = []
    for panel in (panel for panel in judgement.panels if not panel.rows):
        for series in panel.series:
            nothing: list[Any] = [None] * len(series.x)
            low, high = (v if len(v) else nothing for v in (series.y_low, series.y_high))
            kind = "theory" if series.theory else "line" if series.line else "measured"
            for at in zip(series.x, series.y, low, high, strict=True):
                rows.append([panel.title, series.label, kind, panel.x_label, panel.y_label, *at])
    header = ["panel", "series", "kind", "x_is", "y_is", "x", "y", "y_ci_low", "y_ci_high"]
    return _csv(header, rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
