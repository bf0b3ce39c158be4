"""The rule that turns measurements into verdicts: one for all claims.

All errors are combined: that of the interval, that of the prediction and the systematic one. Tails
are those of Student's t for the first and normal for the others, mixed so that no rate exceeds its
stated value (``intervals.tail``). A measurement

- holds where its departure is shown to be below the resolution: two one-sided t tests at
  ``FALSE_HOLDS`` each (an equivalence test);
- fails where its prediction is excluded, with the false alarms of the whole claim held at
  ``FALSE_ALARMS`` by Holm's method, and the estimate departs by more than the resolution;
- is undecided otherwise.

A claim "for all" fails if one measurement fails, and holds if all hold. Each must be shown to be
within its resolution. So a claim with one exception holds with probability ``FALSE_HOLDS`` at most,
for any number of measurements (an intersection-union test). A claim that something "exists" holds
if one measurement is shown to be within its range, by Holm's method at ``FALSE_ALARMS`` over all of
them. Otherwise it is not seen. Measurements without a trusted prediction are shown only.
docs/compare.md has the measured error rates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from perceptron_sim.claims.claim import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Quantifier,
    Verdict,
)
from perceptron_sim.claims.panels import judged_panel
from perceptron_sim.intervals import mixed_dof, quantile, tail
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.claims.evidence import Evidence

# Probability that a claim "for all" that is true fails, and that one of existence that is not
# true holds: all its measurements together.
FALSE_ALARMS = 0.01
# Probability that a claim "for all" holds of which one measurement departs by its resolution.
FALSE_HOLDS = 0.05
# More seeds than this are no advice.
_MOST_SEEDS = 10_000


def judge(claim: Claim, evidence: "Evidence") -> Judgement:
    """Measure the quantities of a claim in run folders, and return the judgement.

    Raises:
        InputError: if a summary is not as this or an earlier version writes it.
    """
    measurements = list(claim.measure(evidence))
    panels = claim.draw(evidence) if measurements else ()
    findings = with_advice(find(measurements, claim.quantifier))
    findings = _with_costs(findings, claim, evidence)
    if findings:
        panels = (judged_panel(findings), *panels)
    verdict = together([finding.verdict for finding in findings], claim.quantifier)
    reason = _reason(findings, verdict, claim.quantifier)
    return Judgement(claim, verdict, findings, reason, panels, evidence.names)


def find(measurements: Sequence[Measurement], quantifier: Quantifier) -> list[Finding]:
    """Return the verdict of each measurement of one claim."""
    tests = [_Test.of(measured) for measured in measurements]
    known = [test for test in tests if test is not None]
    findings = []
    for measured, test in zip(measurements, tests, strict=True):
        if test is None:
            findings.append(Finding(measured, Verdict.UNTESTED))
            continue
        verdict = _verdict(test, known, quantifier)
        findings.append(
            Finding(*(measured, verdict, test.distance, test.dof, test.p_value, test.p_within))
        )
    return findings


def with_advice(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of one claim, the undecided ones with the seeds that would decide."""
    tests = [_Test.of(finding.measurement) for finding in findings]
    advised = []
    for finding, test in zip(findings, tests, strict=True):
        if finding.verdict is Verdict.UNDECIDED:
            others = [other for other in tests if other is not None and other is not test]
            advised.append(replace(finding, seeds_to_decide=_seeds(finding.measurement, others)))
        else:
            advised.append(finding)
    return advised


def _with_costs(findings: Sequence[Finding], claim: Claim, evidence: "Evidence") -> list[Finding]:
    """Return the findings, with what more seeds cost where one folder holds the runs of one."""
    if all(finding.seeds_to_decide is None for finding in findings):
        return list(findings)
    folder_of = {
        (m.quantity, m.model, m.value): folder
        for folder in evidence.folders
        if folder.has_runs
        for m in claim.measure(type(evidence)((folder,)))
    }
    priced = []
    for finding in findings:
        m, seeds = finding.measurement, finding.seeds_to_decide
        folder = folder_of.get((m.quantity, m.model, m.value))
        if seeds is not None and folder is not None:
            finding = replace(finding, cost_to_decide=folder.cost(seeds / m.n_seeds - 1.0))
        priced.append(finding)
    return priced


