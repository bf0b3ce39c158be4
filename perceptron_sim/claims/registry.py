"""Every claim of the two papers that this software can put to the test.

Claims about perceptrons are listed here; another package adds its own by ``register`` when its
claims are imported, as ``nets.claims`` does. Reports, the page of claims and the tests are made
from the one list.
"""

from collections.abc import Sequence

from perceptron_sim.claims import perceptron, regimes
from perceptron_sim.claims.claim import Claim, Judgement, judge
from perceptron_sim.claims.evidence import Evidence

_claims: list[Claim] = [*perceptron.CLAIMS, *regimes.CLAIMS]


def register(claims: Sequence[Claim]) -> None:
    """Add claims to the list, before those with the same number."""
    _claims[:0] = claims


def all_claims() -> list[Claim]:
    """Return every claim, in the order of the papers."""
    return sorted(_claims, key=lambda claim: claim.number)


def judge_all(evidence: Evidence) -> list[Judgement]:
    """Return every claim's judgement, those without evidence included, in the order of the list."""
    return [judge(claim, evidence) for claim in all_claims()]
