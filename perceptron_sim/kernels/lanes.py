"""Operations on 64 numbers at a time, by vector instructions that compilers do not find in loops.

Each function is plain Python, which runs uncompiled and defines the result. Compiled, it becomes
the same operation on whole vectors of LLVM, on any processor. The gain is in the masks: 64
comparisons become 64 bits of one integer, which are counted and searched without branches.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from perceptron_sim.arrays import FloatArray, Int32Array, IntArray
from perceptron_sim.kernels.jit import compiled

BLOCK = 64
# Bytes of the widest registers. Comparing as many at a time avoids shuffles of bits.
_REGISTER = 64
_WORD = (1 << 64) - 1

F = TypeVar("F", bound=Callable[..., object])


def _lowered(lower: Callable[..., Any]) -> Callable[[F], F]:
    """Replace a function by LLVM instructions, unless kernels run uncompiled."""

    def choose(function: F) -> F:
        return function if numba.config.DISABLE_JIT else cast(F, intrinsic(lower))

    return choose


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, place: list[Any]) -> Any:
    unpacked = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, unpacked, place)


def _lower_add_lanes(typing: Any, values: Any, start: Any, rows: Any, row: Any) -> Any:
    size = values.dtype.bitwidth // 8

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(context.get_value_type(values.dtype), BLOCK)
        to = _pointer(context, builder, values, args[0], [args[1]])
        added = _pointer(context, builder, rows, args[2], [args[3], args[1]])
        to, added = (builder.bitcast(pointer, kind.as_pointer()) for pointer in (to, added))
        total = builder.add(builder.load(to, align=size), builder.load(added, align=size))
        builder.store(total, to, align=size)
        return context.get_dummy_value()

    return types.void(values, types.int64, rows, types.int64), build


@_lowered(_lower_add_lanes)
def add_lanes(values: Int32Array, start: int, rows: Int32Array, row: int) -> None:
    """Add entries start .. start + 63 of a row of integers to those of ``values``."""
    values[start : start + BLOCK] += rows[row, start : start + BLOCK]


def _lower_lanes_below(typing: Any, values: Any, start: Any, bound: Any) -> Any:
    size = values.dtype.bitwidth // 8
    lanes = _REGISTER // size
    floating = isinstance(values.dtype, types.Float)
    word = ir.IntType(64)

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(context.get_value_type(values.dtype), lanes)
        mask = ir.Constant(word, 0)
        nothing = ir.Constant(kind, ir.Undefined)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        bounds = builder.insert_element(nothing, args[2], ir.Constant(ir.IntType(32), 0))
        bounds = builder.shuffle_vector(bounds, nothing, zeros)
        for part in range(0, BLOCK, lanes):
            at = builder.add(args[1], ir.Constant(word, part))
            pointer = _pointer(context, builder, values, args[0], [at])
            pointer = builder.bitcast(pointer, kind.as_pointer())
            value = builder.load(pointer, align=size)
            compare = builder.fcmp_ordered if floating else builder.icmp_signed
            bits = builder.bitcast(compare("<", value, bounds), ir.IntType(lanes))
            bits = builder.shl(builder.zext(bits, word), ir.Constant(word, part))
            mask = builder.or_(mask, bits)
        return mask

    return types.int64(values, types.int64, values.dtype), build


@_lowered(_lower_lanes_below)
def lanes_below(values: FloatArray | Int32Array, start: int, bound: float | np.int32) -> int:
    """Return the mask of which of the values start .. start + 63 are below ``bound``."""
    packed = np.packbits(values[start : start + BLOCK] < bound, bitorder="little")
    return int(packed.view(np.int64)[0])


def _lower_ones(typing: Any, mask: Any) -> Any:
    return types.int64(types.int64), lambda context, builder, signature, args: builder.ctpop(
        args[0]
    )


@_lowered(_lower_ones)
def ones(mask: int) -> int:
    """Return the number of ones of a mask."""
    return (int(mask) & _WORD).bit_count()


@compiled
def nth_one(mask: int, rank: int) -> int:
    """Return the place of the one number ``rank`` (from 0) of a mask, by bisection."""
    place = 0
    for width in (32, 16, 8, 4, 2, 1):
        inside = ones(mask & ((1 << width) - 1))
        skip = width if rank >= inside else 0
        rank -= inside if rank >= inside else 0
        mask >>= skip
        place += skip
    return place


@compiled
def nth_of_masks(masks: IntArray, rank: int) -> int:
    """Return the place of the one number ``rank`` (from 0) of consecutive masks."""
    block = 0
    inside = ones(masks[0])
    while rank >= inside:
        rank -= inside
        block += 1
        inside = ones(masks[block])
    return block * BLOCK + nth_one(masks[block], rank)


@compiled
def list_ones(masks: IntArray, blocks: int, found: IntArray) -> int:
    """Write the places of all ones of the first masks into ``found``; return their number."""
    count = 0
    for block in range(blocks):
        mask = int(masks[block])
        for _ in range(ones(mask)):
            found[count] = block * BLOCK + ones((mask & -mask) - 1)
            mask &= mask - 1
            count += 1
    return count
