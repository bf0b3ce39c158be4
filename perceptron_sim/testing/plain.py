"""SGD written plainly, in the units of the papers (docs/theory.md (M1)): what laws replay by."""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.testing.subject import Outcome


def fitted(margins: FloatArray, kappa: float) -> bool:
    """Tell whether all samples are fitted; kappa = 0 is the limit kappa -> 0+."""
    return bool(np.all(margins >= kappa) if kappa > 0 else np.all(margins > 0))


def replay(config: PerceptronConfig, z: FloatArray, batches: IntArray) -> Outcome | None:
    """Return the run over given batches; None if they end before all samples are fitted.

    Args:
        config: what to run; B is that of ``batches``.
        z: label-folded samples, shape (P, d).
        batches: indices of the samples of each step, shape (n, B).
    """
    root = math.sqrt(config.d)
    w, counts = np.zeros(config.d), np.zeros(config.P, dtype=np.int64)
    updates = last = 0
    for step, batch in enumerate(batches, start=1):
        margins = z[batch] @ w / root
        hit = batch[margins < config.kappa] if config.kappa > 0 else batch[margins <= 0]
        if hit.size:
            w = w + config.T / root * z[hit].sum(axis=0)
            counts[hit] += 1
            updates, last = updates + 1, step
            if fitted(z @ w / root, config.kappa):
                hits = int(counts.sum())
                return Outcome(w, config.eta * last, last, updates, hits, counts)
    return None


def drawn_batches(config: PerceptronConfig, z: FloatArray, most: int = 4000) -> IntArray | None:
    """Return batches with which the run ends, and some more, shape (n, B); None past ``most``."""
    rng = np.random.default_rng([config.seed, config.P, config.B])
    batches = np.empty((0, config.B), dtype=np.int64)
    while len(batches) < most:
        more = [rng.permutation(config.P)[: config.B] for _ in range(64)]
        batches = np.concatenate([batches, np.array(more, dtype=np.int64)])
        done = replay(config, z, batches)
        if done is not None and done.steps is not None and done.steps <= len(batches) - 8:
            return batches
    return None
