"""SGD on a training set of which only those samples are drawn that it looks at; exact in law.

Early on, ``unseen`` steps by candidates that are drawn when they are looked at. Once few unseen
samples are left among those that can be unfitted, these are drawn too, and ``event_driven`` goes on
with what is there, until it lacks samples. docs/kernels.md has the argument.
"""

from dataclasses import dataclass

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.deferred.means import unfitted_unseen
from perceptron_sim.kernels.deferred.population import Population, population
from perceptron_sim.kernels.deferred.shells import (
    N_SEEN,
    N_SHELLS,
    Shells,
    covering,
    line_of,
    new_shells,
    see,
)
from perceptron_sim.kernels.deferred.sight import COVERED, NEEDS_ROOM, open_sight
from perceptron_sim.kernels.deferred.unseen import unseen_leg
from perceptron_sim.kernels.event_driven import AUTO, UNCOVERED, event_driven_sgd
from perceptron_sim.kernels.event_driven.state import Run
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import training_state
from perceptron_sim.kernels.run_state import Recorder
from perceptron_sim.kernels.status import MAX_MEMORY

# Pools reach so much beyond what can be unfitted.
SPARE = 1.5


@dataclass
class Samples:
    """What is known of the training set: rows of the samples seen, numbers of the others by shell.

    Attributes:
        features: phi of the samples seen, in the order in which they were, shape (room, d).
        norms: |phi_perp| of each, shape (room,).
        hit_counts: hits of each, shape (room,).
        lines, unseen, sizes: ``Shells``.
        cover: line below which all samples are seen (``event_driven.state``), shape (5,).
    """

    features: FloatArray
    norms: FloatArray
    hit_counts: IntArray
    lines: FloatArray
    unseen: IntArray
    sizes: IntArray
    cover: FloatArray

    @property
    def n_seen(self) -> int:
        """Number of samples seen."""
        return int(self.sizes[N_SEEN])

    @property
    def n_unseen(self) -> int:
        """Number of samples never looked at."""
        return int(self.unseen[: self.sizes[N_SHELLS]].sum())

    @property
    def shells(self) -> Shells:
        """The unseen samples, for kernels."""
        return Shells(self.lines, self.unseen, self.sizes)

    def make_room(self, rows: int) -> None:
        """Keep what is there in arrays of so many rows."""
        for name in ("features", "norms", "hit_counts"):
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: self.n_seen] = old[: self.n_seen]
            setattr(self, name, new)


def unseen_samples(P: int, d: int, room: int) -> Samples:
    """Return P samples of which none was looked at, with room for ``room`` rows."""
    shells = new_shells(P)
    hit_counts = np.zeros(room, dtype=np.int64)
    cover = np.array([0.0, 0.0, 0.0, 0.0, SPARE])
    return Samples(np.zeros((room, d)), np.zeros(room), hit_counts, *shells, cover)


def row_bytes(d: int) -> int:
    """Return the memory of one sample seen: its row and that of a copy of it, and bookkeeping."""
    return 8 * (2 * d + 10)


def deferred_sgd(
    threshold: float,
    B: int,
    rng: np.random.Generator,
    limits: IntArray,
    stop: IntArray,
    recorder: Recorder,
    w: FloatArray,
    counters: IntArray,
    samples: Samples,
    chi: float,
    P: int,
    most: int,
    budget: int,
    trace: IntArray,
) -> int:
    """Run SGD from w = 0 on P samples of the model, drawing what is looked at.

    Pauses and the other arguments are as in ``event_driven_sgd``.

    Args:
        threshold, B, rng, limits, stop, recorder, w, counters, budget, trace: as there; ``rng``
            gives samples and batches alike.
        samples: what is known of the training set; ``unseen_samples`` at first.
        chi: exponent of the density of the data.
        P: number of samples, up to 2^62.
        most: samples that may be held.

    Returns:
        A code of ``kernels.status``; MAX_MEMORY if more than ``most`` would have to be held.
    """
    data = population(chi, w.size)
    growth = 2.0 / (1.0 + chi)
    while True:
        problem = (threshold, B, rng, limits, stop, recorder, w, counters)
        code = _unseen_stage(
            samples.features, *problem, samples.hit_counts, trace, growth, P, samples.cover,
            data.power, data.nodes, data.weights, samples.norms, *samples.shells, most,
        )  # fmt: skip
        if code == NEEDS_ROOM:
            room = samples.norms.size
            if room >= most:
                return MAX_MEMORY
            samples.make_room(min(2 * room, most))
        elif code != COVERED:
            return int(code)
        else:
            seen = samples.n_seen
            code = event_driven_sgd(
                samples.features[:seen], *problem, samples.hit_counts[:seen], trace, growth, budget,
                AUTO, P, samples.cover,
            )  # fmt: skip
            if code != UNCOVERED:
                return int(code)


@compiled
def _unseen_stage(
    features: FloatArray,
    threshold: float,
    B: int,
    rng: np.random.Generator,
    limits: IntArray,
    stop: IntArray,
    recorder: Recorder,
    w: FloatArray,
    counters: IntArray,
    hit_counts: IntArray,
    trace: IntArray,
    growth: float,
    P: int,
    cover: FloatArray,
    power: float,
    nodes: FloatArray,
    weights: FloatArray,
    norms: FloatArray,
    lines: FloatArray,
    unseen: IntArray,
    sizes: IntArray,
    most: int,
) -> int:
    run = Run(
        features, threshold, B, rng, limits, stop, recorder, w, counters, hit_counts, trace, growth,
        AUTO, P, cover,
    )  # fmt: skip
    data = Population(power, w.size, nodes, weights)
    return unseen_leg(run, open_sight(data, Shells(lines, unseen, sizes), norms), most)


def complete(samples: Samples, chi: float, rng: np.random.Generator) -> None:
    """Draw the samples that were never looked at, so that the training set is whole.

    The law of the set is that of one drawn at once, but for the order of its samples: those seen
    come first.
    """
    P, d = samples.n_seen + samples.n_unseen, samples.features.shape[1]
    samples.make_room(P)
    _see_all(population(chi, d), rng, samples.shells, samples.features, samples.norms)


@compiled
def _see_all(
    data: Population,
    rng: np.random.Generator,
    shells: Shells,
    features: FloatArray,
    norms: FloatArray,
) -> None:
    for k in range(shells.sizes[N_SHELLS]):
        while shells.unseen[k] > 0:
            see(data, rng, shells, k, features, norms)


def mean_unfitted(
    samples: Samples, chi: float, w: FloatArray, threshold: float
) -> tuple[float, float]:
    """Return how many samples are unfitted, and their loss; of the unseen ones the mean.

    Args:
        samples: what is known of the training set.
        chi: exponent of the density of the data.
        w: weights, natural units, shape (d,).
        threshold: kappa / T.
    """
    number, loss = training_state(samples.features[: samples.n_seen], w, threshold)
    radius = float(np.linalg.norm(w[1:]))
    last = covering(samples.shells, *line_of(w[0], radius, threshold, w.size))
    data = population(chi, w.size)
    more, more_loss = unfitted_unseen(data, samples.shells, last, w[0], radius, threshold)
    return number + more, loss + more_loss
