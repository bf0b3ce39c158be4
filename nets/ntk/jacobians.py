"""The kernel of any net: per-sample gradients by automatic differentiation, and their products."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from nets.architectures.base import sample_gradients
from nets.ntk.tiles import TILE, Job, Products
from perceptron_sim.errors import InputError
from perceptron_sim.runs.memory import format_bytes

# Samples differentiated together: intermediate values of a convolutional net are many times
# larger than its input.
_TOGETHER = 32
_PIECE = 1 << 13


class JacobianProducts(Products):
    """Tiles from gradients, as many blocks of which are held as the budget allows.

    Gradients are computed in float64 and multiplied in float32, as in ``LayerProducts``.
    """

    in_flight = 2

    def jobs(self, map_: Callable[..., Iterator[Any]]) -> Iterator[Job]:
        """Yield the tiles: rows in strips whose gradients are held, columns one block a time.

        Raises:
            InputError: if the gradients of four blocks do not fit into the budget.
        """
        block = 4 * TILE * sum(w.numel() for w in self.weights)
        # Besides the rows' blocks: that of the columns, the one before it, one being computed.
        most = self.budget // block - 3
        if most < 1:
            raise InputError(
                f"gradients of 4 x {TILE} samples need {format_bytes(4 * block)} and "
                f"{format_bytes(max(0, self.budget))} are at hand: lower P or the width"
            )
        left, right = self.blocks()
        for first in range(0, len(left), most):
            strip = range(first, min(first + most, len(left)))
            held = {i: self._gradients(left[i], map_) for i in strip}
            for j in range(first if self.symmetric else 0, len(right)):
                inside = self.symmetric and j in held
                column = held[j] if inside else self._gradients(right[j], map_)
                for i in strip:
                    if i <= j or not self.symmetric:
                        yield Job(i * TILE, j * TILE, partial(_product, held[i], column))

    def _gradients(self, block: torch.Tensor, map_: Callable[..., Iterator[Any]]) -> torch.Tensor:
        """Return df/dw of every sample of a block, shape (TILE, weights), float32."""
        return torch.cat(list(map_(self._differentiate, block.split(_TOGETHER))))

    def _differentiate(self, x: torch.Tensor) -> torch.Tensor:
        parts = sample_gradients(self.net, self.weights, x)
        return torch.cat([part.flatten(1).float() for part in parts], dim=1)


def _product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return left right^T, shape (TILE, TILE), float32.

    Sums of 10^5 products lose digits in float32, so pieces of them are added in float64: the
    error falls from 2e-6 to 3e-7 of sqrt(K_mm K_nn) at 1.7e5 weights.
    """
    total = torch.zeros((TILE, TILE), dtype=torch.float64)
    for a, b in zip(left.split(_PIECE, dim=1), right.split(_PIECE, dim=1), strict=True):
        total += a @ b.T
    return total.float()
