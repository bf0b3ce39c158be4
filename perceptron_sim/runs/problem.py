"""A run in the units of the kernels: what they read and write."""

import math
from typing import Any, NamedTuple

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.kernels import run_state
from perceptron_sim.kernels.deferred import Samples, unseen_samples
from perceptron_sim.kernels.run_state import Recorder
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.snapshots import State

CHECKPOINTS_PER_DECADE = 8


class Problem(NamedTuple):
    """The arguments of every kernel, as ``kernels.reference.plain_sgd`` has them, and two units.

    If the training set is drawn during the run, ``samples`` holds its state, and ``features`` and
    ``hit_counts`` are empty (``seen`` fills them in).

    Attributes:
        w_unit: w in the units of the configuration, over w in those of the kernel.
        margin_unit: the same for margins.
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
    w_unit: float
    margin_unit: float
    samples: Samples | None = None

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The arguments of a kernel, one by one, because a tuple costs more than a short run."""
        return self[:-3]

    def seen(self) -> "Problem":
        """Return the problem with the samples seen so far."""
        if self.samples is None:
            return self
        n, samples = self.samples.n_seen, self.samples
        return self._replace(features=samples.features[:n], hit_counts=samples.hit_counts[:n])

    def _arrays(self) -> dict[str, np.ndarray]:
        course = self.recorder
        own = {"w": self.w, "counters": self.counters, "hit_counts": self.hit_counts}
        own |= {"at_w": course.w, "at_unfitted": course.unfitted, "at_loss": course.loss}
        return own | ({} if self.samples is None else {"at_exact": course.exact})

    def state(self, wall_s: float) -> State:
        """Return the state from which a kernel goes on after a pause, with the seconds so far."""
        arrays = self._arrays()
        if self.samples is not None:
            own = self.samples.arrays()
            arrays |= {f"samples_{name}": array for name, array in own.items()}
        return {"rng": self.rng.bit_generator.state, "wall_s": wall_s}, arrays

    def restore(self, state: State) -> float:
        """Restore a ``state`` and return its seconds; 0.0 if it does not fit this problem."""
        meta, arrays = state
        samples = {
            name.removeprefix("samples_"): array
            for name, array in arrays.items()
            if name.startswith("samples_")
        }
        arrays = {name: array for name, array in arrays.items() if name[8:] not in samples}
        own = self._arrays()
        alike = own.keys() == arrays.keys() and all(
            (arrays[name].shape, arrays[name].dtype) == (array.shape, array.dtype)
            for name, array in own.items()
        )
        if not alike:
            return 0.0
        try:
            wall_s = float(meta["wall_s"])
            self.rng.bit_generator.state = meta["rng"]
        except (KeyError, TypeError, ValueError):
            return 0.0
        for name, array in own.items():
            array[...] = arrays[name]
        if self.samples is not None:
            self.samples.restore(samples)
        return wall_s


def new_problem(
    config: PerceptronConfig,
    z: FloatArray | None,
    checkpoints: str | None,
    stop: IntArray,
    most: int = 0,
) -> Problem:
    """Return the problem of a configuration.

    Args:
        config: what to run.
        z: label-folded samples, shape (P, d), or None if they are drawn during the run.
        checkpoints: as in ``simulate``.
        stop: flag of one entry.
        most: largest number of samples drawn during the run that may be held.
    """
    samples = None if z is not None else unseen_samples(config.P, config.d, config.chi, most)
    features, threshold, w_unit, margin_unit = (
        (np.empty((0, config.d)), config.threshold, config.T, config.T)
        if z is None
        else _in_natural_units(config, z)
    )
    return Problem(
        features=features,
        threshold=threshold,
        B=config.B,
        rng=config.stream("batches" if samples is None else "deferred"),
        limits=np.array([config.max_steps, config.max_updates], dtype=np.int64),
        stop=stop,
        recorder=make_recorder(config, checkpoints),
        w=np.zeros(config.d),
        counters=np.zeros(run_state.N_COUNTERS, dtype=np.int64),
        hit_counts=np.zeros(config.P if samples is None else 0, dtype=np.int64),
        w_unit=w_unit,
        margin_unit=margin_unit,
        samples=samples,
    )


def _in_natural_units(
    config: PerceptronConfig, z: FloatArray
) -> tuple[FloatArray, float, float, float]:
    """Return features, threshold, and the units of w and of margins, as in ``Problem``."""
    features = z * (1.0 / math.sqrt(config.d))
    largest = float(np.max(np.abs(features)))
    if largest == 0.0 or 2.0**-100 < largest < 2.0**100:
        return features, config.threshold, config.T, config.T
    # x is measured in another power of two, so that squares neither overflow nor vanish. Thresholds
    # beyond 1e250 are never reached, since a hit moves a margin by d at most.
    exponent = math.frexp(largest)[1]
    with np.errstate(over="ignore", under="ignore"):
        threshold = np.ldexp(config.threshold, -2 * exponent)
        return (
            np.ldexp(features, -exponent),
            float(np.clip(threshold, np.finfo(np.float64).tiny, 1e250)),
            float(np.ldexp(config.T, exponent)),
            float(np.ldexp(config.T, 2 * exponent)),
        )


def make_recorder(config: PerceptronConfig, checkpoints: str | None) -> Recorder:
    """Return an empty recorder with log-spaced steps, or one that records nothing."""
    if checkpoints not in ("log", None):
        raise InputError(f"checkpoints = {checkpoints!r} is unknown: choose 'log' or None")
    if checkpoints is None:
        steps = np.empty(0, dtype=np.int64)
    else:
        decades = math.log10(config.max_steps)
        count = int(decades * CHECKPOINTS_PER_DECADE) + 1
        powers = 10.0 ** (np.arange(count) / CHECKPOINTS_PER_DECADE)
        steps = np.unique(np.concatenate([[0], np.rint(powers).astype(np.int64)]))
    n = steps.size
    return Recorder(
        steps=steps,
        w=np.zeros((n, config.d)),
        unfitted=np.zeros(n),
        loss=np.zeros(n),
        exact=np.ones(n, dtype=np.int64),
    )
