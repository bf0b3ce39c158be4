"""The perceptron as a net: f = w.x / sqrt(d), started at w = 0 (eq. (M1) of docs/theory.md)."""

import math

import numpy as np

from nets.architectures.activations import ACTIVATIONS
from nets.architectures.base import Image
from nets.architectures.mlp import Mlp
from perceptron_sim.arrays import FloatArray


class Linear(Mlp):
    """One layer of weights, shape (d, 1), and no hidden one, so that no activation is applied."""

    def __init__(self, d: int, depth: int, width: int, act: str, image: Image = None) -> None:
        """Prepare for inputs of dimension d; nothing else is read."""
        self.shapes = [(d, 1)]
        self.flops = self.activations = d
        self.scales = [1.0 / math.sqrt(d)]
        self._act = ACTIVATIONS["relu"]

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Return w = 0: only f - f(w_0) enters, so any start is the same start."""
        return [np.zeros(self.shapes[0])]


build = Linear
