"""What the papers claim, as objects that are judged by run folders: holds, fails or undecided."""

from perceptron_sim.claims.claim import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Verdict,
    judge,
)
from perceptron_sim.drawing.panels import Panel, Series

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
