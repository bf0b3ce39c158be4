"""Margins above the threshold as 32-bit integers, with a certified bound on their error.

Adding integers is exact, and a register or a cache line holds twice as many as doubles. Only
entries are rounded, by half a unit at most. So after h additions the error of a margin is at most
(h + 1)/2 units. Samples whose margin is closer than that to the threshold are evaluated in double
precision. So the set of unfitted samples is always exactly that of the weights.
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, Int32Array, IntArray
from perceptron_sim.kernels.certificate import Pool
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.lanes import BLOCK, add_lanes, lanes_below, nth_one, ones
from perceptron_sim.kernels.observables import margin

# The margin of padding: never below any bound.
FITTED_ALWAYS = 2**31 - 1
_LARGEST_ERROR = float(FITTED_ALWAYS)
# One bit is left for additions of a batch before its effect on the range is noticed.
_UNITS = 2.0**30


class Extent(NamedTuple):
    """Bounds on the margins of a pool.

    Attributes:
        top: largest |phi_1| of the first b blocks, shape (blocks + 1,).
        norm: largest |phi_perp|.
        square: bound on |phi|^2.
        base: largest |margin - threshold| at the weights on which the pool is centred.
    """

    top: FloatArray
    norm: float
    square: float
    base: float


@compiled
def extent_of(pool: Pool, threshold: float) -> Extent:
    """Measure a pool."""
    size = pool.samples.size
    top = np.zeros((size + BLOCK - 1) // BLOCK + 1)
    norm = 0.0
    base = abs(threshold)
    for i in range(size):
        block = i // BLOCK + 1
        if i % BLOCK == 0:
            top[block] = top[block - 1]
        top[block] = max(top[block], abs(pool.rows[i, 0]))
        norm = max(norm, pool.norm[i])
        if pool.near:
            base = max(base, abs(margin(pool.rows, i, pool.center) - threshold))
    return Extent(top, norm, top[-1] ** 2 + norm * norm, base)


@compiled
def largest_margin(extent: Extent, blocks: int, span: float, radius: float) -> float:
    """Bound |margin - threshold| in the first blocks, and the entries of Gram rows.

    As long as w_1 and w_perp are within ``span`` and ``radius`` of the centre.
    """
    return float(extent.base + span * extent.top[blocks] + radius * extent.norm + extent.square)


@compiled
def scale_for(largest: float) -> float:
    """Return the number of units per 1, so that ``largest`` fits; 0 if there is none.

    With scale 0 every margin is evaluated in double precision.
    """
    scale = _UNITS / largest
    return scale if 0.0 < scale < math.inf else 0.0


@compiled
def error_rate(scale: float, d: int, w_norm: float, extent: Extent) -> float:
    """Bound the error, in units, that a refresh or an addition contributes to a margin.

    It is half a unit, plus the rounding of weights and of dot products of length d.
    """
    norm = math.sqrt(extent.square)
    rounding = 2.0**-50 * d * (w_norm + norm) * norm * scale
    return 0.501 + rounding if scale > 0.0 else math.inf


@compiled
def error_bound(rate: float, hits: int) -> int:
    """Return the largest error of a margin ``hits`` hits after it was computed, in units."""
    error = rate * (hits + 1.0) + 1.0
    # Written so that NaN counts as too large.
    return int(error) if error < _LARGEST_ERROR else FITTED_ALWAYS


@compiled
def refresh(
    margins: Int32Array,
    first: int,
    last: int,
    rows: FloatArray,
    w: FloatArray,
    threshold: float,
    scale: float,
) -> None:
    """Compute margins first .. last - 1 from the weights."""
    for i in range(first, last):
        margins[i] = math.floor((margin(rows, i, w) - threshold) * scale + 0.5) if scale else 0


@compiled
def classify(
    margins: Int32Array, first: int, last: int, error: int, unfitted: IntArray, unclear: IntArray
) -> None:
    """Fill the masks of the blocks first .. last - 1: certainly unfitted, and unclear."""
    for block in range(first, last):
        certain = lanes_below(margins, block * BLOCK, np.int32(-error))
        unfitted[block] = certain
        unclear[block] = certain ^ lanes_below(margins, block * BLOCK, np.int32(error))


@compiled
def move_margins(margins: Int32Array, rows: Int32Array, slot: int, blocks: int) -> None:
    """Add a Gram row to the first blocks, without updating the masks."""
    for block in range(blocks):
        add_lanes(margins, block * BLOCK, rows, slot)


@compiled
def add_row(
    margins: Int32Array,
    rows: Int32Array,
    slot: int,
    blocks: int,
    error: int,
    unfitted: IntArray,
    unclear: IntArray,
) -> tuple[int, bool]:
    """Add a Gram row to the first blocks and classify them.

    Returns:
        The number certainly unfitted, and whether any sample is unclear.
    """
    k = 0
    doubts = 0
    low, high = np.int32(-error), np.int32(error)
    for block in range(blocks):
        add_lanes(margins, block * BLOCK, rows, slot)
        certain = lanes_below(margins, block * BLOCK, low)
        doubt = certain ^ lanes_below(margins, block * BLOCK, high)
        unfitted[block] = certain
        unclear[block] = doubt
        doubts |= doubt
        k += ones(certain)
    return k, doubts != 0


@compiled
def settle(
    rows: FloatArray,
    w: FloatArray,
    threshold: float,
    blocks: int,
    unfitted: IntArray,
    unclear: IntArray,
) -> int:
    """Evaluate unclear samples in double precision; return the number unfitted in all blocks."""
    k = 0
    for block in range(blocks):
        doubt = unclear[block]
        for rank in range(ones(doubt)):
            lane = nth_one(doubt, rank)
            if margin(rows, block * BLOCK + lane, w) < threshold:
                unfitted[block] |= np.int64(1) << lane
        unclear[block] = 0
        k += ones(unfitted[block])
    return k
