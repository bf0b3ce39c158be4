"""Claims about SGD noise, as objects that run folders judge."""

from perceptron_sim.claims.claim import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Quantifier,
    Table,
    Verdict,
    Whose,
)
from perceptron_sim.claims.rule import judge
from perceptron_sim.drawing.panels import Panel, Series

__all__ = [
    "Claim",
    "Finding",
    "Judgement",
    "Measurement",
    "Panel",
    "Quantifier",
    "Series",
    "Table",
    "Verdict",
    "Whose",
    "judge",
]
