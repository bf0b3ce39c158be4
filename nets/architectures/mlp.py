"""Fully connected nets with a mean-field last layer (docs/nets.md)."""

import itertools
import math

import numpy as np
import torch

from nets.architectures.activations import ACTIVATIONS, normalisation
from nets.architectures.base import Image
from perceptron_sim.arrays import FloatArray


class Mlp:
    """L hidden layers of width h without biases, weights started from N(0, 1).

    z_1 = x W_1 / sqrt(d), a_l = c act(z_l), z_{l+1} = a_l W_{l+1} / sqrt(h), f = a_L v / h, with c
    such that activations have unit second moment on N(0, 1) input.
    """

    def __init__(self, d: int, depth: int, width: int, act: str, image: Image = None) -> None:
        """Prepare for ``depth`` hidden layers of size ``width``; images are read as d numbers."""
        sizes = [d] + [width] * depth
        self.shapes: list[tuple[int, ...]] = [
            *itertools.pairwise(sizes),
            (width, 1),
        ]
        self.flops = sum(map(math.prod, self.shapes))
        self._act = ACTIVATIONS[act]
        # Input, outputs of layers and of activations, two gradients on the way back.
        self.activations = d + (depth * (1 if self._act.from_output else 2) + 2) * width
        c = normalisation(act)
        # The factor c of an activation is taken into the layer that reads it: no extra pass.
        self.scales = [1.0 / math.sqrt(d)] + [c / math.sqrt(width)] * (depth - 1) + [c / width]

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw weights from N(0, 1), one array a layer."""
        return [rng.standard_normal(shape) for shape in self.shapes]

    def forward(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return f, shape (R, n), and (x, act(z_1), ..., act(z_L)), then z_l where needed."""
        outputs = [x]
        inputs: list[torch.Tensor] = []
        unused = x.new_zeros(1)
        for w, scale in zip(weights[:-1], self.scales[:-1], strict=True):
            z = torch.baddbmm(unused, outputs[-1], w, beta=0, alpha=scale)
            outputs.append(self._act.apply(z))
            if not self._act.from_output:
                inputs.append(z)
        f = torch.bmm(outputs[-1], weights[-1]).squeeze(-1) * self.scales[-1]
        return f, (*outputs, *inputs)

    def descend(
        self, weights: list[torch.Tensor], tape: tuple[torch.Tensor, ...], push: torch.Tensor
    ) -> None:
        """Add sum_n push_n df(x_n)/dw to the weights, in place, from the last layer back."""
        depth = len(self.scales) - 1
        outputs = tape[: depth + 1]
        saved = tape[1:] if self._act.from_output else tape[depth + 1 :]
        unused = push.new_zeros(1)
        back = push.unsqueeze(-1)
        for layer in range(depth, -1, -1):
            w = weights[layer]
            # What is passed back must see the weights before their update.
            ahead = None
            scale = self.scales[layer]
            if layer > 0:
                ahead = self._act.backward(
                    torch.baddbmm(unused, back, w.mT, beta=0, alpha=scale), saved[layer - 1]
                )
            w.baddbmm_(outputs[layer].mT, back, alpha=scale)
            if ahead is not None:
                back = ahead

    def factors(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return a layer's (a, b) with df(x_n)/dW = a_n b_n^T, (R, n, fan-in), (R, n, fan-out)."""
        depth = len(self.scales) - 1
        _, tape = self.forward(weights, x)
        saved = tape[1:] if self._act.from_output else tape[depth + 1 :]
        back = x.new_ones((*x.shape[:2], 1))
        found = [(tape[depth] * self.scales[-1], back)]
        for layer in range(depth, 0, -1):
            scale = self.scales[layer]
            back = self._act.backward(torch.bmm(back, weights[layer].mT) * scale, saved[layer - 1])
            found.append((tape[layer - 1] * self.scales[layer - 1], back))
        return found[::-1]


build = Mlp
