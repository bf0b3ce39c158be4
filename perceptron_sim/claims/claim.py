"""A claim, what was measured for it, and the rule that turns the two into a verdict.

The rule (``judge``) is one for all claims. A measurement ``fails`` where its prediction is
excluded with the whole claim's false alarms held at ``FALSE_ALARMS``; it ``holds`` where it is
compatible at 95 % and all errors together are within the resolution asked for; else it is
``undecided``, and the number of seeds that would decide is said. A claim fails if one of its
measurements does, holds if all do, and is undecided otherwise.
"""

import enum
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from scipy import special

from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.errors import InputError

if TYPE_CHECKING:
    from perceptron_sim.claims.evidence import Evidence

# Probability that a claim which is true is said to fail, all its measurements together.
FALSE_ALARMS = 0.01
_Z95 = float(special.ndtri(0.975))
# Distance of a measurement and of its prediction from the middle of their row.
_BESIDE = 0.16


class Verdict(enum.Enum):
    """How a claim or a measurement stands."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Measurement:
    """One number that bears on a claim, with its interval and what was expected of it.

    Attributes:
        quantity: what it is, in symbols, such as "gamma".
        model: whose, such as "perceptron chi = 1, d = 16" or "lazy mlp on digits".
        value: the estimate.
        ci_low, ci_high: its 95 % interval.
        window: over which sizes, temperatures or times it was taken.
        n_seeds: independent replicas behind it.
        resolution: 95 % half-width, all errors together, at which it counts as decided.
        expected: the prediction it is judged by, at the size measured where there is one.
        expected_error: standard error of that prediction; 0 for an exact one.
        expected_high: for a prediction that is a range, its upper end; ``expected`` is the lower.
        asymptotic: the prediction for P -> infinity, where it differs or is the only one.
        systematic: systematic error beside the interval, if one was estimated.
        note: one line more, if needed.
    """

    quantity: str
    model: str
    value: float
    ci_low: float
    ci_high: float
    window: str
    n_seeds: int
    resolution: float
    expected: float | None = None
    expected_error: float = 0.0
    expected_high: float | None = None
    asymptotic: float | None = None
    systematic: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """A measurement with its verdict.

    Attributes:
        measurement: what was measured.
        verdict: how it stands.
        distance: departure from the prediction in standard errors, both errors together; None
            without a prediction.
        seeds_to_decide: where undecided, the number of seeds on the same grid at which the
            interval reaches the resolution; None where seeds alone would not decide.
        p_value: of that departure or a larger one; None without a prediction.
    """

    measurement: Measurement
    verdict: Verdict
    distance: float | None
    seeds_to_decide: int | None
    p_value: float | None


@dataclass(frozen=True)
class Claim:
    """A statement of the papers that can be put to the test.

    Attributes:
        key: short name, stable: "gamma-perceptron".
        number: number of the group of claims it belongs to, as on docs/claims.md, "1" to "6".
        statement: what is claimed, one sentence with symbols.
        source: where it is claimed.
        command: the full command whose folder decides it.
        estimator: how the number is got, one sentence.
        measure: finds the measurements in run folders; none if the folders do not bear on it.
        draw: the data behind the measurements, as panels, from the same folders.
    """

    key: str
    number: str
    statement: str
    source: str
    command: str
    estimator: str
    measure: Callable[["Evidence"], Sequence[Measurement]]
    draw: Callable[["Evidence"], Sequence[Panel]] = field(default=lambda evidence: ())


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict.

    Attributes:
        claim: what is claimed.
        verdict: how it stands.
        findings: the measurements behind it, each with its own verdict.
        reason: the verdict in one sentence.
        panels: of its figure: what is judged, then the data behind it.
        folders: of the runs behind it.
    """

    claim: Claim
    verdict: Verdict
    findings: Sequence[Finding]
    reason: str
    panels: Sequence[Panel] = ()
    folders: Sequence[str] = ()


def judge(claim: Claim, evidence: "Evidence") -> Judgement:
    """Measure what a claim is about in run folders, and say how it stands.

    Raises:
        InputError: if a summary is not as this version writes it.
    """
    try:
        measurements = list(claim.measure(evidence))
        panels = claim.draw(evidence) if measurements else ()
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        # Summaries are files of the user's: any may be of another version, or edited.
        raise InputError(
            f"a summary.json of {', '.join(evidence.names)} does not tell what {claim.key} needs "
            f"({type(error).__name__}: {error}): repeat the command that wrote it, which does "
            "no run again"
        ) from error
    findings = [_finding(each, len(measurements)) for each in measurements]
    if findings:
        panels = (judged_panel(findings), *panels)
    verdict = _together([finding.verdict for finding in findings])
    return Judgement(claim, verdict, findings, _reason(findings), panels, evidence.names)


def _finding(measured: Measurement, of: int) -> Finding:
    if measured.expected is None or not math.isfinite(measured.value):
        return Finding(measured, Verdict.UNDECIDED, None, None, None)
    half = 0.5 * (measured.ci_high - measured.ci_low)
    error = math.hypot(half / _Z95, measured.expected_error, measured.systematic or 0.0)
    low = measured.expected
    high = low if measured.expected_high is None else measured.expected_high
    away = max(low - measured.value, measured.value - high, 0.0)
    distance = away / error if error > 0.0 else (math.inf if away > 0.0 else 0.0)
    p_value = float(2.0 * special.ndtr(-distance))
    if p_value < FALSE_ALARMS / of:
        return Finding(measured, Verdict.FAILS, distance, None, p_value)
    if distance <= _Z95 and _Z95 * error <= measured.resolution:
        return Finding(measured, Verdict.HOLDS, distance, None, p_value)
    return Finding(measured, Verdict.UNDECIDED, distance, _seeds(measured, distance, of), p_value)


