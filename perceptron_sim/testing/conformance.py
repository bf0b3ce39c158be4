"""Test whether a simulator obeys the laws of SGD; find the smallest configuration that fails."""

import contextlib
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.extras import require
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.testing.law import Broken, Kind, Law
from perceptron_sim.testing.laws import LAWS
from perceptron_sim.testing.statistical import own_runs
from perceptron_sim.testing.subject import Misbehaved, Simulator, Subject, TooLong

if TYPE_CHECKING:
    import pandas as pd

_LEAST_RUNS, _MOST_RUNS = 100, 1000
_LEAST_EXAMPLES, _MOST_EXAMPLES = 20, 200
# Number of looks that shrink a counter-example, whatever time is left.
_LEAST_SHRINKS = 100
# Checks of different seeds share no run.
_SEEDS_A_CHECK = 10_000
# How laws of a kind share the budget.
_SHARE = {Kind.EXACT: 0.35, Kind.DISTRIBUTION: 0.35, Kind.SCALING: 0.3}
_PROBE = PerceptronConfig(chi=1.0, d=3, P=8, B=2, T=1.0, kappa=0.5, max_steps=3000)


class Answer(StrEnum):
    """Whether a law holds, or why that is not known."""

    HOLDS = "holds"
    BROKEN = "BROKEN"
    NOT_TESTABLE = "not testable"
    NOT_TESTED = "not tested"


@dataclass(frozen=True)
class Finding:
    """The result for one law.

    Attributes:
        law: the law.
        answer: "holds", "BROKEN", "not testable" or "not tested" (no time was left).
        text: the reason: what was found, or what the simulator would have to take or return.
        config: smallest configuration at which the law is broken, or None.
        looks: number of configurations, or settings, that were tested.
        line: a line of Python that shows the fault, or "".
    """

    law: Law
    answer: Answer
    text: str
    config: PerceptronConfig | None = None
    looks: int = 0
    line: str = ""


