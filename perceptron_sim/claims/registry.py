"""Every claim that this software can put to the test.

Claims about perceptrons are listed here; another package adds its own by ``register`` when its
claims are imported, as ``nets.claims`` does. Reports, the page of claims and the tests are made
from the one list.
"""

from collections.abc import Callable, Sequence

from perceptron_sim.claims import dynamics, perceptron, regimes
from perceptron_sim.claims.claim import ABOUT, Claim, Judgement, Table, Verdict
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.rule import judge

_claims: list[Claim] = [*perceptron.CLAIMS, *regimes.CLAIMS, *dynamics.CLAIMS]


def register(claims: Sequence[Claim]) -> None:
    """Add claims to the list, before those with the same number."""
    _claims[:0] = claims


def all_claims() -> list[Claim]:
    """Return every claim: those of the papers first, in their order, then the other tables."""
    tables = list(Table)
    return sorted(_claims, key=lambda claim: (tables.index(claim.table), claim.number))


def judge_all(evidence: Evidence, progress: Callable[[], None] = lambda: None) -> list[Judgement]:
    """Return every claim's judgement in the order of the list, those not tested here last.

    Args:
        evidence: what to judge by.
        progress: is called after each claim.
    """
    found = []
    for claim in all_claims():
        found.append(judge(claim, evidence))
        progress()
    return sorted(found, key=lambda judgement: judgement.verdict is Verdict.UNTESTED)


def in_tables(judgements: Sequence[Judgement]) -> list[tuple[str, str, list[Judgement]]]:
    """Return (title, what it is about, judgements) of each table, those not tested here last."""
    tested = [each for each in judgements if each.verdict is not Verdict.UNTESTED]
    tables = [
        (table.value, ABOUT[table], [each for each in tested if each.claim.table is table])
        for table in Table
    ]
    untested = [each for each in judgements if each.verdict is Verdict.UNTESTED]
    about = "No run here, or no prediction that is trusted, bears on these."
    return [table for table in [*tables, ("not tested here", about, untested)] if table[2]]
