"""Every claim of the two papers that this software can put to the test.

The one list: reports, the page of claims and the tests are made from it.
"""

from nets import claims as nets
from perceptron_sim.claims import perceptron, regimes
from perceptron_sim.claims.claim import Claim, Judgement, judge
from perceptron_sim.claims.evidence import Evidence

CLAIMS: tuple[Claim, ...] = tuple(
    sorted((*nets.CLAIMS, *perceptron.CLAIMS, *regimes.CLAIMS), key=lambda claim: claim.number)
)


def judge_all(evidence: Evidence) -> list[Judgement]:
    """Return every claim's judgement, those without evidence included, in the order of the list."""
    return [judge(claim, evidence) for claim in CLAIMS]