def _seeds(measured: Measurement, distance: float, of: int) -> int | None:
    """Return the number of seeds at which the errors would be small enough to decide."""
    statistical = 0.5 * (measured.ci_high - measured.ci_low) / _Z95
    fixed = math.hypot(measured.expected_error, measured.systematic or 0.0)
    wanted = measured.resolution / _Z95
    if distance > _Z95:
        # In tension: until a departure as large as this one would be excluded.
        excluded = float(-special.ndtri(FALSE_ALARMS / of / 2.0))
        wanted = min(wanted, math.hypot(statistical, fixed) * distance / excluded)
    # What seeds do not reduce must leave room.
    if fixed >= wanted or statistical == 0.0:
        return None
    return math.ceil(measured.n_seeds * statistical**2 / (wanted**2 - fixed**2))


def _together(verdicts: Sequence[Verdict]) -> Verdict:
    if Verdict.FAILS in verdicts:
        return Verdict.FAILS
    if verdicts and all(verdict is Verdict.HOLDS for verdict in verdicts):
        return Verdict.HOLDS
    return Verdict.UNDECIDED


def _reason(findings: Sequence[Finding]) -> str:
    if not findings:
        return "no run here determines it"
    failed = [f for f in findings if f.verdict is Verdict.FAILS]
    if failed:
        worst = max(failed, key=lambda f: f.distance or 0.0)
        return (
            f"{len(failed)} of {len(findings)} measurements exclude the prediction, "
            f"{worst.measurement.quantity} of {worst.measurement.model} by "
            f"{worst.distance:.1f} standard errors"
        )
    open_ones = [f for f in findings if f.verdict is Verdict.UNDECIDED]
    if not open_ones:
        return f"{len(findings)} of {len(findings)} measurements agree, each within its resolution"
    needed = [f.seeds_to_decide for f in open_ones]
    known = [seeds for seeds in needed if seeds is not None]
    if known and len(known) == len(needed):
        more = f"about {max(known)} seeds on the same grid would decide"
    else:
        more = "other sizes are needed to decide, not only seeds"
    return f"{len(open_ones)} of {len(findings)} measurements are undecided: {more}"


def judged_panel(findings: Sequence[Finding]) -> Panel:
    """Return what is judged as a panel: a row for each measurement, its prediction beside it."""
    measurements = [finding.measurement for finding in findings]
    quantities = list(dict.fromkeys(m.quantity for m in measurements))
    one = len(quantities) == 1
    windows = len({(m.quantity, m.model) for m in measurements}) < len(measurements)
    names = [
        " ".join([*([] if one else [f"{m.quantity}:"]), m.model, *([m.window] if windows else [])])
        for m in measurements
    ]
    verdicts = [finding.verdict.value for finding in findings]
    rows = [f"{name}: {verdict}" for name, verdict in zip(names, verdicts, strict=True)]
    known = [x for m in measurements for x in (m.value, m.ci_low, m.ci_high, m.expected)]
    finite = [x for x in known if x is not None and math.isfinite(x)] or [0.0]
    beyond = max(finite) + 0.25 * ((max(finite) - min(finite)) or 1.0)
    series = [
        _in_rows("measured, 95 %", [(m.value, m.ci_low, m.ci_high) for m in measurements]),
        _in_rows("predicted", [_predicted(m, beyond) for m in measurements], theory=True),
        _in_rows(
            "predicted for P -> infinity",
            [
                None if m.asymptotic in (None, m.expected) else (m.asymptotic, math.nan, math.nan)
                for m in measurements
            ],
            theory=True,
        ),
    ]
    return Panel(
        "what is judged",
        quantities[0] if one else "measured",
        "",
        [each for each in series if each.x],
        log_x=False,
        log_y=False,
        rows=rows,
    )


def _predicted(measured: Measurement, beyond: float) -> tuple[float, float, float] | None:
    """Return a prediction with its 95 % interval, or the range that it allows."""
    if measured.expected is None:
        return None
    if measured.expected_high is None:
        half = _Z95 * measured.expected_error
        ends = (measured.expected - half, measured.expected + half) if half else (math.nan,) * 2
        return measured.expected, *ends
    high = measured.expected_high
    middle = measured.expected if math.isinf(high) else 0.5 * (measured.expected + high)
    return middle, measured.expected, min(high, beyond)


def _in_rows(
    label: str, found: Sequence[tuple[Any, Any, Any] | None], theory: bool = False
) -> Series:
    """Return points with intervals along x, each in the row of its position, theory below."""
    known = [(i, each) for i, each in enumerate(found) if each is not None]
    x, low, high = ([float(each[k]) for _, each in known] for k in range(3))
    y = [i + (_BESIDE if theory else -_BESIDE) for i, _ in known]
    return Series(label, x, y, theory=theory, x_low=low, x_high=high)


def without_panels(judgement: Judgement) -> Judgement:
    """Return the judgement less its figure, for tables."""
    return replace(judgement, panels=())
