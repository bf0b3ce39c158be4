"""What the papers claim, as objects that are judged by run folders: holds, fails or undecided."""

from perceptron_sim.claims.claim import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Panel,
    Series,
    Verdict,
    judge,
)

__all__ = [
    "Claim",
    "Finding",
    "Judgement",
    "Measurement",
    "Panel",
    "Series",
    "Verdict",
    "judge",
]
