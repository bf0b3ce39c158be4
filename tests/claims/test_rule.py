"""The rule that turns measurements into verdicts, and its error rates by simulation."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from synthetic import lazy_nets, limit_law, our_law, paper_law, perceptrons, rates, verdicts

from nets.claims import _difference
from perceptron_sim.analysis.exponents import ExponentRow
from perceptron_sim.claims import (
    Claim,
    Judgement,
    Measurement,
    Quantifier,
    Verdict,
    judge,
)
from perceptron_sim.claims.evidence import Evidence, Folder
from perceptron_sim.claims.rule import FALSE_ALARMS, FALSE_HOLDS, find, together
from perceptron_sim.intervals import mixed_dof, quantile
from perceptron_sim.report.numbers import what_decides

NOTHING = Evidence(())


def measurement(value: float, error: float, dof: float = 20.0, **more) -> Measurement:
    """Return a measurement of a number that is predicted to be 0.5, within 0.1."""
    half = error * quantile(dof)
    values = {
        "quantity": "gamma",
        "model": "perceptron",
        "value": value,
        "ci_low": value - half,
        "ci_high": value + half,
        "window": "P 1..2",
        "n_seeds": 10,
        "dof": dof,
        "resolution": 0.1,
        "expected": 0.5,
    }
    return Measurement(**(values | more))


def verdict_of(*measurements: Measurement, quantifier=Quantifier.FOR_ALL) -> Verdict:
    found = [finding.verdict for finding in find(measurements, quantifier)]
    return together(found, quantifier)


def judged(*measurements: Measurement, quantifier=Quantifier.FOR_ALL) -> Judgement:
    claim = Claim(
        "5",
        "k",
        "s",
        quantifier=quantifier,
        judged="judged",
        refuted="refuted",
        command="command",
        estimator="estimator",
        measure=lambda evidence: measurements,
    )
    return judge(claim, NOTHING)


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (measurement(0.5, 0.025), Verdict.HOLDS),
        (measurement(0.9, 0.025), Verdict.FAILS),
        # Compatible with anything: nothing was shown.
        (measurement(0.5, 0.25), Verdict.UNDECIDED),
        # Told from the prediction by four errors, and shown to be nearer than the resolution.
        (measurement(0.54, 0.01), Verdict.HOLDS),
        # Told from it, but neither shown to be within the resolution nor beyond it.
        (measurement(0.59, 0.02), Verdict.UNDECIDED),
        (measurement(0.9, 0.025, systematic=0.2), Verdict.UNDECIDED),
        (measurement(0.9, 0.025, expected_error=0.3), Verdict.UNDECIDED),
        # The same estimate and error: two seeds say less than twenty.
        (measurement(0.65, 0.03, dof=20.0), Verdict.FAILS),
        (measurement(0.65, 0.03, dof=1.0), Verdict.UNDECIDED),
        (measurement(0.5, 0.03, dof=20.0), Verdict.HOLDS),
        (measurement(0.5, 0.03, dof=1.0), Verdict.UNDECIDED),
        (measurement(0.9, 0.025, expected=None), Verdict.UNTESTED),
        (measurement(math.nan, 0.025), Verdict.UNTESTED),
        # A range: within, beyond by far, at its edge.
        (measurement(0.7, 0.025, expected_high=1.0, resolution=0.0), Verdict.HOLDS),
        (measurement(0.3, 0.025, expected_high=1.0, resolution=0.0), Verdict.FAILS),
        (measurement(0.5, 0.025, expected_high=1.0, resolution=0.0), Verdict.UNDECIDED),
        (measurement(3.0, 0.025, expected_high=math.inf, resolution=0.0), Verdict.HOLDS),
        # An exact number without an error.
        (measurement(0.5, 0.0), Verdict.HOLDS),
        (measurement(0.7, 0.0), Verdict.FAILS),
    ],
)
def test_verdict_of_one_measurement(measured: Measurement, verdict: Verdict) -> None:
    found = judged(measured)
    assert found.verdict is verdict
    assert found.findings[0].verdict is verdict


def test_one_failure_fails_a_claim_for_all_and_one_open_measurement_leaves_it_open() -> None:
    good, bad, wide = measurement(0.5, 0.025), measurement(0.9, 0.025), measurement(0.5, 0.25)
    untested = measurement(0.9, 0.025, expected=None)
    assert judged(good, good, untested).verdict is Verdict.HOLDS
    assert judged(good, wide).verdict is Verdict.UNDECIDED
    found = judged(good, wide, bad)
    assert found.verdict is Verdict.FAILS
    assert found.reason == "1 of 3 measurements excludes the prediction"
    assert found.telling[0].verdict is Verdict.FAILS
    assert judged().verdict is Verdict.UNTESTED
    assert judged(untested).reason == "no prediction is trusted for 1 measurement"


def test_one_instance_shows_a_claim_of_existence_and_no_exception_refutes_it() -> None:
    def effect(value: float) -> Measurement:
        return measurement(value, 0.05, expected=0.0, expected_high=math.inf, resolution=0.0)

    exists = partial(judged, quantifier=Quantifier.EXISTS)
    assert exists(effect(0.3)).verdict is Verdict.HOLDS
    assert exists(effect(0.3), effect(-0.4)).verdict is Verdict.HOLDS
    assert exists(effect(-0.4), effect(-0.3)).verdict is Verdict.NOT_SEEN
    # Twenty looks find one at 2.5 standard errors by chance: that shows nothing.
    assert exists(effect(0.125), *19 * [effect(0.0)]).verdict is Verdict.NOT_SEEN
    assert exists().verdict is Verdict.UNTESTED


def test_seeds_that_would_decide_do_decide() -> None:
    for undecided in (measurement(0.5, 0.15, dof=9.0), measurement(0.65, 0.06, dof=9.0)):
        (finding,) = judged(undecided).findings
        assert finding.verdict is Verdict.UNDECIDED
        n = finding.seeds_to_decide
        assert n is not None

        def again(seeds: int, was: Measurement = undecided) -> Verdict:
            error = was.std_error * math.sqrt(was.n_seeds / seeds)
            more = replace(was, dof=was.dof * (seeds - 1) / (was.n_seeds - 1))
            half = error * quantile(more.dof)
            ends = {"ci_low": was.value - half, "ci_high": was.value + half}
            return judged(replace(more, **ends)).verdict

        assert again(n) is not Verdict.UNDECIDED
        assert again(n - 1) is Verdict.UNDECIDED
    # Seeds do not mend a systematic error, nor a departure as large as the resolution.
    for lasting in (measurement(0.5, 0.15, systematic=0.3), measurement(0.6, 0.06)):
        (finding,) = judged(lasting).findings
        assert finding.seeds_to_decide is None


def test_more_seeds_are_priced_by_the_runs_that_are_there() -> None:
    undecided = measurement(0.5, 0.15, dof=9.0)
    claim = judged(undecided).claim

    def runs(seconds: float, **columns: str) -> SimpleNamespace:
        frame = pd.DataFrame({"wall_s": 100 * [seconds], **columns})
        folder = SimpleNamespace(path=Path("runs"), has_runs=True, runs=frame)
        folder.cost = partial(Folder.cost, folder)
        return folder

    # Perceptrons have no device.
    cases = [
        ({}, "core-hours"),
        ({"device": "cpu"}, "core-hours"),
        ({"device": "cuda"}, "GPU-hours"),
    ]
    for columns, unit in cases:
        evidence = Evidence((runs(36.0, **columns),))
        (finding,) = judge(claim, evidence).findings
        # 100 runs of 10 seeds took an hour.
        more = finding.seeds_to_decide / 10 - 1
        assert finding.cost_to_decide == f"{more:.2g} {unit}"
        assert what_decides(finding).endswith(f"seeds on this grid, {more:.2g} {unit} more")
    # Where a number needs two folders, no one folder has its price.
    both = replace(claim, measure=lambda e: [undecided] if len(e.folders) == 2 else [])
    evidence = Evidence((runs(36.0), runs(36.0)))
    assert judge(both, evidence).findings[0].cost_to_decide == ""


def test_degrees_of_freedom_mix_as_satterthwaite_says() -> None:
    assert mixed_dof([(2.0, 4.0)]) == pytest.approx(4.0)
    assert mixed_dof([(1.0, 3.0), (1.0, 3.0)]) == pytest.approx(6.0)
    assert mixed_dof([(1.0, 3.0), (9.0, math.inf)]) == pytest.approx(300.0)
    assert mixed_dof([(0.0, 3.0)]) == math.inf


@pytest.mark.parametrize(("n", "dof"), [(1, 1.0), (12, 4.0)])
def test_true_claims_fail_as_rarely_as_promised(n: int, dof: float) -> None:
    # 2,000 claims: the number that fails is binomial of mean <= 20; 48 is 6.3 standard deviations
    # off, false alarm below 1e-6. A normal tail instead of Student's fails 8 % and more at dof 4.
    rng = np.random.default_rng(7)
    failed = 0
    for _ in range(2000):
        found = 0.5 + 0.02 * rng.standard_normal(n)
        errors = 0.02 * np.sqrt(rng.chisquare(dof, n) / dof)
        each = [
            measurement(float(v), float(e), dof, resolution=0.0)
            for v, e in zip(found, errors, strict=True)
        ]
        failed += verdict_of(*each) is Verdict.FAILS
    assert failed < 48
    if n == 1:
        assert failed > 3, f"a test of level {FALSE_ALARMS} that never fails has no power"


@pytest.mark.parametrize("known", [0.25, 1.0, 4.0])
def test_a_known_error_beside_an_estimated_one_keeps_the_rate(known: float) -> None:
    # 4,000 claims of one measurement with 1 degree of freedom: fewer than 80 fail, false alarm
    # below 1e-7. Satterthwaite's t fails 8 % of them at a quarter.
    rng = np.random.default_rng(6)
    failed = 0
    for _ in range(4000):
        found = 0.5 + 0.02 * math.hypot(1.0, known) * float(rng.standard_normal())
        error = 0.02 * math.sqrt(rng.chisquare(1.0))
        measured = measurement(found, error, 1.0, resolution=0.0, expected_error=0.02 * known)
        failed += verdict_of(measured) is Verdict.FAILS
    assert failed < 80


@pytest.mark.parametrize("n", [1, 12])
def test_claims_with_one_exception_hold_as_rarely_as_promised(n: int) -> None:
    # One measurement departs by its resolution, the others by nothing. Binomial of mean 50 of
    # 1,000; 93 is 6.2 standard deviations off, false alarm below 1e-8.
    rng = np.random.default_rng(8)
    held = 0
    for _ in range(1000):
        found = 0.5 + 0.02 * rng.standard_normal(n)
        found[0] += 0.1
        errors = 0.02 * np.sqrt(rng.chisquare(9.0, n) / 9.0)
        each = [measurement(float(v), float(e), 9.0) for v, e in zip(found, errors, strict=True)]
        held += verdict_of(*each) is Verdict.HOLDS
    assert held < 93
    assert held > 20, f"a test of level {FALSE_HOLDS} that never holds has no power"


@pytest.mark.parametrize("n", [1, 12])
def test_what_does_not_exist_is_seen_as_rarely_as_promised(n: int) -> None:
    # As above: fewer than 48 of 2,000, false alarm below 1e-6.
    rng = np.random.default_rng(9)
    seen = 0
    for _ in range(2000):
        each = [
            measurement(float(v), 0.02, 1e6, expected=0.0, expected_high=math.inf, resolution=0.0)
            for v in 0.02 * rng.standard_normal(n)
        ]
        seen += verdict_of(*each, quantifier=Quantifier.EXISTS) is Verdict.HOLDS
    assert 3 < seen < 48


# --- through the entry points that runs take ---------------------------------------------------


@pytest.mark.parametrize("n_seeds", [2, 8])
def test_true_laws_of_nets_do_not_fail(n_seeds: int) -> None:
    # 30 draws at a rate of 1 %: seven or more have probability 2e-10 for each claim. A normal tail
    # fails most of them at two seeds.
    rng = np.random.default_rng(n_seeds)
    draw = partial(lazy_nets, rng, n_seeds, n_nets=2)
    found = rates(draw, ("lazy-on-T", "nets-b-gamma"), 30)
    for rate in found.values():
        assert rate.claims["fails"] < 7
        # Of 60 and 120 independent intervals: 7 standard deviations.
        assert rate.covered / rate.of > 0.75
    if n_seeds == 8:
        assert found["lazy-on-T"].share("holds") > 0.5


SMALL = {"chi": (1.0,), "P": (1024, 2896, 8192, 23170, 65536), "T": (1.0, 4.0)}


@pytest.mark.parametrize("planted", [0.0, 0.2])
def test_the_law_of_finite_sizes_is_told_from_one_a_fifth_off(planted: float) -> None:
    rng = np.random.default_rng(3)
    draw = partial(perceptrons, rng, 8, our_law, planted=planted, **SMALL)
    # Rates are 1 % of false fails, less of false holds at twice the resolution: 4 of 12 have
    # probability below 1e-5, and the seed is fixed.
    found = rates(draw, ("law-gamma", "law-b"), 12, planted)
    for rate in found.values():
        assert rate.claims["fails" if planted == 0.0 else "holds"] <= 3
        assert rate.claims["holds" if planted == 0.0 else "fails"] >= 2


def test_runs_that_obey_the_papers_exponents_confirm_the_paper_and_not_our_law() -> None:
    rng = np.random.default_rng(4)
    grid = {"P": tuple(1024 * 2**i for i in range(7)), "T": (1.0, 4.0), "law_error": False}
    keys = ("perceptron-gamma", "perceptron-b", "limit-at-fixed-d", "law-gamma", "law-b")
    paper = verdicts(perceptrons(rng, 60, paper_law, chi=(0.0,), **grid), keys)
    assert paper["perceptron-gamma"].verdict is Verdict.HOLDS
    assert paper["perceptron-b"].verdict is Verdict.HOLDS
    assert paper["limit-at-fixed-d"].verdict is Verdict.FAILS
    assert paper["law-gamma"].verdict is Verdict.FAILS
    # Our law has the paper's limit, and one of its own at fixed d.
    ours = verdicts(perceptrons(rng, 60, our_law, chi=(0.0,), **grid), keys)
    assert Verdict.FAILS not in {found.verdict for found in ours.values()}
    for key in ("perceptron-gamma", "perceptron-b", "law-gamma"):
        assert ours[key].verdict is Verdict.HOLDS
    limit = verdicts(perceptrons(rng, 60, limit_law, chi=(0.0,), **grid), keys)
    assert limit["perceptron-gamma"].verdict is Verdict.HOLDS
    assert limit["limit-at-fixed-d"].verdict is Verdict.HOLDS


def test_one_d_alone_leaves_the_limit_of_large_d_open() -> None:
    rng = np.random.default_rng(5)
    grid = {"P": tuple(1024 * 2**i for i in range(7)), "T": (1.0, 4.0), "law_error": False}
    found = verdicts(
        perceptrons(rng, 60, limit_law, chi=(0.0,), d=(16,), **grid), ("perceptron-gamma",)
    )["perceptron-gamma"]
    assert found.verdict is Verdict.UNDECIDED
    assert "one d alone" in found.findings[0].measurement.note


def test_models_that_share_seeds_are_compared_seed_by_seed() -> None:
    """Exponents of a seed are correlated by 0.9: paired intervals are a third as wide.

    Of 400 draws 95 % hold the true difference, to five standard errors of 1.1 %.
    """
    rng = np.random.default_rng(3)
    held, wider = [], []
    for _ in range(400):
        common = rng.normal(0.0, 0.03, 12)
        rows = [
            ExponentRow.from_json(_exponent_of(0.4 + common + rng.normal(0.0, 0.01, 12)))
            for _ in range(2)
        ]
        value, half, dof = _difference(*rows)
        assert dof == 11
        held.append(abs(value) <= half)
        apart = _difference(*(replace(row, seeds=(), of_seeds=()) for row in rows))
        assert apart[0] == pytest.approx(value)
        wider.append(apart[1] / half)
    assert abs(np.mean(held) - 0.95) < 0.055
    assert np.median(wider) > 2.5
    # Of seeds that only one of them has nothing is known; below two common ones none is paired.
    some = replace(rows[0], seeds=tuple(range(11, 23)))
    assert _difference(some, rows[1])[2] > 11


def _exponent_of(of_seeds: np.ndarray) -> dict[str, object]:
    n, error = len(of_seeds), float(np.std(of_seeds, ddof=1)) / math.sqrt(len(of_seeds))
    mean, half = float(of_seeds.mean()), quantile(n - 1.0) * error
    names = ("data", "arch", "act", "chi", "depth", "width", "systematic", "chi2_per_dof")
    absent = dict.fromkeys((*names, "bootstrap_low", "bootstrap_high", "asymptotic"))
    return absent | {
        **{"quantity": "gamma", "model": "net", "variable": "P", "d": 64, "B": 16, "window": ""},
        **{"n_seeds": n, "n_points": 3, "measured": mean, "std_error": error, "dof": n - 1.0},
        **{"ci_low": mean - half, "ci_high": mean + half, "shared_seeds": True},
        **{"seeds": list(range(n)), "of_seeds": of_seeds.tolist()},
    }
