"""The kernel of nets of dense layers: K = sum over layers of (A A^T) * (D D^T), elementwise.

A holds the activations that enter a layer, D the signals passed back to what leaves it (eq. (3) of
docs/lazy.md): O(P^2 h L) instead of O(P^2 times the number of weights).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, cast

import torch

from nets.architectures.base import Architecture
from nets.ntk.tiles import TILE, Job, padded_blocks, starts
from perceptron_sim.arrays import FloatArray

# Tiles of a group are done together, so that whole pages of a file are written soon.
_GROUP = 4 * TILE

Factors = list[tuple[torch.Tensor, torch.Tensor]]


class Layered(Protocol):
    """An architecture whose gradient is, layer by layer, an outer product."""

    def factors(self, weights: list[torch.Tensor], x: torch.Tensor) -> Factors:
        """Return a layer's (a, b) with df(x_n)/dW = a_n b_n^T, (R, n, fan-in), (R, n, fan-out)."""


class LayerProducts:
    """Tiles from factors of all layers.

    Factors are computed in float64, because the sign of a relu's input decides a whole column of
    them; products are summed in float32.
    """

    in_flight = 32

    def __init__(
        self,
        architecture: Architecture,
        weights: list[torch.Tensor],
        x: FloatArray,
        others: FloatArray | None,
        budget: int,
    ) -> None:
        """Prepare; ``others`` is None for the symmetric kernel of x, ``budget`` is not needed."""
        self.symmetric = others is None
        self._net = cast(Layered, architecture)
        self._weights = [w[None] for w in weights]
        self._sets = [x] if others is None else [x, others]

    def jobs(self, map_: Callable[..., Iterator[Any]]) -> Iterator[Job]:
        """Yield the tiles, group by group."""
        sides = [list(map_(self._factors, padded_blocks(part))) for part in self._sets]
        left, right = sides[0], sides[-1]
        for i in range(0, len(left) * TILE, _GROUP):
            for j in range(i if self.symmetric else 0, len(right) * TILE, _GROUP):
                for rows in starts(len(left) * TILE)[i // TILE : (i + _GROUP) // TILE]:
                    for columns in starts(len(right) * TILE)[j // TILE : (j + _GROUP) // TILE]:
                        if columns >= rows or not self.symmetric:
                            pair = (left[rows // TILE], right[columns // TILE])
                            yield Job(rows, columns, partial(_tile, *pair))

    def _factors(self, block: torch.Tensor) -> Factors:
        found = self._net.factors(self._weights, block[None])
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
