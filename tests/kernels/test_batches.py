"""Batches are uniform over sets of distinct samples. False alarm below 1e-7, seeds fixed."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from perceptron_sim.kernels.batches import SMALL_BATCH, draw_batch

pytestmark = pytest.mark.jit_free


def _draw(P: int, B: int, draws: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    order, batch = np.arange(P), np.empty(B, dtype=np.int64)
    out = np.empty((draws, B), dtype=np.int64)
    for row in out:
        draw_batch(rng, P, order, batch)
        row[:] = batch
    return out


@pytest.mark.parametrize(("P", "B"), [(7, 1), (7, 2), (6, 3), (5, 4), (12, 2)])
def test_every_subset_is_equally_likely(P: int, B: int) -> None:
    batches = np.sort(_draw(P, B, 20_000, seed=P * 100 + B), axis=1)
    counts = dict.fromkeys(combinations(range(P), B), 0)
    for batch in map(tuple, batches.tolist()):
        counts[batch] += 1
    assert stats.chisquare(list(counts.values())).pvalue > 1e-7


@pytest.mark.parametrize(("P", "B"), [(40, SMALL_BATCH), (40, SMALL_BATCH + 1), (100, 64)])
def test_large_batches_are_distinct_and_even(P: int, B: int) -> None:
    draws = 3000
    batches = _draw(P, B, draws, seed=B)
    assert all(len(set(batch)) == B for batch in batches.tolist())
    z = (np.bincount(batches.ravel(), minlength=P) - draws * B / P) / np.sqrt(
        draws * (B / P) * (1 - B / P)
    )
    assert np.max(np.abs(z)) < 6
    # Successive batches are independent: the overlap of neighbours is hypergeometric.
    overlap = [len(set(a) & set(b)) for a, b in zip(batches[:-1:2], batches[1::2], strict=True)]
    law = stats.hypergeom(P, B, B)
    assert abs(np.mean(overlap) - law.mean()) < 6 * law.std() / np.sqrt(len(overlap))


def test_full_batch_is_every_sample() -> None:
    assert np.array_equal(_draw(9, 9, 1, seed=0)[0], np.arange(9))


def test_a_biased_draw_is_noticed() -> None:
    rng = np.random.default_rng(0)
    with_replacement = np.sort(rng.integers(0, 7, (20_000, 2)), axis=1)
    distinct = with_replacement[with_replacement[:, 0] != with_replacement[:, 1]]
    distinct[:600] = [0, 1]  # 3 % of the draws go to one subset
    counts = np.unique(distinct, axis=0, return_counts=True)[1]
    assert stats.chisquare(counts).pvalue < 1e-7
