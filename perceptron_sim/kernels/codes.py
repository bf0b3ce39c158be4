"""Coarse copies of samples, for a first look that reads one cache line instead of eight.

Each orthogonal coordinate is kept as one byte, in units of the sample's largest. With c the copy
and |phi_perp - c| known, Cauchy-Schwarz gives docs/kernels.md (4):

    w.phi >= w_1 phi_1 + w_perp.c - |w_perp| |phi_perp - c|,

A sample is certainly fitted if the right side exceeds the threshold. The last term is about a
hundredth of |w_perp| |phi_perp|. So this settles all but a few samples.
"""

import math

import numpy as np

from perceptron_sim.arrays import ByteArray, Float32Array, FloatArray
from perceptron_sim.kernels.jit import compiled, reassociated

# Copies are padded with zeros to whole vectors.
_LANES = 64
# From this many coordinates on, computing a margin costs more than a first look.
CODES_FROM = 24
# Number of first looks that save as much as copying a sample costs.
COPY = 1.5
_LARGEST = 127.0
_TINY = 1e-290
_PHI_1, _UNIT, _ERROR = 0, 1, 2
_FACTS = 4


@compiled
def new_codes(n: int, d: int) -> tuple[ByteArray, FloatArray]:
    """Return space for copies of n samples, and for phi_1, unit and error of each."""
    width = (d - 1 + _LANES - 1) // _LANES * _LANES
    return np.zeros((n, width), np.int8), np.empty((n, _FACTS))


@reassociated
def fill_codes(
    rows: FloatArray, first: int, last: int, codes: ByteArray, facts: FloatArray
) -> None:
    """Copy samples first .. last - 1 of ``rows`` (n, d)."""
    d = rows.shape[1]
    # Error of 32-bit sums of d terms, with an allowance for all other rounding here.
    rounding = 2.0**-22 * (d + 8)
    for i in range(first, last):
        largest = 0.0
        for j in range(1, d):
            largest = max(largest, abs(rows[i, j]))
        unit = largest / _LARGEST
        inverse = _LARGEST / largest if largest > _TINY else 0.0
        # Not 0, since squares underflow before numbers do and the error must not be too small.
        squared = _TINY
        lost = 0.0
        for j in range(1, d):
            x = rows[i, j]
            code = math.floor(x * inverse + 0.5)
            codes[i, j - 1] = code
            lost += (x - unit * code) * (x - unit * code)
            squared += x * x
        facts[i, _PHI_1] = rows[i, 0]
        facts[i, _UNIT] = unit
        facts[i, _ERROR] = math.sqrt(lost) * 1.000001 + rounding * math.sqrt(squared)


@compiled
def in_range(radius: float) -> bool:
    """Return whether 32-bit weights neither overflow nor lose digits: ``radius`` = |w_perp|."""
    return 1e-30 < radius < 1e30


@compiled
def set_weights(w: FloatArray, weights: Float32Array) -> None:
    """Copy w_perp (all but the first of ``w``) into the head of ``weights``."""
    for j in range(1, w.size):
        weights[j - 1] = np.float32(w[j])


@reassociated
def surely_fitted(
    codes: ByteArray,
    facts: FloatArray,
    i: int,
    weights: Float32Array,
    w_1: float,
    radius: float,
    threshold: float,
) -> bool:
    """Return whether sample i is certainly fitted, ``radius`` being at least |w_perp|."""
    total = np.float32(0.0)
    for j in range(weights.size):
        total += weights[j] * np.float32(codes[i, j])
    along = w_1 * facts[i, _PHI_1]
    bound = along + total * facts[i, _UNIT] - radius * facts[i, _ERROR]
    return bool(bound > threshold * 1.000001 + 1e-9 * abs(along))
