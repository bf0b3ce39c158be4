"""Masks of 64 lanes, compiled and not, against what they mean."""

import math

import numpy as np
import pytest

from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.lanes import add_lanes, lanes_below, list_ones, nth_of_masks, ones

pytestmark = pytest.mark.jit_free


@compiled
def _add(values, start, rows, row):
    add_lanes(values, start, rows, row)


@compiled
def _below(values, start, bound):
    return lanes_below(values, start, bound)


@compiled
def _ones(mask):
    return ones(mask)


def test_adding_touches_one_block_of_one_row() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(-1000, 1000, 192).astype(np.int32)
    rows = rng.integers(-1000, 1000, (3, 192)).astype(np.int32)
    expected = values.copy()
    expected[64:128] += rows[2, 64:128]
    _add(values, 64, rows, 2)
    assert (values == expected).all()


@pytest.mark.parametrize("kind", [np.int32, np.float64])
def test_masks_count_and_find_what_is_below(kind) -> None:
    rng = np.random.default_rng(1)
    for density in (0.0, 0.02, 0.5, 1.0):
        values = np.where(rng.random(192) < density, -3, 5).astype(kind)
        values[7] = 2
        if kind is np.float64:
            values[8] = math.nan
        masks = np.array([_below(values, start, kind(2)) for start in (0, 64, 128)], np.int64)
        places = np.flatnonzero(values < 2)
        found = np.zeros(192, np.int64)
        assert sum(_ones(mask) for mask in masks) == len(places)
        assert list_ones(masks, 3, found) == len(places)
        assert (found[: len(places)] == places).all()
        assert [nth_of_masks(masks, rank) for rank in range(len(places))] == places.tolist()


def test_a_full_mask_has_its_highest_bit() -> None:
    values = np.zeros(64, np.int32)
    mask = _below(values, 0, np.int32(1))
    assert mask == -1
    assert _ones(mask) == 64
    assert nth_of_masks(np.array([mask]), 63) == 63
