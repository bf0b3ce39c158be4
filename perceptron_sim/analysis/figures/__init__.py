"""Figures, one module a kind; ``style`` holds what they share."""

from perceptron_sim.analysis.figures.style import save

__all__ = ["save"]
