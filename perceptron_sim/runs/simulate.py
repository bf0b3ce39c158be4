"""Run one configuration and measure it: the way from a config to a result."""

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim.arrays import ByValue, FloatArray, IntArray, real_array
from perceptron_sim.errors import InputError
from perceptron_sim.kernels import event_driven, reference, run_state, status
from perceptron_sim.kernels.observables import training_state
from perceptron_sim.kernels.run_state import Recorder
from perceptron_sim.kernels.sampler import memory_bytes, sample_folded
from perceptron_sim.kernels.sde import sde_sgd
from perceptron_sim.kernels.shuffled import shuffled_sgd
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.runs.snapshots import Snapshots, State
from perceptron_sim.status import Status
from perceptron_sim.theory import unfitted_fraction

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The SDE, by how many steps of Euler and Maruyama are taken in a time T.
SDE_STEPS = {"sde": 1, "sde/4": 4, "sde/16": 16}
KERNELS = ("auto", "event", "reference", "shuffled", *SDE_STEPS)
# Memory for cached Gram rows, in bytes. Another budget gives another, equally distributed run.
ROW_BUDGET = 1 << 30
CHECKPOINTS_PER_DECADE = 8
# Hits after which a run pauses, to be saved: 5 s to some minutes. Another number gives another,
# equally distributed run. Less often than pauses may be, states are saved.
PAUSE_HITS = 1 << 27
SAVE_EVERY_S = 20.0
_PLAIN = {
    "reference": reference.reference_sgd,
    "shuffled": shuffled_sgd,
}
SCHEDULES = {
    "auto": event_driven.AUTO,
    "plain": event_driven.PLAIN,
    "candidates": event_driven.CANDIDATES,
    "events": event_driven.EVENTS,
}


@dataclass(frozen=True, eq=False)
class Checkpoints(ByValue):
    """The course of a run at log-spaced steps; every array has shape (n,) unless said.

    Attributes:
        step: number of steps done; the last one is the last non-null step.
        t: eta * step (T * step for "sde", T/4 and T/16 * step for "sde/4" and "sde/16").
        w1: signal w_1.
        w_perp: noise |w_perp|.
        unfitted: fraction of training samples with y f < kappa.
        train_loss: mean over the training set of (kappa - y f)^+.
        test_error: closed form F_t(-lambda sqrt(1+chi); 1+chi) (docs/theory.md (3)), for either
            sign of lambda.
        w: weights, shape (n, d).
    """

    step: IntArray
    t: FloatArray
    w1: FloatArray
    w_perp: FloatArray
    unfitted: FloatArray
    train_loss: FloatArray
    test_error: FloatArray
    w: FloatArray


@dataclass(frozen=True, eq=False)
class RunResult(ByValue):
    """How one run ended.

    Attributes:
        config: what was run.
        kernel: the kernel that ran it.
        status: "fitted", "max_steps", "max_updates", "diverged" or "interrupted".
        message: one line for people: how it ended and, if not fitted, what would help.
        t_star: eta * steps (as ``Checkpoints.t`` for the SDE), the training time.
        steps: index of the last non-null step.
        updates: number of non-null steps.
        hits: number of samples that were unfitted when drawn, over all steps.
        unfitted: training samples still unfitted at the end.
        hit_counts: hits of each training sample, shape (P,); w = T/sqrt(d) hit_counts @ z. Zero
            for the SDE.
        w: final weights, shape (d,).
        w1: signal, the component of w along the teacher.
        w_perp: noise, the norm of the rest of w.
        lam: w1 / w_perp.
        w_norm: ||w||.
        test_error: closed form at ``lam``.
        wall_s: seconds the kernel took, data not included.
        checkpoints: the course of the run, or None if not asked for.
    """

    config: PerceptronConfig
    kernel: str
    status: Status
    message: str
    t_star: float
    steps: int
    updates: int
    hits: int
    unfitted: int
    hit_counts: IntArray = field(repr=False)
    w: FloatArray = field(repr=False)
    w1: float
    w_perp: float
    lam: float
    w_norm: float
    test_error: float
    wall_s: float = field(compare=False)
    checkpoints: Checkpoints | None = field(repr=False)

    def plot(self, ax: "Axes | None" = None, what: str = "weights") -> "Axes":
        """Draw the course of the run against t, with that on fresh samples; return the axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
            what: "weights" (w_1 and |w_perp|), "unfitted" or "test_error".

        Raises:
            InputError: if the run has no checkpoints, or for another ``what``.
        """
        from perceptron_sim.drawing.mpl import plot
        from perceptron_sim.runs.figures import course_panels

        panels = course_panels(self)
        if what not in panels:
            raise InputError(f"what = {what!r} is unknown: choose one of {', '.join(panels)}")
        return plot(panels[what], ax)


