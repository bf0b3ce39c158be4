"""Weights from hit counts, in twice the working precision.

Adding the same sample repeatedly rounds the same way each time. So the error of running weights
grows in proportion to the hits: about 1e-16 of |w| per hit of a sample. The counts are integers
and exact. The weights are computed from them anew at intervals.
"""

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled

# Hits between two restorations: rounding stays below 2^18 * 2^-53 = 3e-11 of |w| at any time.
RESTORE_HITS = 1 << 18

_SPLIT = 134217729.0  # 2^27 + 1 (Dekker)
_LOW_BITS = (1 << 26) - 1


@compiled
def restore_interval(P: int) -> int:
    """Return the number of hits between two restorations, so that they take little time."""
    return max(RESTORE_HITS, 4 * P)


@compiled
def restore_weights(features: FloatArray, hit_counts: IntArray, w: FloatArray) -> None:
    """Set w to the sum over samples of hit_counts * features, correctly to the last bits.

    Each product is split into parts that are exact, and the parts are added with their rounding
    errors kept (Dekker 1971, Knuth's TwoSum).

    Args:
        features: phi, shape (P, d).
        hit_counts: hits of each sample, shape (P,).
        w: weights to set, shape (d,).
    """
    # Weight by weight the sums are independent: samples outermost, so that lanes of weights run
    # side by side.
    total = np.zeros(w.size)
    lost = np.zeros(w.size)
    for i in range(hit_counts.size):
        count = hit_counts[i]
        if count == 0:
            continue
        upper = float(count >> 26) * 67108864.0
        lower = float(count & _LOW_BITS)
        for j in range(w.size):
            x = features[i, j]
            scaled = _SPLIT * x
            high = scaled - (scaled - x)
            low = x - high
            for part in (upper * high, upper * low, lower * high, lower * low):
                new = total[j] + part
                back = new - total[j]
                lost[j] += (total[j] - (new - back)) + (part - back)
                total[j] = new
    for j in range(w.size):
        w[j] = total[j] + lost[j]
