"""SGD that draws only those training samples that it looks at; exact in law.

Early on, ``unseen`` steps by candidates that are drawn when they are looked at. Once few unseen
samples are left among those that can be unfitted, these are drawn too. Then ``event_driven`` goes
on with the samples seen, until it needs more. docs/kernels.md has the proof.
"""

from dataclasses import dataclass

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.deferred.means import unfitted_unseen
from perceptron_sim.kernels.deferred.population import Population, population
from perceptron_sim.kernels.deferred.shells import (
    N_SEEN,
    N_SHELLS,
    ROOM,
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

# Factor by which pools reach beyond samples that can be unfitted.
SPARE = 1.5
# Number of rows with space at first.
_FIRST_BYTES = 1 << 26


@dataclass
class Samples:
    """The state of the training set: rows of samples seen, numbers of the others by shell.

    Attributes:
        features: phi of the samples seen, in the order of their first look, shape (room, d).
        norms: |phi_perp| of each, shape (room,).
        hit_counts: hits of each, shape (room,).
        chi: exponent of the density of the data.
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
    chi: float

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
        """Move the content to arrays of ``rows`` rows."""
        for name in _BY_ROW:
            old = getattr(self, name)
            new = np.zeros((rows, *old.shape[1:]), old.dtype)
            new[: self.n_seen] = old[: self.n_seen]
            setattr(self, name, new)
        self.sizes[ROOM] = rows

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the state by name, of arrays with free space only the part in use."""
        n = self.n_seen
        whole = {name: getattr(self, name) for name in _WHOLE}
        return whole | {name: getattr(self, name)[:n] for name in _BY_ROW}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Restore the state that ``arrays`` returned."""
        for name in _WHOLE:
            getattr(self, name)[...] = arrays[name]
        for name in _BY_ROW:
            setattr(self, name, arrays[name])
        self.make_room(int(self.sizes[ROOM]))

    def completed(self, rng: np.random.Generator) -> "Samples":
        """Return a copy in which the samples never looked at are drawn: the whole training set.

        Its law is that of a set drawn at once, except for the order: samples seen come first.
        """
        d = self.features.shape[1]
        whole = unseen_samples(self.n_seen + self.n_unseen, d, self.chi, 0)
        whole.restore({name: array.copy() for name, array in self.arrays().items()})
        whole.make_room(self.n_seen + self.n_unseen)
        _see_all(population(self.chi, d), rng, whole.shells, whole.features, whole.norms)
        return whole

    def mean_unfitted(self, w: FloatArray, threshold: float) -> tuple[float, float]:
        """Return the number of unfitted samples, and their loss; means for unseen samples.

        Args:
            w: weights, natural units, shape (d,).
            threshold: kappa / T.
        """
        number, loss = training_state(self.features[: self.n_seen], w, threshold)
        radius = float(np.linalg.norm(w[1:]))
        last = covering(self.shells, *line_of(w[0], radius, threshold, w.size))
        data = population(self.chi, w.size)
        more, more_loss = unfitted_unseen(data, self.shells, last, w[0], radius, threshold)
        return number + more, loss + more_loss


_BY_ROW = ("features", "norms", "hit_counts")
_WHOLE = ("lines", "unseen", "sizes", "cover")


def unseen_samples(P: int, d: int, chi: float, most: int) -> Samples:
    """Return P unseen samples, with space to see some, at most ``most``."""
    # Memory that is never written to is not taken.
    room = max(min(P, most, _FIRST_BYTES // (8 * d)), 1)
    samples = Samples(
        np.zeros((0, d)),
        np.zeros(0),
        np.zeros(0, dtype=np.int64),
        *new_shells(P),
        np.array([0.0, 0.0, 0.0, 0.0, SPARE]),
        chi,
    )
    samples.make_room(room)
    return samples


def row_bytes(d: int) -> int:
    """Return the memory that a sample takes: its row, a copy of it, and bookkeeping."""
    return 8 * (2 * d + 10)


def most_rows(P: int, d: int, budget: int) -> int:
    """Return the number of samples that fit into ``budget`` bytes."""
    return max(1, min(P, budget // row_bytes(d)))


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
    P: int,
    most: int,
    budget: int,
    trace: IntArray,
) -> int:
    """Run SGD from w = 0 on P samples of the model, drawn when they are looked at.

    Pauses and the other arguments are as in ``event_driven_sgd``.

    Args:
        threshold, B, rng, limits, stop, recorder, w, counters, budget, trace: as there; ``rng``
            gives samples and batches alike.
        samples: state of the training set; ``unseen_samples`` at first.
        P: number of samples, up to 2^62.
        most: samples that may be held.

    Returns:
        A code of ``kernels.status``; MAX_MEMORY if more than ``most`` would have to be held.
    """
    data = population(samples.chi, w.size)
    growth = 2.0 / (1.0 + samples.chi)
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