class StopFlag:
    """A flag that running kernels read: set it and they return with status "interrupted"."""

    def __init__(self) -> None:
        """Start lowered."""
        self.array: IntArray = np.zeros(1, dtype=np.int64)

    def set(self) -> None:
        """Ask every kernel that was given this flag to return."""
        self.array[0] = 1


def resolve_kernel(kernel: str) -> str:
    """Return the kernel that "auto" stands for, or ``kernel`` itself if known.

    Raises:
        InputError: if there is no such kernel.
    """
    if kernel not in KERNELS:
        raise InputError(f"kernel {kernel!r} is unknown: choose one of {', '.join(KERNELS)}")
    return "event" if kernel == "auto" else kernel


def time_step(config: PerceptronConfig, kernel: str) -> float:
    """Return how long a step of ``kernel``, as resolved, lasts: eta; T or a part for the SDE."""
    return config.T / SDE_STEPS[kernel] if kernel in SDE_STEPS else config.eta


def run_bytes(config: PerceptronConfig, kernel: str) -> int:
    """Return the memory that a run takes at most, in bytes; ``kernel`` as resolved."""
    data = memory_bytes(config.P, config.d)
    if kernel != "event":
        return data
    # While one pool and its rows replace another, two of each are there; a pool holds a copy of the
    # data at most, and the rows the square of their number.
    return data + 2 * (8 * config.P * (config.d + 8) + min(ROW_BUDGET, 8 * config.P**2))


def training_data(config: PerceptronConfig) -> FloatArray:
    """Return the label-folded training set z = y x of a configuration, shape (P, d)."""
    return sample_folded(config.stream("data"), config.P, config.d, config.chi)


def load_kernel(kernel: str = "auto") -> None:
    """Compile a kernel, or load it, by a tiny run; so that the first run takes no longer."""
    simulate(PerceptronConfig(P=8, d=2), kernel, None)


def simulate(
    config: PerceptronConfig,
    kernel: str = "auto",
    checkpoints: str | None = "log",
    *,
    data: ArrayLike | None = None,
    stop: StopFlag | None = None,
    row_budget: int = ROW_BUDGET,
    trace: IntArray | None = None,
    schedule: str = "auto",
    snapshots: Snapshots | None = None,
) -> RunResult:
    """Train one perceptron until every training sample is fitted (docs/theory.md (M1)).

    Args:
        config: what to run.
        kernel: "event" (exact and fast), "reference" (the obvious loop), or "auto": "event". Other
            dynamics on the same data: "shuffled" (every sample once an epoch), "sde" (Euler and
            Maruyama with the exact noise covariance; a step lasts T, not eta), "sde/4" and
            "sde/16" (the same in steps of T/4 and T/16).
        checkpoints: "log" for log-spaced checkpoints, None for none.
        data: label-folded training samples z = y x, shape (P, d), real and finite, instead of
            those the configuration draws.
        stop: flag by which another thread can end the run.
        row_budget: bytes that the event-driven kernel may use for cached Gram rows.
        trace: room for a log of the event-driven kernel (``kernels.trace``).
        schedule: let the event-driven kernel step in one way alone, for tests and benchmarks:
            "plain", "candidates" or "events" instead of "auto".
        snapshots: where the event-driven kernel saves its state every ``PAUSE_HITS`` hits, and
            finds that of a run that was killed.

    Returns:
        The result. The same configuration and kernel give the same result, killed or not.

    Raises:
        InputError: on an unknown kernel or checkpoint scheme, data of the wrong shape or with
            non-finite entries, or data that would not fit into the memory at hand; on snapshots
            with arguments that the key of a run does not tell.

    >>> from perceptron_sim import PerceptronConfig, simulate
    >>> run = simulate(PerceptronConfig(chi=1.0, d=8, P=64, B=2, T=1.0))
    >>> run.status.value, run.unfitted
    ('fitted', 0)
    >>> run.checkpoints.to_frame().columns[:4].tolist()
    ['step', 't', 'w1', 'w_perp']
    """
    name = resolve_kernel(kernel)
    if snapshots is not None and not (
        data is None and trace is None and schedule == "auto" and row_budget == ROW_BUDGET
    ):
        raise InputError("snapshots are of runs with data, trace, schedule, row_budget as default")
    if checkpoints not in ("log", None):
        raise InputError(f"checkpoints = {checkpoints!r} is unknown: choose 'log' or None")
    if schedule not in SCHEDULES:
        raise InputError(f"schedule {schedule!r} is unknown: choose one of {', '.join(SCHEDULES)}")
    check_memory(run_bytes(config, name), f"a run at P = {config.P}, d = {config.d}")
    z = training_data(config) if data is None else _checked_data(config, data)
    scaled = _in_natural_units(config, z)
    recorder = make_recorder(config, checkpoints)
    w = np.zeros(config.d)
    counters = np.zeros(run_state.N_COUNTERS, dtype=np.int64)
    hit_counts = np.zeros(config.P, dtype=np.int64)
    log = np.zeros(1, dtype=np.int64) if trace is None else trace
    log[0] = 1
    rng = config.stream("batches")
    problem = (
        *(scaled.features, scaled.threshold, config.B, rng),
        np.array([config.max_steps, config.max_updates], dtype=np.int64),
        *((stop or StopFlag()).array, recorder, w, counters, hit_counts),
    )
    wall_s = 0.0
    started = time.perf_counter()
    if name == "event":
        growth = 2.0 / (1.0 + config.chi)
        rest = (log, growth, row_budget, SCHEDULES[schedule])
        written = _Written(rng, w, counters, hit_counts, recorder)
        key = config.key(name)
        saved = None if snapshots is None else snapshots.load_run(key)
        if saved is not None:
            wall_s = written.restore(saved)
        code = status.PAUSED
        saved_at = started
        while code == status.PAUSED:
            # By hits, not by the clock: what the kernel does next depends on where it paused.
            counters[run_state.PAUSE_AT] = counters[run_state.HITS] + PAUSE_HITS
            code = event_driven.event_driven_sgd(*problem, *rest)
            now = time.perf_counter()
            if code == status.PAUSED and snapshots is not None and now - saved_at >= SAVE_EVERY_S:
                saved_at = now
                snapshots.save(key, [key], written.state(wall_s + now - started))
    elif name in SDE_STEPS:
        code = sde_sgd(*problem, SDE_STEPS[name])
    else:
        code = _PLAIN[name](*problem)
    wall_s += time.perf_counter() - started
    # Near the largest floats T w may overflow; that is a status, not a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        return _measure(
            config, name, code, scaled, w, counters, hit_counts, recorder, checkpoints, wall_s
        )


