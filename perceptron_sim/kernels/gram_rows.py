"""Margins of the active samples, and a bounded cache of the Gram rows that move them.

One hit on sample nu shifts every margin by phi_mu.phi_nu. Rows of this Gram matrix are computed
for samples that are hit, as far as the active prefix reaches, and kept; when the memory is used
up, the row unused for longest (by the clock rule) makes room.

Margins and rows are kept in whole blocks of 64, padded with margins that are always fitted, so
that the innermost loops have a fixed length and become vector instructions.
"""

from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled, reassociated

BLOCK = 64
_HAND, _FILLED = 0, 1


class GramRows(NamedTuple):
    """The cache.

    Attributes:
        rows: Gram rows, shape (slots, width).
        length: how many entries of each row are computed, shape (slots,).
        owner: whose row it is, shape (slots,).
        slot: where a sample's row is, -1 if nowhere, shape (width,).
        recent: whether a row was used since the clock's hand passed, shape (slots,).
        clock: (hand, slots filled).
    """

    rows: FloatArray
    length: IntArray
    owner: IntArray
    slot: IntArray
    recent: IntArray
    clock: IntArray


@compiled
def padded(n: int) -> int:
    """Return n rounded up to whole blocks."""
    return (n + BLOCK - 1) // BLOCK * BLOCK


@compiled
def new_rows(size: int, budget: int) -> GramRows:
    """Return an empty cache for rows of ``size`` samples within ``budget`` bytes, one at least."""
    width = padded(size)
    slots = max(1, min(width, budget // (8 * max(width, 1))))
    return GramRows(
        np.empty((slots, width)),
        np.zeros(slots, np.int64),
        np.full(slots, -1),
        np.full(width, -1),
        np.zeros(slots, np.int64),
        np.zeros(2, np.int64),
    )


@reassociated
def _inner_products(x: FloatArray, i: int, row: FloatArray, first: int, last: int) -> None:
    """Write x_l . x_i for first <= l < last into ``row``, 0 in the padding: ``x`` (n, d)."""
    for l in range(first, min(last, x.shape[0])):  # noqa: E741
        total = 0.0
        for j in range(x.shape[1]):
            total += x[l, j] * x[i, j]
        row[l] = total
    for l in range(x.shape[0], last):  # noqa: E741
        row[l] = 0.0


@compiled
def compute_row(gram: GramRows, x: FloatArray, i: int, n: int) -> int:
    """Compute sample i's row, or the rest of it, up to n entries; return its slot."""
    slot = int(gram.slot[i])
    if slot < 0:
        slot = _free_slot(gram)
        gram.owner[slot] = i
        gram.slot[i] = slot
        gram.length[slot] = 0
    _inner_products(x, i, gram.rows[slot], gram.length[slot], n)
    gram.length[slot] = n
    return slot


@compiled
def _free_slot(gram: GramRows) -> int:
    slots = gram.owner.size
    if gram.clock[_FILLED] < slots:
        gram.clock[_FILLED] += 1
        return int(gram.clock[_FILLED]) - 1
    hand = int(gram.clock[_HAND])
    while gram.recent[hand] != 0:
        gram.recent[hand] = 0
        hand = hand + 1 if hand + 1 < slots else 0
    gram.clock[_HAND] = hand + 1 if hand + 1 < slots else 0
    gram.slot[gram.owner[hand]] = -1
    return hand


@compiled
def add_row(
    margins: FloatArray, rows: FloatArray, slot: int, n: int, threshold: float, below: IntArray
) -> int:
    """Add a Gram row to the first n margins; count those below threshold by block and in all."""
    total = 0
    for block in range(n // BLOCK):
        count = 0
        for i in range(block * BLOCK, block * BLOCK + BLOCK):
            value = margins[i] + rows[slot, i]
            margins[i] = value
            count += 1 if value < threshold else 0
        below[block] = count
        total += count
    return total


@compiled
def count_below(margins: FloatArray, first: int, n: int, threshold: float, below: IntArray) -> None:
    """Count the margins below threshold in the blocks from first to n."""
    for block in range(first // BLOCK, n // BLOCK):
        count = 0
        for i in range(block * BLOCK, block * BLOCK + BLOCK):
            count += 1 if margins[i] < threshold else 0
        below[block] = count


@compiled
def pick(margins: FloatArray, threshold: float, below: IntArray, rank: int) -> int:
    """Return the position of the unfitted sample number ``rank`` (from 0), by the block counts.

    Within the block the comparisons are packed into bits, two words of 32, because a loop that
    stops at an unpredictable place costs more than all the arithmetic here.
    """
    block = 0
    while rank >= below[block]:
        rank -= below[block]
        block += 1
    start = block * BLOCK
    bits = _bits_below(margins, threshold, start)
    in_first = _bit_count(bits)
    if rank >= in_first:
        rank -= in_first
        start += 32
        bits = _bits_below(margins, threshold, start)
    for _ in range(rank):
        bits &= bits - 1
    return start + _bit_count((bits & -bits) - 1)


@compiled
def _bits_below(margins: FloatArray, threshold: float, start: int) -> int:
    bits = 0
    for j in range(32):
        bits |= (1 if margins[start + j] < threshold else 0) << j
    return bits


@compiled
def _bit_count(bits: int) -> int:
    """Return the number of ones among 32 bits."""
    bits -= (bits >> 1) & 0x55555555
    bits = (bits & 0x33333333) + ((bits >> 2) & 0x33333333)
    bits = (bits + (bits >> 4)) & 0x0F0F0F0F
    return ((bits * 0x01010101) & 0xFFFFFFFF) >> 24


@compiled
def list_below(margins: FloatArray, n: int, threshold: float, found: IntArray) -> int:
    """Write the positions of all margins below threshold into ``found``; return their number."""
    count = 0
    for i in range(n):
        found[count] = i
        count += margins[i] < threshold
    return count


@compiled
def shuffle_head(rng: np.random.Generator, values: IntArray, count: int, head: int) -> None:
    """Make the first ``head`` of the first ``count`` values a uniformly random subset of them."""
    for h in range(head):
        other = h + int(rng.random() * (count - h))
        values[h], values[other] = values[other], values[h]