@dataclass(frozen=True, eq=False)
class _Test:
    """A measurement next to its prediction: fields as in ``Finding``, and the departure itself."""

    departure: float
    resolution: float
    distance: float
    dof: float
    p_value: float
    p_within: float

    @classmethod
    def of(cls, measured: Measurement) -> "_Test | None":
        if measured.expected is None or not math.isfinite(measured.value):
            return None
        low = measured.expected
        high = low if measured.expected_high is None else measured.expected_high
        known = measured.expected_error**2 + (measured.systematic or 0.0) ** 2
        variances = (measured.std_error**2, measured.dof, known)
        error = math.sqrt(variances[0] + known)
        dof = mixed_dof([variances[:2], (known, math.inf)])
        departure = max(low - measured.value, measured.value - high, 0.0)
        # How far the estimate lies inside what counts as agreement, from the nearer end.
        inside = min(measured.value - low, high - measured.value) + measured.resolution

        def errors(length: float) -> float:
            return length / error if error > 0.0 else math.copysign(math.inf, length)

        distance = errors(departure) if departure > 0.0 else 0.0
        return cls(
            departure,
            measured.resolution,
            distance,
            dof,
            p_value=2.0 * tail(distance, *variances),
            p_within=tail(errors(inside), *variances),
        )


def _verdict(test: _Test, family: Sequence[_Test], quantifier: Quantifier) -> Verdict:
    if quantifier is Quantifier.EXISTS:
        shown = _rejected(test.p_within, [other.p_within for other in family])
        return Verdict.HOLDS if shown else Verdict.NOT_SEEN
    if test.p_within <= FALSE_HOLDS:
        return Verdict.HOLDS
    excluded = _rejected(test.p_value, [other.p_value for other in family])
    if excluded and test.departure > test.resolution:
        return Verdict.FAILS
    return Verdict.UNDECIDED


def _rejected(p_value: float, family: Sequence[float]) -> bool:
    """Tell whether Holm's method at ``FALSE_ALARMS`` rejects the hypothesis of a p-value."""
    ordered = sorted(family)
    for i, p in enumerate(ordered):
        if p > FALSE_ALARMS / (len(ordered) - i):
            return False
        if p >= p_value:
            return True
    return False


def _seeds(measured: Measurement, others: Sequence[_Test]) -> int | None:
    """Return the number of seeds at which this estimate would be decided, if it stayed."""

    def decided(n_seeds: int) -> bool:
        share = n_seeds / measured.n_seeds
        # Degrees of freedom grow with the seeds less one.
        dof = measured.dof * (n_seeds - 1) / max(measured.n_seeds - 1, 1)
        # Intervals of this error: with infinite dof the half-width is known.
        half = measured.std_error / math.sqrt(share) * quantile(dof)
        low, high = measured.value - half, measured.value + half
        test = _Test.of(replace(measured, ci_low=low, ci_high=high, dof=dof))
        assert test is not None
        verdict = _verdict(test, [test, *others], Quantifier.FOR_ALL)
        return verdict is not Verdict.UNDECIDED

    low, high = measured.n_seeds, _MOST_SEEDS
    if not decided(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def together(verdicts: Sequence[Verdict], quantifier: Quantifier) -> Verdict:
    """Return the verdict of a claim by those of its measurements."""
    known = [verdict for verdict in verdicts if verdict is not Verdict.UNTESTED]
    if not known:
        return Verdict.UNTESTED
    if quantifier is Quantifier.EXISTS:
        return Verdict.HOLDS if Verdict.HOLDS in known else Verdict.NOT_SEEN
    if Verdict.FAILS in known:
        return Verdict.FAILS
    return Verdict.UNDECIDED if Verdict.UNDECIDED in known else Verdict.HOLDS


def _reason(findings: Sequence[Finding], verdict: Verdict, quantifier: Quantifier) -> str:
    if not findings:
        return "no run here determines it"
    known = [f for f in findings if f.verdict is not Verdict.UNTESTED]
    if not known:
        return f"no prediction is trusted for {counted(len(findings), 'measurement')}"
    of = len(known)
    counts = {v: sum(f.verdict is v for f in known) for v in Verdict}
    if quantifier is Quantifier.EXISTS:
        n = counts[Verdict.HOLDS]
        return (
            f"{n or 'none'} of {counted(of, 'measurement')} shows it"
            if n < 2
            else (f"{n} of {counted(of, 'measurement')} show it")
        )
    if verdict is Verdict.FAILS:
        n = counts[Verdict.FAILS]
        return f"{n} of {counted(of, 'measurement')} {_verb(n, 'exclude')} the prediction"
    if verdict is Verdict.HOLDS:
        far = max(f.distance or 0.0 for f in known)
        more = f"; the largest departure is {far:.1f} standard errors" if far > 3.0 else ""
        return f"{of} of {counted(of, 'measurement')} within the resolution{more}"
    n = counts[Verdict.UNDECIDED]
    needed = [f.seeds_to_decide for f in known if f.verdict is Verdict.UNDECIDED]
    seeds = [s for s in needed if s is not None]
    more = (
        f"about {max(seeds)} seeds on the same grid would decide"
        if len(seeds) == len(needed)
        else "seeds alone would not decide"
    )
    return f"{n} of {counted(of, 'measurement')} undecided: {more}"


def _verb(n: int, verb: str) -> str:
    return f"{verb}s" if n == 1 else verb
