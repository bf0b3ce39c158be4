"""The kernel of nets of dense layers: K = sum over layers of (A A^T) * (D D^T), elementwise.

A holds the activations that enter a layer, D the signals passed back to what leaves it (eq. (3) of
docs/lazy.md): O(P^2 h L) instead of O(P^2 times the number of weights).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, cast

import torch

from nets.ntk.tiles import TILE, Job, Products

# Tiles of a group, this many squared, are done together: whole pages of a file are written soon.
_GROUP = 4

Factors = list[tuple[torch.Tensor, torch.Tensor]]


class Layered(Protocol):
    """An architecture whose gradient is, layer by layer, an outer product."""

    def factors(self, weights: list[torch.Tensor], x: torch.Tensor) -> Factors:
        """Return a layer's (a, b) with df(x_n)/dW = a_n b_n^T, (R, n, fan-in), (R, n, fan-out)."""


class LayerProducts(Products):
    """Tiles from factors of all layers.

    Factors are computed in float64, because the sign of a relu's input decides a whole column of
    them; products are summed in float32.
    """

    in_flight = 32

    def jobs(self, map_: Callable[..., Iterator[Any]]) -> Iterator[Job]:
        """Yield the tiles, group by group."""
        rows_of, columns_of = self.blocks()
        left = list(map_(self._factors, rows_of))
        right = left if self.symmetric else list(map_(self._factors, columns_of))
        for rows in range(0, len(left), _GROUP):
            for columns in range(rows if self.symmetric else 0, len(right), _GROUP):
                for i, a in enumerate(left[rows : rows + _GROUP], rows):
                    for j, b in enumerate(right[columns : columns + _GROUP], columns):
                        if j >= i or not self.symmetric:
                            yield Job(i * TILE, j * TILE, partial(_tile, a, b))

    def _factors(self, block: torch.Tensor) -> Factors:
        weights = [w[None] for w in self.weights]
        found = cast(Layered, self.net).factors(weights, block[None])
        return [(a[0].float(), b[0].float()) for a, b in found]


def _tile(left: Factors, right: Factors) -> torch.Tensor:
    """Return sum over layers of (A A'^T) * (B B'^T), shape (TILE, TILE)."""
    total = torch.zeros((TILE, TILE))
    for (a, b), (a_other, b_other) in zip(left, right, strict=True):
        if b.shape[1] == 1:
            # One signal a sample goes into the activations, which saves a product.
            total.addmm_(a * b, (a_other * b_other).T)
        else:
            total.addcmul_(a @ a_other.T, b @ b_other.T)
    return total
