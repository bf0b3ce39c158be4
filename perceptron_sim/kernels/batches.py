"""Uniform batches of B distinct samples out of P, in O(B) per step and O(P) memory once."""

import numpy as np

from perceptron_sim.arrays import IntArray
from perceptron_sim.kernels.jit import compiled

# Up to this size duplicates are found by comparing with the samples drawn so far.
SMALL_BATCH = 8


@compiled
def random_below(rng: np.random.Generator, n: int) -> int:
    """Draw an integer uniform on 0..n-1 (bias below n / 2^53); exact for n = 1."""
    return int(rng.random() * n)


@compiled
def needs_order(P: int, B: int) -> bool:
    """Return whether ``draw_batch`` will read ``order``; if not, it may be empty."""
    return SMALL_BATCH < B < P


@compiled
def draw_batch(rng: np.random.Generator, P: int, order: IntArray, batch: IntArray) -> None:
    """Fill ``batch`` with a uniformly random set of distinct samples.

    Small batches are drawn with rejection of duplicates. Large ones are the head of a partial
    Fisher-Yates shuffle. ``order`` stays a permutation from step to step and never needs to be
    reset, because a shuffle of any permutation is uniform. B = P takes every sample.

    Args:
        rng: source of randomness; advanced in place.
        P: number of samples.
        order: a permutation of 0..P-1, shape (P,), reordered in place; see ``needs_order``.
        batch: output, shape (B,), 1 <= B <= P.
    """
    B = batch.size
    if B == P:
        for i in range(B):
            batch[i] = i
        return
    if B > SMALL_BATCH:
        for i in range(B):
            j = i + random_below(rng, P - i)
            order[i], order[j] = order[j], order[i]
            batch[i] = order[i]
        return
    batch[0] = random_below(rng, P)
    for i in range(1, B):
        sample = random_below(rng, P)
        j = 0
        while j < i:
            if batch[j] == sample:
                sample = random_below(rng, P)
                j = 0
            else:
                j += 1
        batch[i] = sample


@compiled
def shuffle_head(rng: np.random.Generator, values: IntArray, count: int, head: int) -> None:
    """Make the first ``head`` of the first ``count`` values a uniformly random subset of them."""
    for h in range(head):
        other = h + int(rng.random() * (count - h))
        values[h], values[other] = values[other], values[h]


@compiled
def draw_batches(rng: np.random.Generator, P: int, order: IntArray, batches: IntArray) -> None:
    """Fill each row of ``batches``, shape (n, B), as n calls of ``draw_batch`` would."""
    for i in range(batches.shape[0]):
        draw_batch(rng, P, order, batches[i])