class _Written(NamedTuple):
    """What the event-driven kernel goes on from after a pause."""

    rng: np.random.Generator
    w: FloatArray
    counters: IntArray
    hit_counts: IntArray
    recorder: Recorder

    def _arrays(self) -> dict[str, np.ndarray]:
        course = self.recorder
        own = {"w": self.w, "counters": self.counters, "hit_counts": self.hit_counts}
        return own | {"at_w": course.w, "at_unfitted": course.unfitted, "at_loss": course.loss}

    def state(self, wall_s: float) -> State:
        """Return it for a file, with the seconds that the run has taken so far."""
        return {"rng": self.rng.bit_generator.state, "wall_s": wall_s}, self._arrays()

    def restore(self, state: State) -> float:
        """Set it to what ``state`` returned, and return the seconds; 0.0 if it does not fit."""
        meta, arrays = state
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
        return wall_s


class _Scaled(NamedTuple):
    """A problem in the units of the kernels.

    Attributes:
        features: phi, shape (P, d).
        threshold: margin at which a sample is fitted.
        w_unit: w in the units of the configuration, over w in those of the kernel.
        margin_unit: the same for margins.
    """

    features: FloatArray
    threshold: float
    w_unit: float
    margin_unit: float


def _in_natural_units(config: PerceptronConfig, z: FloatArray) -> _Scaled:
    features = z * (1.0 / math.sqrt(config.d))
    largest = float(np.max(np.abs(features)))
    if largest == 0.0 or 2.0**-100 < largest < 2.0**100:
        return _Scaled(features, config.threshold, config.T, config.T)
    # Measure x in another power of two, so that squares neither overflow nor vanish. Thresholds
    # beyond 1e250 are out of reach anyway: a hit moves a margin by d at most.
    exponent = math.frexp(largest)[1]
    with np.errstate(over="ignore", under="ignore"):
        threshold = np.ldexp(config.threshold, -2 * exponent)
        return _Scaled(
            np.ldexp(features, -exponent),
            float(np.clip(threshold, np.finfo(np.float64).tiny, 1e250)),
            float(np.ldexp(config.T, exponent)),
            float(np.ldexp(config.T, 2 * exponent)),
        )


def make_recorder(config: PerceptronConfig, checkpoints: str | None) -> Recorder:
    """Return an empty recorder with log-spaced steps, or one that records nothing."""
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
        unfitted=np.zeros(n, dtype=np.int64),
        loss=np.zeros(n),
    )


