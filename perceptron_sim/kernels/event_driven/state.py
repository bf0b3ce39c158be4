"""What the three ways of stepping share: the problem, the codes they return, small helpers."""

from typing import NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels import run_state
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.run_state import PAUSE_AT, Recorder

# Schedules: let the cost model choose, or step in one way alone.
AUTO, PLAIN, CANDIDATES, EVENTS = 0, 1, 2, 3

# Return values of a leg other than a final status.
GO_ON, TO_CANDIDATES, TO_EVENTS, TO_NEAR, LARGER_POOL, SMALLER_POOL = -1, 100, 101, 102, 103, 104
# Return value of the kernel if samples that it was not given can be unfitted (``Run.cover``).
UNCOVERED = 105

# Places in ``Run.cover``: the line (a, s) in units of features below which all samples are given,
# the line that is wanted instead, and by how much a pool may reach beyond what can be unfitted.
COVER_A, COVER_S, WANTED_A, WANTED_S, LEAST_SPARE = range(5)

# Hits between two looks at the rates.
REVIEW_HITS = 32


class Run(NamedTuple):
    """The arguments of ``event_driven_sgd``, which every leg reads and writes.

    ``features`` may be a part of the P samples, if the rest is above the line of ``cover``.
    """

    features: FloatArray
    threshold: float
    B: int
    rng: np.random.Generator
    limits: IntArray
    stop: IntArray
    recorder: Recorder
    w: FloatArray
    counters: IntArray
    hit_counts: IntArray
    trace: IntArray
    growth: float
    schedule: int
    P: int
    cover: FloatArray


def all_given() -> FloatArray:
    """Return the ``cover`` of a run that is given all samples."""
    return np.array([np.inf, np.inf, 0.0, 0.0, np.inf])


@compiled
def record(run: Run, rows: FloatArray, step_of_change: int) -> int:
    """Fill the checkpoints due before ``step_of_change``, as ``run_state.record``."""
    return run_state.record(run.recorder, run.counters, rows, run.w, run.threshold, step_of_change)


@compiled
def pause_due(counters: IntArray, hits: int) -> bool:
    """Return whether to pause; called when weights have just been restored."""
    return bool(0 < counters[PAUSE_AT] <= hits)


@compiled
def hits_to_come(run: Run, hits: int, unfitted: float) -> float:
    """Estimate the number of further hits.

    Hits grow as lambda^2 and the unfitted fraction falls as lambda^-(1+chi) until about d/8
    samples are left (eqs. (14), (21) of docs/theory.md); half of that is assumed, to be cautious.
    """
    growth = max(unfitted / (0.125 * run.w.size), 1.0) ** run.growth
    return 0.5 * hits * float(growth - 1.0)
