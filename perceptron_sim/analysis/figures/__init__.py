"""Figures of runs, one module a kind: each makes a chart of results, which a back end draws."""

from perceptron_sim.drawing.layout import save

__all__ = ["save"]