def _checked_data(config: PerceptronConfig, data: ArrayLike) -> FloatArray:
    z = real_array("data", data)
    if z.shape != (config.P, config.d):
        raise InputError(f"data has shape {z.shape}: expected (P, d) = ({config.P}, {config.d})")
    return z


def _measure(
    config: PerceptronConfig,
    kernel: str,
    code: int,
    scaled: _Scaled,
    w_natural: FloatArray,
    counters: IntArray,
    hit_counts: IntArray,
    recorder: Recorder,
    checkpoints: str | None,
    wall_s: float,
) -> RunResult:
    unfitted, loss = training_state(scaled.features, w_natural, scaled.threshold)
    steps = int(counters[run_state.LAST_UPDATE_STEP])
    w = w_natural * scaled.w_unit
    if not (np.all(np.isfinite(w)) and math.isfinite(loss)):
        code = status.DIVERGED
    elif code == status.FITTED:
        _check_fitted(scaled, w_natural)
        unfitted, loss = 0, 0.0
    elif unfitted == 0 and code != status.INTERRUPTED:
        code = status.FITTED
    w1, w_perp, lam = _split(w[None, :])
    course = None
    if checkpoints is not None:
        # Checkpoints after the last update repeat the final state, which is put last.
        keep = int(np.searchsorted(recorder.steps[: counters[run_state.RECORDED]], steps))
        course = _course(
            config,
            time_step(config, kernel),
            step=np.append(recorder.steps[:keep], steps),
            w=np.vstack([recorder.w[:keep] * scaled.w_unit, w]),
            unfitted=np.append(recorder.unfitted[:keep], unfitted),
            loss=np.append(recorder.loss[:keep], loss) * scaled.margin_unit,
        )
    ended = status.NAMES[code]
    return RunResult(
        config=config,
        kernel=kernel,
        status=ended,
        message=ended.message(
            unfitted,
            config.P,
            T=config.T,
            max_steps=config.max_steps,
            max_updates=config.max_updates,
        ),
        t_star=time_step(config, kernel) * steps,
        steps=steps,
        updates=int(counters[run_state.UPDATES]),
        hits=int(counters[run_state.HITS]),
        unfitted=unfitted,
        hit_counts=hit_counts,
        w=w,
        w1=float(w1[0]),
        w_perp=float(w_perp[0]),
        lam=float(lam[0]),
        w_norm=float(np.hypot(w1[0], w_perp[0])),
        test_error=float(_test_error(lam, config.chi)[0]),
        wall_s=wall_s,
        checkpoints=course,
    )


def _check_fitted(scaled: _Scaled, w: FloatArray) -> None:
    """Refuse to call a run fitted whose margins, computed anew, are short by more than rounding."""
    margins = scaled.features @ w
    rounding = 1e-9 * (scaled.threshold + np.abs(scaled.features) @ np.abs(w))
    short = int(np.count_nonzero(~(margins >= scaled.threshold - rounding)))
    if short:
        raise RuntimeError(
            f"the kernel ended as fitted with {short} samples short: a bug, please report the data"
        )


def _course(
    config: PerceptronConfig,
    duration: float,
    step: IntArray,
    w: FloatArray,
    unfitted: IntArray,
    loss: FloatArray,
) -> Checkpoints:
    w1, w_perp, lam = _split(w)
    return Checkpoints(
        step=step,
        t=np.multiply(duration, step, dtype=np.float64),
        w1=w1,
        w_perp=w_perp,
        unfitted=unfitted / config.P,
        train_loss=loss / config.P,
        test_error=_test_error(lam, config.chi),
        w=w,
    )


def _split(w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (w_1, |w_perp|, lambda) of the rows of ``w``, safe from under- and overflow."""
    scale = np.max(np.abs(w), axis=1)
    safe = np.where(scale > 0, scale, 1.0)
    w_perp = safe * np.sqrt(np.sum((w[:, 1:] / safe[:, None]) ** 2, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        lam = np.where(w_perp > 0, w[:, 0] / w_perp, np.where(w[:, 0] > 0, np.inf, 0.0))
    return w[:, 0].copy(), w_perp, lam


def _test_error(lam: FloatArray, chi: float) -> FloatArray:
    """Closed-form test error of directions at signal-to-noise ratio ``lam``; NaN if unknown."""
    known = ~np.isnan(lam)
    error = unfitted_fraction(np.abs(np.where(known, lam, 0.0)), chi)
    # Weights that point away from the teacher, as the SDE's can, err where others do not.
    return np.where(known, np.where(lam < 0.0, 1.0 - error, error), np.nan)
