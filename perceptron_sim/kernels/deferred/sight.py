"""Which samples can be unfitted, among those seen and among the unseen."""

import math
from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.deferred.population import Population
from perceptron_sim.kernels.deferred.shells import (
    MOST_SHELLS,
    N_SEEN,
    N_SHELLS,
    A,
    S,
    Shells,
    frontier,
    line_of,
    see,
    unseen_within,
)
from perceptron_sim.kernels.event_driven.state import (
    COVER_A,
    COVER_S,
    GO_ON,
    LEAST_SPARE,
    WANTED_A,
    WANTED_S,
    Run,
)
from perceptron_sim.kernels.jit import compiled

# Return values other than a final status: all samples that can be unfitted are seen, or there is
# no space for more.
COVERED, NEEDS_ROOM = 200, 201

# Number of samples that is small enough to draw at once.
FEW = 64
# Dormant samples above so many times the line are laid down apart.
_NEAR = 1.25

# Places in ``Sight.places``.
ACTIVE, DORMANT, BLOCKS, FRONTIER = range(4)


class Sight(NamedTuple):
    """The samples: those seen that can be unfitted, those seen that cannot, and the unseen.

    Dormant samples are a stack of blocks, one for each time the line shrank. The samples that come
    back when it grows again are on top: the line of each block covers those of the blocks above it.

    Attributes:
        data: what samples are drawn from.
        shells: the unseen samples.
        norms: |phi_perp| of the samples seen, with space for more, shape (room,).
        active: the seen ones that can be unfitted, and some more, in any order.
        dormant: the other seen ones.
        blocks: of the dormant ones: first place, and the line (a, s) above which they lie.
        places: (number active, number dormant, number of blocks, last shell of which unseen samples
            can be unfitted).
    """

    data: Population
    shells: Shells
    norms: FloatArray
    active: IntArray
    dormant: IntArray
    blocks: FloatArray
    places: IntArray


@compiled
def open_sight(data: Population, shells: Shells, norms: FloatArray) -> Sight:
    """Return all samples as active, below no frontier."""
    active = np.empty(norms.size, np.int64)
    seen = shells.sizes[N_SEEN]
    for i in range(seen):
        active[i] = i
    places = np.array([seen, 0, 0, shells.sizes[N_SHELLS] - 1])
    dormant = np.empty(norms.size, np.int64)
    return Sight(data, shells, norms, active, dormant, np.empty((MOST_SHELLS, 3)), places)


@compiled
def is_below(run: Run, sight: Sight, i: int, a: float, s: float) -> bool:
    """Tell whether sample i, which was seen, lies below a line."""
    return bool(run.features[i, 0] < a / math.sqrt(run.w.size) + s * sight.norms[i])


@compiled
def _sort_out(
    run: Run, sight: Sight, source: IntArray, first: int, last: int, line: tuple[float, float]
) -> None:
    """Move samples first .. last - 1 of ``source`` to the end of the active or the dormant."""
    active, dormant, places = sight.active, sight.dormant, sight.places
    n_active, n_dormant = places[ACTIVE], places[DORMANT]
    for j in range(first, last):
        i = source[j]
        if is_below(run, sight, i, line[0], line[1]):
            active[n_active] = i
            n_active += 1
        else:
            dormant[n_dormant] = i
            n_dormant += 1
    places[ACTIVE], places[DORMANT] = n_active, n_dormant


@compiled
def find_frontier(run: Run, sight: Sight, a: float, s: float) -> int:
    """Return the last shell to take so that all below (a, s) is taken, split off where needed."""
    sizes, places = sight.shells.sizes, sight.places
    before = sizes[N_SHELLS]
    last = frontier(sight.data, run.rng, sight.shells, a, s)
    if sizes[N_SHELLS] > before and last <= places[FRONTIER]:
        places[FRONTIER] += 1
    return last


