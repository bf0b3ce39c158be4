"""Architectures of which only the output is written: autograd does the way back."""

from abc import ABC, abstractmethod

import numpy as np
import torch

from perceptron_sim.arrays import FloatArray


class Autograd(ABC):
    """A net whose weights start from N(0, 1) and whose output autograd can differentiate.

    A subclass sets the attributes and writes ``output``; nothing else is needed.

    Attributes:
        shapes, flops, activations: as in ``Architecture``.
    """

    shapes: list[tuple[int, ...]]
    flops: int
    activations: int

    @abstractmethod
    def output(self, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        """Return f, shape (R, n), of weights (R, *shapes[layer]) and inputs (R, n, d)."""

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw weights from N(0, 1), one array a layer."""
        return [rng.standard_normal(shape) for shape in self.shapes]

    def forward(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return f, shape (R, n), and the inputs.

        The weights of an ensemble ask for no gradients, so none of what lies between is kept.
        """
        return self.output(weights, x), (x,)

    def descend(
        self, weights: list[torch.Tensor], tape: tuple[torch.Tensor, ...], push: torch.Tensor
    ) -> None:
        """Add sum_n push_n df(x_n)/dw to the weights, in place; evaluates these rows anew."""
        with torch.enable_grad():
            leaves = [w.detach().requires_grad_() for w in weights]
            total = (push * self.output(leaves, tape[0])).sum()
            gradients = torch.autograd.grad(total, leaves)
        for w, gradient in zip(weights, gradients, strict=True):
            w.add_(gradient)
