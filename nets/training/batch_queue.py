"""Batches drawn ahead, one stream a replica."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nets.config import NetConfig
from nets.training.resuming import alike, restored_stream, stream_state
from perceptron_sim.arrays import IntArray
from perceptron_sim.kernels.batches import draw_batches, needs_order

# Batches a replica keeps drawn; the stream does not depend on it.
AHEAD = 512


class BatchQueue:
    """The batches that each of up to ``capacity`` replicas will see next.

    Every replica draws from its own PCG64 stream, so what it sees depends on nothing else in the
    ensemble, nor on how many batches are looked at together.
    """

    def __init__(self, capacity: int, B: int) -> None:
        """Make space."""
        self.B = B
        self._drawn = np.zeros((capacity, AHEAD, B), dtype=np.int64)
        self._at = np.zeros(capacity, dtype=np.int64)
        self._rng: list[np.random.Generator] = []
        self._P: list[int] = []
        self._order: list[IntArray] = []

    def admit(self, config: NetConfig) -> None:
        """Begin the stream of one more replica."""
        slot = len(self._rng)
        self._rng.append(config.stream("batches"))
        self._P.append(config.P)
        self._order.append(np.arange(config.P if needs_order(config.P, config.B) else 0))
        self._at[slot] = AHEAD
        self._refill(slot)

    def retire(self, to: Sequence[int], origin: Sequence[int], n: int) -> None:
        """Keep n replicas, those at ``origin`` in the places ``to``."""
        self._drawn[to] = self._drawn[origin]
        self._at[to] = self._at[origin]
        columns: tuple[list[Any], ...] = (self._rng, self._P, self._order)
        for column in columns:
            for slot, last in zip(to, origin, strict=True):
                column[slot] = column[last]
            del column[n:]

    def state(self, slot: int) -> tuple[dict[str, Any], IntArray, IntArray]:
        """Return the stream of one replica, its batches drawn and not yet used, and its order."""
        drawn: IntArray = self._drawn[slot, self._at[slot] :]
        return stream_state(self._rng[slot]), drawn, self._order[slot]

    def restore(self, slot: int, stream: dict[str, Any], drawn: IntArray, order: IntArray) -> None:
        """Go on from a state."""
        self._rng[slot] = restored_stream(stream)
        self._order[slot] = alike(order, self._order[slot])
        self._at[slot] = AHEAD - len(drawn)
        place = self._drawn[slot, AHEAD - len(drawn) :]
        place[:] = alike(drawn, place)

    def ahead(self, n: int) -> IntArray:
        """Return the next n <= AHEAD batches of every replica, shape (R, n, B)."""
        R = len(self._rng)
        for slot in np.flatnonzero(self._at[:R] + n > AHEAD):
            self._refill(int(slot))
        window = self._at[:R, None] + np.arange(n)
        batches: IntArray = self._drawn[np.arange(R)[:, None], window]
        return batches

    def draw(self) -> None:
        """Draw batches until every replica has at least half of what it may keep."""
        for slot in np.flatnonzero(self._at[: len(self._rng)] > AHEAD // 2):
            self._refill(int(slot))

    def next_of(self, slot: int) -> IntArray:
        """Return some of the next batches of one replica, at least one, shape (n, B)."""
        if self._at[slot] == AHEAD:
            self._refill(slot)
        batches: IntArray = self._drawn[slot, self._at[slot] :]
        return batches

    def advance(self, slots: IntArray | int, steps: IntArray | int) -> None:
        """Go ``steps`` batches on in ``slots``."""
        self._at[slots] += steps

    def _refill(self, slot: int) -> None:
        left = AHEAD - int(self._at[slot])
        row = self._drawn[slot]
        row[:left] = row[AHEAD - left :].copy()
        draw_batches(self._rng[slot], self._P[slot], self._order[slot], row[left:])
        self._at[slot] = 0
