"""A bounded cache of the Gram rows that move the margins of active samples.

One hit on sample nu shifts every margin by phi_mu.phi_nu. Rows of this Gram matrix are computed
for samples that are hit, as far as the active prefix reaches, and kept in fixed point
(``fixed_point``). When the memory is full, the row unused for longest (by the clock rule) is
dropped. Rows are kept in whole blocks (``lanes``), padded with zeros.
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, Int32Array, IntArray
from perceptron_sim.kernels.jit import compiled, reassociated
from perceptron_sim.kernels.lanes import BLOCK

_HAND, _FILLED = 0, 1


class GramRows(NamedTuple):
    """The cache.

    Attributes:
        rows: Gram rows times ``scale``, rounded, shape (slots, width).
        length: number of computed entries of each row, shape (slots,).
        claimed: number of requested entries, computed or not, shape (slots,).
        owner: sample of each row, shape (slots,).
        slot: slot of each sample's row, -1 without one, shape (width,).
        recent: whether a row was used since the clock's hand passed, shape (slots,).
        clock: (hand, slots filled).
        scale: (scale of fixed point, largest number that fits), zeros at first.
    """

    rows: Int32Array
    length: IntArray
    claimed: IntArray
    owner: IntArray
    slot: IntArray
    recent: IntArray
    clock: IntArray
    scale: FloatArray


@compiled
def padded(n: int) -> int:
    """Return n rounded up to whole blocks."""
    return (n + BLOCK - 1) // BLOCK * BLOCK


@compiled
def new_rows(size: int, budget: int) -> GramRows:
    """Return an empty cache for rows of ``size`` samples within ``budget`` bytes, one at least."""
    # An odd number of blocks, so that rows do not fall on the same few sets of the caches.
    width = padded(size) // (2 * BLOCK) * (2 * BLOCK) + BLOCK
    slots = max(1, min(width, budget // (4 * width)))
    # Entries of a slot are set when it is filled, since memory never touched costs nothing.
    return GramRows(
        np.empty((slots, width), np.int32),
        np.empty(slots, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots, np.int64),
        np.full(width, -1),
        np.empty(slots, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2),
    )


@compiled
def forget_rows(gram: GramRows) -> None:
    """Empty the cache."""
    if gram.clock[_FILLED] > 0:
        gram.slot[:] = -1
        gram.clock[:] = 0


@reassociated
def _inner_products(
    x: FloatArray, i: int, scale: float, row: Int32Array, first: int, last: int
) -> None:
    """Write scale x_l . x_i for first <= l < last into ``row``, 0 in the padding: ``x`` (n, d)."""
    for l in range(first, min(last, x.shape[0])):  # noqa: E741
        total = 0.0
        for j in range(x.shape[1]):
            total += x[l, j] * x[i, j]
        row[l] = math.floor(total * scale + 0.5)
    for l in range(x.shape[0], last):  # noqa: E741
        row[l] = 0


@compiled
def claim_row(gram: GramRows, i: int, n: int) -> int:
    """Give sample i a slot, if it has none, for n entries to be computed later; return it."""
    slot = int(gram.slot[i])
    if slot < 0:
        slot = _free_slot(gram)
        gram.owner[slot] = i
        gram.slot[i] = slot
        gram.length[slot] = 0
    gram.claimed[slot] = n
    return slot


@compiled
def compute_row(gram: GramRows, x: FloatArray, i: int, n: int) -> None:
    """Compute sample i's row, or the rest of it, up to n entries; it has a slot."""
    slot = int(gram.slot[i])
    _inner_products(x, i, gram.scale[0], gram.rows[slot], gram.length[slot], n)
    gram.length[slot] = n


@compiled
def _free_slot(gram: GramRows) -> int:
    slots = gram.owner.size
    if gram.clock[_FILLED] < slots:
        slot = int(gram.clock[_FILLED])
        gram.clock[_FILLED] += 1
        gram.recent[slot] = 0
        return slot
    hand = int(gram.clock[_HAND])
    while gram.recent[hand] != 0:
        gram.recent[hand] = 0
        hand = hand + 1 if hand + 1 < slots else 0
    gram.clock[_HAND] = hand + 1 if hand + 1 < slots else 0
    gram.slot[gram.owner[hand]] = -1
    return hand
