"""Numbers of samples that were never looked at, by shell.

A line (a, s) stands for the samples with u < a + s v. By the certificate (docs/kernels.md (2))
those that can be unfitted while |w_perp| <= R lie below the line with a = threshold sqrt(d) / w_1
and s = R / w_1. Lines are kept in a chain, each inside the next, so the shells between them are
disjoint. The unseen samples of a shell are independent draws from the population given the shell,
and their number is known. Shells must never be pooled: given both numbers, samples of the union are
not independent draws.
"""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.deferred.draws import draw_between, draw_binomial, draw_direction
from perceptron_sim.kernels.deferred.population import (
    Population,
    mass,
    most_likely,
    power_mass,
)
from perceptron_sim.kernels.jit import compiled

# Columns of ``Shells.lines``.
A, S, MASS, MODE, RATIO, BY_POWER = range(6)
COLUMNS = 6
# Places in ``Shells.sizes``.
N_SHELLS, N_SEEN, ROOM = 0, 1, 2
MOST_SHELLS = 1024

# A new line is made only if it reaches less far than the present one by this factor.
_WORTH = 1.03
# The intercept of a line is at least this part of what the slope gives at the usual v.
_LEAST_PART = 1e-3
# Allowance for rounding, as in ``certificate``.
_SAFETY = 1.0 + 1e-6


class Shells(NamedTuple):
    """The chain, innermost shell first; the last line is infinite.

    Attributes:
        lines: outer line of each shell, probability below it, and numbers for ``draws``, shape
            (MOST_SHELLS, COLUMNS).
        unseen: unseen samples in each shell, shape (MOST_SHELLS,).
        sizes: (number of shells, number of samples seen, number with space).
    """

    lines: FloatArray
    unseen: IntArray
    sizes: IntArray


def new_shells(P: int) -> Shells:
    """Return one shell that holds all P samples."""
    lines = np.zeros((MOST_SHELLS, COLUMNS))
    lines[0] = (np.inf, np.inf, 1.0, 0.0, 0.0, 0.0)
    unseen = np.zeros(MOST_SHELLS, dtype=np.int64)
    unseen[0] = P
    return Shells(lines, unseen, np.array([1, 0, 0], dtype=np.int64))


@compiled
def line_of(w_1: float, radius: float, threshold: float, d: int) -> tuple[float, float]:
    """Return the line below which all samples lie that can be unfitted.

    An intercept that matters little is rounded up, so that lines made at other w_1 are parallel.
    """
    if not w_1 > 0.0:
        return math.inf, math.inf
    a, s = threshold * math.sqrt(d) * _SAFETY / w_1, radius * _SAFETY / w_1
    return max(a, _LEAST_PART * math.sqrt(d) * s), s


@compiled
def covering(shells: Shells, a: float, s: float) -> int:
    """Return the first shell whose outer line covers the line (a, s)."""
    k = 0
    while shells.lines[k, A] < a or shells.lines[k, S] < s:
        k += 1
    return k


@compiled
def unseen_within(shells: Shells, k: int) -> int:
    """Return the number of unseen samples below the outer line of shell k."""
    total = 0
    for j in range(k + 1):
        total += shells.unseen[j]
    return total


@compiled
def frontier(data: Population, rng: np.random.Generator, shells: Shells, a: float, s: float) -> int:
    """Return the last shell of those that hold all samples below (a, s).

    If the chain has no line close to (a, s), a shell is split: its unseen samples are divided
    binomially.
    """
    k = covering(shells, a, s)
    lines, unseen = shells.lines, shells.unseen
    n = int(shells.sizes[N_SHELLS])
    inner_mass = 0.0
    if k > 0:
        # This keeps lines from crossing.
        a, s = max(a, lines[k - 1, A]), max(s, lines[k - 1, S])
        inner_mass = lines[k - 1, MASS]
    typical = math.sqrt(data.d)
    reach = a + s * typical
    if lines[k, A] + lines[k, S] * typical < _WORTH * reach or n == lines.shape[0]:
        return k
    if lines[k, A] == math.inf and reach * reach > 4.0 + 2.0 * data.power:
        # Nearly everything lies below it.
        return k
    inside = mass(data, a, s)
    part = (inside - inner_mass) / (lines[k, MASS] - inner_mass)
    within = draw_binomial(rng, unseen[k], min(max(part, 0.0), 1.0))
    for j in range(n, k, -1):
        lines[j] = lines[j - 1]
        unseen[j] = unseen[j - 1]
    shells.sizes[N_SHELLS] = n + 1
    unseen[k] = within
    unseen[k + 1] -= within
    lines[k, A], lines[k, S], lines[k, MASS] = a, s, inside
    _prepare(data, lines, k)
    if lines[k + 1, A] < math.inf:
        _prepare(data, lines, k + 1)
    return k


@compiled
def _prepare(data: Population, lines: FloatArray, k: int) -> None:
    """Fill in how samples of shell k are drawn (``draws``): the way that rejects fewer."""
    a, s = lines[k, A], lines[k, S]
    ratio = 0.0
    if k > 0:
        ratio = lines[k - 1, S] / s
        if a > 0.0:
            ratio = min(ratio, lines[k - 1, A] / a)
    lines[k, RATIO] = ratio
    lines[k, MODE] = most_likely(data, a, s)
    # Draws from the whole population are accepted as often as the shell has mass, those from the
    # power law as often as that mass is part of what the law proposes.
    lines[k, BY_POWER] = power_mass(data, a, s) * (1.0 - ratio**data.power) < 0.5


@compiled
def pick_shell(rng: np.random.Generator, shells: Shells, last: int, total: int) -> int:
    """Return the shell of a random one of the ``total`` unseen samples of shells 0..last."""
    left = rng.random() * total
    k = last
    while k > 0 and left >= shells.unseen[k]:
        left -= shells.unseen[k]
        k -= 1
    # Rounding may lead past the last sample.
    while shells.unseen[k] == 0:
        k += 1
    return k


@compiled
def see(
    data: Population,
    rng: np.random.Generator,
    shells: Shells,
    k: int,
    rows: FloatArray,
    norms: FloatArray,
) -> int:
    """Draw one of the unseen samples of shell k and return its row.

    Args:
        data, rng, shells: population, stream and chain.
        k: a shell that has unseen samples.
        rows: features of the samples seen, with room for one more, shape (n, d).
        norms: their |phi_perp|, shape (n,).
    """
    lines = shells.lines
    inner = (0.0, 0.0)
    if k > 0:
        inner = (lines[k - 1, A], lines[k - 1, S])
    outer = (lines[k, A], lines[k, S])
    u, v = draw_between(
        rng, data, outer, inner, lines[k, MODE], lines[k, RATIO], lines[k, BY_POWER] != 0.0
    )
    i = int(shells.sizes[N_SEEN])
    norms[i] = draw_direction(rng, u, v, rows, i)
    shells.unseen[k] -= 1
    shells.sizes[N_SEEN] = i + 1
    return i
