"""The perceptron as a net: f = w.x / sqrt(d), started at w = 0 (eq. (M1) of docs/theory.md)."""

import math

import numpy as np
import torch

from perceptron_sim.arrays import FloatArray


class Linear:
    """One layer of weights, shape (d, 1), and no hidden one."""

    def __init__(self, d: int) -> None:
        """Prepare for inputs of dimension d."""
        self.shapes: list[tuple[int, ...]] = [(d, 1)]
        self.flops = self.activations = d
        self.scales = [1.0 / math.sqrt(d)]

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Return w = 0: only f - f(w_0) enters, so any start is the same start."""
        return [np.zeros(self.shapes[0])]

    def forward(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return f, shape (R, n), and the inputs."""
        return torch.bmm(x, weights[0]).squeeze(-1) * self.scales[0], (x,)

    def descend(
        self, weights: list[torch.Tensor], tape: tuple[torch.Tensor, ...], push: torch.Tensor
    ) -> None:
        """Add sum_n push_n x_n / sqrt(d) to the weights, in place."""
        weights[0].baddbmm_(tape[0].mT, push.unsqueeze(-1), alpha=self.scales[0])

    def factors(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return (x / sqrt(d), 1), of which df(x_n)/dw is the product."""
        return [(x * self.scales[0], x.new_ones((*x.shape[:2], 1)))]


def build(d: int, depth: int, width: int, act: str, image: tuple[int, ...] | None) -> Linear:
    """Return the architecture; it has no hidden layers, so only d is read."""
    return Linear(d)