@dataclass(frozen=True)
class Report:
    """The results for all laws.

    Attributes:
        findings: one ``Finding`` per law, in the order of the laws.
        seconds: time that the check took.
    """

    findings: tuple[Finding, ...]
    seconds: float

    @property
    def broken(self) -> tuple[Finding, ...]:
        """The laws that are broken."""
        return tuple(f for f in self.findings if f.answer is Answer.BROKEN)

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with one row per law."""
        import pandas as pd

        return pd.DataFrame([_row(finding) for finding in self.findings])

    def raise_if_broken(self) -> None:
        """Raise ``Broken`` with one line per broken law, if there is one."""
        if self.broken:
            raise Broken("; ".join(f"{f.law.name}: {f.text} ({f.line})" for f in self.broken))

    def __str__(self) -> str:
        """Return a line per law."""
        width = max(len(f.law.name) for f in self.findings)
        return "\n".join(
            f"{f.law.name:{width}}  {f.answer}{': ' if f.text else ''}{f.text}"
            for f in self.findings
        )


def check(
    simulator: Simulator,
    laws: Iterable[str | Law] | None = None,
    budget: float = 60.0,
    *,
    seed: int = 0,
    limit_s: float = 10.0,
    rtol: float = 1e-9,
) -> Report:
    """Test whether a simulator of SGD on the perceptron obeys the laws.

    Args:
        simulator: ``simulator(config)`` returns a mapping, or an object, with any of ``w`` (d,),
            ``t_star``, ``steps``, ``updates``, ``hits``, ``hit_counts`` (P,), ``test_error``; see
            ``Outcome``. It draws from ``config.seed`` alone and ends after ``config.max_steps``. If
            it takes ``data``, it gets label-folded samples z = y x, shape (P, d); if it takes
            ``batches``, indices, shape (n, B).
        laws: names of laws, or laws; all by default.
        budget: seconds for all laws together.
        seed: seed of the search; another one gives other configurations and samples.
        limit_s: seconds that one run may take.
        rtol: relative error up to which two numbers count as equal.

    Returns:
        The report. After a run whose result cannot be read, the remaining laws are not tested.

    Raises:
        InputError: for an unknown law, or a simulator that cannot be called.
        MissingExtra: without Hypothesis.
    """
    require("check", "hypothesis")
    chosen = _chosen(laws)
    subject = Subject(simulator, limit_s=limit_s, rtol=rtol, first_seed=seed * _SEEDS_A_CHECK)
    started = time.monotonic()
    try:
        subject.probe(_PROBE)
    except Misbehaved as error:
        first = _broken(chosen[0], subject, str(error), _PROBE, 1)
        rest = [Finding(law, Answer.NOT_TESTED, "no run could be read") for law in chosen[1:]]
        return Report((first, *rest), time.monotonic() - started)
    found: dict[str, Finding] = {}
    groups = _by_kind(subject, chosen, found)
    for kind, laws_of_kind in groups.items():
        left = budget - (time.monotonic() - started)
        kinds = list(groups)
        later = sum(_SHARE[k] for k in kinds[kinds.index(kind) :])
        share = left * _SHARE[kind] / later
        if kind is Kind.EXACT:
            _search_all(laws_of_kind, subject, share, seed, found)
        else:
            _try_all(laws_of_kind, subject, share, found)
    return Report(tuple(found[law.name] for law in chosen), time.monotonic() - started)


def _chosen(laws: Iterable[str | Law] | None) -> Sequence[Law]:
    if laws is None:
        return list(LAWS.values())
    named = [
        law if isinstance(law, Law) else LAWS[check_choice("law", law, tuple(LAWS))]
        for law in ([laws] if isinstance(laws, str) else laws)
    ]
    if not named:
        raise InputError("laws is empty: name at least one, or None for all")
    return named


def _by_kind(
    subject: Subject, laws: Sequence[Law], found: dict[str, Finding]
) -> dict[Kind, list[Law]]:
    """Return laws that can be tested, by kind in their order; findings of the others."""
    groups: dict[Kind, list[Law]] = {kind: [] for kind in Kind}
    for law in laws:
        missing = law.missing(subject)
        if missing:
            text = f"the simulator would have to {missing}"
            found[law.name] = Finding(law, Answer.NOT_TESTABLE, text)
        else:
            groups[law.kind].append(law)
    return {kind: group for kind, group in groups.items() if group}


def _settle_runs(subject: Subject, seconds: float, settings: Sequence[PerceptronConfig]) -> None:
    """Let settings take as many runs as there is time for."""
    started = time.monotonic()
    for config in settings:
        subject.samples(config, 8)
        own_runs(config, 8)
    spent = time.monotonic() - started
    subject.runs = int(min(max(8 * (seconds - spent) / spent, _LEAST_RUNS), _MOST_RUNS))


def _try_all(
    laws: Sequence[Law], subject: Subject, seconds: float, found: dict[str, Finding]
) -> None:
    """Look at the settings of statistical laws, those that laws share at the same time."""
    until = time.monotonic() + seconds
    settings = list(dict.fromkeys(case for law in laws for case in law.settings()))
    looks: Counter[str] = Counter()
    if laws[0].kind is Kind.DISTRIBUTION:
        try:
            _settle_runs(subject, seconds, settings)
        except Misbehaved as error:
            for law in laws:
                found[law.name] = _broken(law, subject, str(error), settings[0], 1)
            return
    for config in settings:
        for law in laws:
            late = law.kind is Kind.SCALING and time.monotonic() > until
            if law.name in found or config not in law.settings() or late:
                continue
            looks[law.name] += 1
            try:
                law.look(subject, config)
            except (Broken, Misbehaved) as error:
                found[law.name] = _broken(law, subject, str(error), config, looks[law.name])
    for law in laws:
        if law.name not in found:
            done, wanted = looks[law.name], len(law.settings())
            text = "" if done == wanted else f"{done} of {wanted} settings: raise the budget"
            answer = Answer.HOLDS if done else Answer.NOT_TESTED
            found[law.name] = Finding(law, answer, text, looks=done)


def _search_all(
    laws: Sequence[Law], subject: Subject, seconds: float, seed: int, found: dict[str, Finding]
) -> None:
    """Search for counter-examples to exact laws, in equal times."""
    until = time.monotonic() + seconds
    for i, law in enumerate(laws):
        share = (until - time.monotonic()) / (len(laws) - i)
        found[law.name] = _search(law, subject, share, random.Random(f"{seed} {law.name}"))


class _Enough(BaseException):
    """Time is over; Hypothesis lets it through."""


def _search(law: Law, subject: Subject, seconds: float, source: random.Random) -> Finding:
    """Search for a counter-example to an exact law, and make it small."""
    from hypothesis import HealthCheck, Phase, find, settings
    from hypothesis.errors import HypothesisException

    assert callable(law.cases)
    found: list[tuple[PerceptronConfig, str]] = []
    looks, least = 0, _LEAST_EXAMPLES
    until = time.monotonic() + max(seconds, 0.0)

    def fails(config: PerceptronConfig) -> bool:
        nonlocal looks, least
        if time.monotonic() > until and looks >= least:
            raise _Enough
        looks += 1
        try:
            law.look(subject, config)
        except (Broken, Misbehaved) as error:
            least = least if found else looks + _LEAST_SHRINKS
            found.append((config, str(error)))
            if isinstance(error, TooLong):
                # Each look would take as long.
                raise _Enough from None
            return True
        return False

    options = settings(
        max_examples=_MOST_EXAMPLES,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    # Nothing was found, or no time was left, or it fails at times only.
    with contextlib.suppress(HypothesisException, _Enough):
        find(law.cases(), fails, settings=options, random=source)
    if not found:
        return Finding(law, Answer.HOLDS, "", looks=looks)
    config, text = min(found, key=lambda entry: _size(entry[0]))
    return _broken(law, subject, text, config, looks)


def _size(config: PerceptronConfig) -> tuple[Any, ...]:
    return config.P, config.d, config.B, config.kappa != 0, abs(config.chi - 1), config.seed


def _broken(law: Law, subject: Subject, text: str, config: PerceptronConfig, looks: int) -> Finding:
    function = subject.simulator
    name = getattr(function, "__qualname__", type(function).__qualname__)
    given = ", ".join(
        f"{field}={getattr(config, field)!r}"
        for field in ("chi", "d", "P", "B", "T", "kappa", "seed", "max_steps")
    )
    line = f"LAWS[{law.name!r}].test({name}, PerceptronConfig({given}))"
    return Finding(law, Answer.BROKEN, text, config, looks, line)


def _row(finding: Finding) -> dict[str, Any]:
    law = finding.law
    return {
        "law": law.name,
        "kind": str(law.kind),
        "answer": str(finding.answer),
        "text": finding.text,
        "statement": law.statement,
        "source": law.source,
        "looks": finding.looks,
        "line": finding.line,
    }
