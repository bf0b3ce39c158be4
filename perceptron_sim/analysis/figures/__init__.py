"""Figures of runs, one module per kind. Each makes a chart of results, which a back end draws."""

from perceptron_sim.drawing.layout import save

__all__ = ["save"]
