"""Fill a lattice from coarse to fine, only where straight lines do not tell what is between.

Between measured corners a map of power laws is a plane in logarithms, so an observable that
merely changes needs no further points; one that bends, jumps, changes its status or scatters
does. Rectangles of corners are halved in both directions as long as that is so.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from perceptron_sim.arrays import FloatArray

Node = tuple[int, int]

# A node that is not a part of the map, such as B > P.
OUTSIDE = "outside"


@dataclass(frozen=True)
class Sample:
    """What is known at a node.

    Attributes:
        value: the observable, NaN if it has none there.
        error: its standard error, 0 if unknown.
        status: how the runs there ended, or OUTSIDE.
    """

    value: float
    error: float
    status: str


# Measures nodes, in order of importance; leaves out those for which no budget is left.
Measure = Callable[[list[Node]], dict[Node, Sample]]


@dataclass(frozen=True)
class Filled:
    """A filled lattice.

    Attributes:
        samples: what was measured.
        complete: whether nothing was left out for want of budget.
    """

    samples: dict[Node, Sample]
    complete: bool


def fill_uniform(shape: tuple[int, int], measure: Measure) -> Filled:
    """Measure every node of a lattice of ``shape`` = (points on x, points on y)."""
    nodes = [(i, j) for i in range(shape[0]) for j in range(shape[1])]
    samples = measure(nodes)
    return Filled(samples, len(samples) == len(nodes))


def fill_adaptively(
    x: FloatArray, y: FloatArray, measure: Measure, tolerance: float, stride: int = 8
) -> Filled:
    """Measure nodes of the lattice ``x`` times ``y`` where they say something new.

    A rectangle is halved in both directions. Its halves are halved again if a new node lies off
    the plane through the corners by more than ``tolerance`` and two standard errors, if the
    standard error anywhere in it exceeds ``tolerance``, or if the runs in it ended differently.

    Args:
        x: coordinates of the columns in which power laws are straight (logarithms), shape (n,).
        y: the same of the rows, shape (m,).
        measure: measures nodes (i, j); called once a round, roughest rectangles first.
        tolerance: deviation that counts, in the unit of the observable (ln).
        stride: nodes between corners of the coarsest rectangles.
    """
    samples: dict[Node, Sample] = {}
    active = [
        _Rectangle(i, i2, j, j2)
        for i, i2 in _spans(len(x), stride)
        for j, j2 in _spans(len(y), stride)
    ]
    while active:
        wanted = _new(samples, (node for box in active for node in box.nodes()))
        found = measure(wanted)
        samples |= found
        if len(found) < len(wanted):
            return Filled(samples, False)
        rough = [(_roughness(box, x, y, samples, tolerance), box) for box in active]
        rough = [(how, box) for how, box in rough if how > 0.0]
        rough.sort(key=lambda pair: -pair[0])
        active = [part for _, box in rough for part in box.parts()]
    return Filled(samples, True)


@dataclass(frozen=True)
class _Rectangle:
    """Nodes i0..i1 times j0..j1, ends included; i1 = i0 where the lattice is one node wide."""

    i0: int
    i1: int
    j0: int
    j1: int

    def nodes(self) -> list[Node]:
        """Return corners, then the nodes half-way."""
        middle = [((a + b) // 2) for a, b in ((self.i0, self.i1), (self.j0, self.j1))]
        return list(
            dict.fromkeys(
                [
                    *((i, j) for i in (self.i0, self.i1) for j in (self.j0, self.j1)),
                    *((middle[0], j) for j in (self.j0, self.j1, middle[1])),
                    *((i, middle[1]) for i in (self.i0, self.i1)),
                ]
            )
        )

    def parts(self) -> "list[_Rectangle]":
        """Return the quarters, or halves, that still have nodes to be measured inside."""
        columns = _halves(self.i0, self.i1)
        rows = _halves(self.j0, self.j1)
        parts = [_Rectangle(*column, *row) for column in columns for row in rows]
        return [part for part in parts if max(part.i1 - part.i0, part.j1 - part.j0) > 1]


def _spans(n: int, stride: int) -> list[Node]:
    edges = [*range(0, n - 1, stride), n - 1]
    return list(itertools.pairwise(edges)) if n > 1 else [(0, 0)]


def _halves(low: int, high: int) -> list[Node]:
    middle = (low + high) // 2
    return [(low, high)] if high - low <= 1 else [(low, middle), (middle, high)]


def _new(samples: dict[Node, Sample], nodes: Iterable[Node]) -> list[Node]:
    return [node for node in dict.fromkeys(nodes) if node not in samples]


def _roughness(
    box: _Rectangle,
    x: FloatArray,
    y: FloatArray,
    samples: dict[Node, Sample],
    tolerance: float,
) -> float:
    """Return by how much the plane through the corners fails, in tolerances; 0 if it does not."""
    inside = {node: samples[node] for node in box.nodes()}
    # The edge of the map counts as a change too: next to it nothing can be interpolated.
    if len({sample.status for sample in inside.values()}) > 1:
        return math.inf
    rough = 0.0
    corners = [samples[i, j].value for i in (box.i0, box.i1) for j in (box.j0, box.j1)]
    for (i, j), sample in inside.items():
        if sample.error > tolerance:
            rough = max(rough, sample.error / tolerance)
        plane = _bilinear(corners, _share(x, box.i0, box.i1, i), _share(y, box.j0, box.j1, j))
        off = abs(sample.value - plane) - 2.0 * sample.error
        # NaN, where nothing has a value, compares as not rough.
        if off > tolerance:
            rough = max(rough, off / tolerance)
    return rough


def _share(at: FloatArray, low: int, high: int, here: int) -> float:
    return float((at[here] - at[low]) / (at[high] - at[low])) if high > low else 0.0


def _bilinear(corners: Sequence[float], u: float, v: float) -> float:
    low = (1.0 - v) * corners[0] + v * corners[1]
    high = (1.0 - v) * corners[2] + v * corners[3]
    return (1.0 - u) * low + u * high
