"""Which samples can be unfitted at all, by a bound that is cheap to keep: docs/kernels.md (2), (3).

By Cauchy-Schwarz a sample phi is fitted as long as w_1 phi_1 - R |phi_perp| >= threshold for
some R >= |w_perp|. The samples for which this fails are active. They are found without looking at
the others. Samples are sorted into bins by the key phi_1 / (|phi_perp| + offset), and the active
ones are a prefix of the bins. With offset = threshold / R the prefix is tight. For other R it is
still safe (``active``).
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled, reassociated
from perceptron_sim.kernels.observables import margin

_BINS = 2048
# A pool reaches to a multiple of the present bound on the key. So |w_perp| may rise by that factor
# before the whole training set is searched again. It is small at first, as most runs need no more.
FIRST_SPARE, SPARE = 2.0, 5.0
# It shrinks when the bound has fallen to 1/_SHRINK of its reach, while the bins still resolve the
# prefix.
_SHRINK = 32.0
_SHRINK_FROM = 128

# A near pool pays once |w_perp| is as large as this number of hits.
NEAR_FROM = 6.0

# Values of ``active`` when another pool is needed.
TOO_SMALL, TOO_LARGE = -1, -2
# Allowance for rounding in |w_perp| (tracked to about 1e-12) and in the keys.
_SAFETY = 1.0 + 1e-6
_TINY = 1e-290
_HUGE = 1e290


class Pool(NamedTuple):
    """Samples that may become active, grouped by rising key.

    Attributes:
        samples: their numbers in the training set, shape (n,).
        rows: their features, shape (n, d).
        norm: |phi_perp| of each, shape (n,).
        starts: number of samples in the first b bins, shape (bins + 1,).
        bin_width: width of a bin in the key.
        cut: samples with a larger key are not in the pool; inf if all are.
        offset: threshold / R at the time of sorting.
        smallest_norm: least |phi_perp| of all samples.
        typical_norm: mean of |phi_perp| over all samples.
        center: weights from which displacements are measured, shape (d,); 0 is the axis.
        near: whether the pool is centred on weights (``near_pool``).
        least_w_1: smallest w_1 for which the pool is valid.
    """

    samples: IntArray
    rows: FloatArray
    norm: FloatArray
    starts: IntArray
    bin_width: float
    cut: float
    offset: float
    smallest_norm: float
    typical_norm: float
    center: FloatArray
    near: bool
    least_w_1: float


@reassociated
def perpendicular_norm(features: FloatArray, i: int) -> float:
    """Return |phi_perp| of sample i, or 1e-145 if less: ``features`` (P, d).

    Squares underflow before numbers do, and bounds need a norm that is never too small.
    """
    total = _TINY
    for j in range(1, features.shape[1]):
        total += features[i, j] * features[i, j]
    return math.sqrt(total)


@compiled
def perpendicular_norms(features: FloatArray) -> FloatArray:
    """Return |phi_perp| of every sample, shape (P,)."""
    norms = np.empty(features.shape[0])
    for i in range(norms.size):
        norms[i] = perpendicular_norm(features, i)
    return norms


@compiled
def is_active(phi_1: float, norm: float, w_1: float, radius: float, threshold: float) -> bool:
    """Return whether a sample could be unfitted while |w_perp| <= radius."""
    return w_1 * phi_1 - radius * _SAFETY * norm < threshold * _SAFETY


@compiled
def key_bound(
    pool_offset: float, smallest_norm: float, w_1: float, radius: float, threshold: float
) -> float:
    """Return x such that every active sample has a key below x.

    phi_1 w_1 < R norm + threshold gives key < (R/w_1) (norm + threshold/R) / (norm + offset),
    and the last ratio is at most 1, or its value at the smallest norm.
    """
    radius = max(radius * _SAFETY, 1e-12 * w_1, _TINY)
    if w_1 <= 0.0:
        return math.inf
    threshold *= _SAFETY
    excess = max(threshold / radius - pool_offset, 0.0)
    ratio = 1.0 + excess / max(smallest_norm + pool_offset, _TINY)
    return radius / w_1 * ratio * _SAFETY


@compiled
def is_stale(pool: Pool, radius: float, threshold: float) -> bool:
    """Return whether |w_perp| has risen so much that the order of the pool is no longer tight."""
    if pool.near:
        return False
    return pool.offset * radius > 4.0 * threshold and pool.offset > 0.1 * pool.typical_norm


@reassociated
def displacement_squared(w: FloatArray, center: FloatArray) -> float:
    """Return |w_perp - center_perp|^2; with center 0, |w_perp|^2."""
    total = 0.0
    for j in range(1, w.size):
        total += (w[j] - center[j]) * (w[j] - center[j])
    return total


@compiled
def displacement(w: FloatArray, center: FloatArray) -> float:
    """Return |w_perp - center_perp|; with center 0, |w_perp|."""
    return math.sqrt(displacement_squared(w, center))


@compiled
def noise(w: FloatArray) -> float:
    """Return |w_perp|, rounded exactly as ``displacement`` from the axis is."""
    return displacement(w, np.zeros(w.size))


@compiled
def reach_of(pool: Pool, w_1: float, radius: float, threshold: float) -> float:
    """Return the bound on keys, for ``active``, while the displacement is at most ``radius``."""
    if w_1 < pool.least_w_1:
        return math.inf
    if pool.near:
        return radius * _SAFETY
    return key_bound(pool.offset, pool.smallest_norm, w_1, radius, threshold)


@compiled
def active(starts: IntArray, bin_width: float, cut: float, bound: float) -> int:
    """Return how many leading samples of a pool include every one with a key below ``bound``.

    The pool is given by its fields. The value is TOO_SMALL if it may lack some, TOO_LARGE if a
    smaller pool would be much faster.
    """
    # Written so that a bound that is not a number counts as too large.
    if not bound <= cut:
        return TOO_SMALL
    bins = starts.size - 1
    if bound * _SHRINK < bins * bin_width and starts[bins] > _SHRINK_FROM:
        return TOO_LARGE
    position = bound / bin_width
    if not position < bins - 1:
        return int(starts[bins])
    return int(starts[int(position) + 1])


@compiled
def build_pool(
    features: FloatArray,
    norms: FloatArray,
    w_1: float,
    radius: float,
    threshold: float,
    spare: float,
    total: int,
) -> Pool:
    """Collect and sort the samples that are active up to ``spare`` times the present bound.

    Args:
        features: phi, shape (P, d).
        norms: |phi_perp|, shape (P,).
        w_1: signal.
        radius: bound on |w_perp| for which the order is to be tight.
        threshold: kappa / T.
        spare: how far the bound may rise before the pool must be built anew.
        total: a pool of this many samples is valid for any bound.
    """
    P, d = features.shape
    offset = threshold / max(radius, _TINY)
    smallest = float(np.min(norms))
    bound = key_bound(offset, smallest, w_1, radius, threshold)
    cut = bound * spare
    # Two passes over (phi_1, norm): count by bin, then place.
    key = np.empty(P)
    inside = 0
    largest = 0.0
    for i in range(P):
        # Samples on the wrong side of the teacher count as on the boundary.
        key[i] = min(max(features[i, 0], 0.0) / max(norms[i] + offset, _TINY), _HUGE)
        if key[i] < cut:
            inside += 1
            largest = max(largest, key[i])
    width = max(min(largest, cut) / _BINS, _TINY)
    if inside == total:
        cut = math.inf
    starts = np.zeros(_BINS + 1, np.int64)
    for i in range(P):
        if key[i] < cut:
            starts[1 + int(min(key[i] / width, _BINS - 1.0))] += 1
    for b in range(_BINS):
        starts[b + 1] += starts[b]
    place = starts[:-1].copy()
    index = np.empty(inside, np.int64)
    rows = np.empty((inside, d))
    norm = np.empty(inside)
    for i in range(P):
        if key[i] < cut:
            b = int(min(key[i] / width, _BINS - 1.0))
            to = place[b]
            place[b] += 1
            index[to] = i
            norm[to] = norms[i]
            for j in range(d):
                rows[to, j] = features[i, j]
    typical = float(np.mean(norms))
    center = np.zeros(d)
    return Pool(
        index, rows, norm, starts, width, cut, offset, smallest, typical, center, False, -math.inf
    )


@compiled
def shrink_pool(pool: Pool, w_1: float, radius: float, threshold: float) -> Pool:
    """Return the pool of those samples of ``pool`` that a new pool would hold."""
    size = pool.samples.size
    part = build_pool(pool.rows, pool.norm, w_1, radius, threshold, SPARE, size)
    cut = min(part.cut, pool.cut)
    return Pool(
        pool.samples[part.samples],
        part.rows,
        part.norm,
        part.starts,
        part.bin_width,
        cut,
        part.offset,
        part.smallest_norm,
        part.typical_norm,
        part.center,
        part.near,
        w_1,
    )


@compiled
def near_pool(outer: Pool, n: int, w: FloatArray, threshold: float, reach: float) -> Pool:
    """Return the samples that can be unfitted while |w_perp| moves less than ``reach`` from here.

    Let m be the margin of a sample now. As long as w_1 phi_1 does not fall, the margin is at least
    m - |displacement| |phi_perp|. So those with (m - threshold) / |phi_perp| > reach are left out.

    Args:
        outer: a pool centred on the axis.
        n: number of its leading samples that can be unfitted within ``reach``.
        w: weights to centre on, shape (d,).
        threshold: kappa / T.
        reach: displacement to provide for, in units of T.
    """
    d = w.size
    w_perp = noise(w)
    inside = np.empty(n, np.int64)
    size = 0
    for i in range(n):
        value = margin(outer.rows, i, w)
        rounding = 1e-9 * (threshold + abs(w[0] * outer.rows[i, 0]) + w_perp * outer.norm[i])
        if value - threshold - rounding <= 1.01 * reach * outer.norm[i] or outer.rows[i, 0] < 0.0:
            inside[size] = i
            size += 1
    inside = inside[:size]
    rows = np.empty((size, d))
    for k in range(size):
        rows[k] = outer.rows[inside[k]]
    return Pool(
        outer.samples[inside],
        rows,
        outer.norm[inside],
        np.array([0, size]),
        _TINY,
        1.005 * reach,
        0.0,
        outer.smallest_norm,
        outer.typical_norm,
        w.copy(),
        True,
        w[0],
    )