@compiled
def sort_seen(run: Run, sight: Sight, line: tuple[float, float], shrinks: bool) -> None:
    """Wake seen samples below a line; if it ``shrinks``, lay those above it aside."""
    places, blocks = sight.places, sight.blocks
    n_blocks = places[BLOCKS]
    end = places[DORMANT]
    while n_blocks > 0 and (
        n_blocks > blocks.shape[0] - 2
        or blocks[n_blocks - 1, 1] < line[0]
        or blocks[n_blocks - 1, 2] < line[1]
    ):
        n_blocks -= 1
        places[DORMANT] = int(blocks[n_blocks, 0])
    first = places[DORMANT]
    _sort_out(run, sight, sight.dormant, first, end, line)
    if shrinks:
        end = places[ACTIVE]
        places[ACTIVE] = 0
        _sort_out(run, sight, sight.active, 0, end, line)
    # What stays or falls asleep is laid down as two blocks, so that little is opened next time.
    a, s = _NEAR * line[0], _NEAR * line[1]
    if n_blocks > 0:
        a, s = min(a, blocks[n_blocks - 1, 1]), min(s, blocks[n_blocks - 1, 2])
    near, end = first, places[DORMANT]
    for j in range(first, end):
        i = sight.dormant[j]
        if not is_below(run, sight, i, a, s):
            sight.dormant[j] = sight.dormant[near]
            sight.dormant[near] = i
            near += 1
    for start, stop, block_a, block_s in ((first, near, a, s), (near, end, line[0], line[1])):
        if start < stop:
            blocks[n_blocks, 0], blocks[n_blocks, 1], blocks[n_blocks, 2] = start, block_a, block_s
            n_blocks += 1
    places[BLOCKS] = n_blocks


@compiled
def cover_all(run: Run, sight: Sight, radius: float, spare: float, most: int) -> int:
    """Draw all samples of a pool, if they are few enough; return COVERED, NEEDS_ROOM or GO_ON.

    Few enough are samples that cost no more than those drawn so far. Hits to come grow as (unfitted
    samples)^growth. So the total is least if the rest is drawn once it falls below ``growth`` times
    the number drawn. At most ``most`` are held. The pool reaches ``spare`` times as far as samples
    that can be unfitted while |w_perp| <= ``radius``.
    """
    w, cover, shells = run.w, run.cover, sight.shells
    seen = shells.sizes[N_SEEN]
    limit = min(int(min(run.growth, 4.0) * seen) + FEW, most - seen)
    if unseen_within(shells, sight.places[FRONTIER]) > limit:
        return GO_ON
    d = w.size
    a, s = line_of(w[0], 1.001 * radius, 1.001 * run.threshold, d)
    root = math.sqrt(d)
    last = find_frontier(run, sight, spare * a, spare * s)
    unseen = unseen_within(shells, last)
    if unseen > limit:
        return GO_ON
    if seen + unseen > sight.norms.size:
        return NEEDS_ROOM
    for k in range(last + 1):
        while shells.unseen[k] > 0:
            see(sight.data, run.rng, shells, k, run.features, sight.norms)
    cover[WANTED_A], cover[WANTED_S] = 0.0, 0.0
    cover[COVER_A], cover[COVER_S] = shells.lines[last, A] / root, shells.lines[last, S]
    if unseen_within(shells, shells.sizes[N_SHELLS] - 1) == 0:
        cover[COVER_A], cover[COVER_S], cover[LEAST_SPARE] = math.inf, math.inf, math.inf
    return COVERED


@compiled
def spare_wanted(run: Run, radius: float) -> float:
    """Return how far a pool must reach to hold samples that the last one lacked."""
    cover, w = run.cover, run.w
    a, s = line_of(w[0], radius, run.threshold, w.size)
    spare = cover[LEAST_SPARE]
    if s > 0.0:
        spare = max(spare, cover[WANTED_S] / s)
    if a > 1e-300:
        spare = max(spare, cover[WANTED_A] * math.sqrt(w.size) / a)
    return float(spare)
