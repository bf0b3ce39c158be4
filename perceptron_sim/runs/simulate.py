"""Run one configuration: from a config to a result."""

import functools
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim.arrays import FloatArray, IntArray, real_array
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.kernels import event_driven, run_state, status
from perceptron_sim.kernels.deferred import most_rows, row_bytes
from perceptron_sim.kernels.dynamics import AUTO, DEFERRED, DYNAMICS, SGD, loop_of, resolve
from perceptron_sim.kernels.sampler import memory_bytes, sample_folded
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.runs.problem import Problem, new_problem
from perceptron_sim.runs.result import RunResult, measure
from perceptron_sim.runs.snapshots import Snapshots

# Memory for cached Gram rows, in bytes. Another budget gives another, equally distributed run.
ROW_BUDGET = 1 << 30
# Memory for the samples that "deferred" draws. Another budget gives the same run, or none.
SAMPLE_BUDGET = 1 << 31
# "auto" is "deferred" from this number of samples per dimension, and per sample of a batch.
DEFERRED_FROM = 8192
# Hits after which a run pauses to be saved, 5 s to some minutes. Another number gives another,
# equally distributed run. States are saved at most once in SAVE_EVERY_S.
PAUSE_HITS = 1 << 27
SAVE_EVERY_S = 20.0
SCHEDULES = {
    "auto": event_driven.AUTO,
    "plain": event_driven.PLAIN,
    "candidates": event_driven.CANDIDATES,
    "events": event_driven.EVENTS,
}


class StopFlag:
    """A flag that running kernels read. Once it is set, they return with status "interrupted"."""

    def __init__(self) -> None:
        """Start with the flag not set."""
        self.array: IntArray = np.zeros(1, dtype=np.int64)

    def set(self) -> None:
        """Ask every kernel that was given this flag to return."""
        self.array[0] = 1


def choose(dynamics: str, kernel: str, config: PerceptronConfig | None = None) -> tuple[str, str]:
    """Return dynamics and kernel, with "auto" replaced by the kernel it stands for.

    For SGD with a training set so large that drawing all of it costs more, "auto" is "deferred".
    Otherwise it is the first kernel of the dynamics.

    Version 0.1 had one name for both. The name of a dynamics in place of a kernel is still
    accepted, with a DeprecationWarning.

    Raises:
        InputError: if there is no such dynamics, or no such kernel of it.
    """
    if dynamics == SGD and kernel in DYNAMICS:
        said = f"kernel={kernel!r} names a dynamics: write dynamics={kernel!r}"
        warnings.warn(said, DeprecationWarning, stacklevel=3)
        dynamics, kernel = kernel, AUTO
    resolved = resolve(dynamics, kernel)
    if kernel == AUTO and dynamics == SGD and config is not None and _is_large(config):
        resolved = DEFERRED
    return dynamics, resolved


def _is_large(config: PerceptronConfig) -> bool:
    """Tell whether "deferred" is faster than "event", data included (docs/benchmarks.md).

    At small chi nearly all time goes into hits, which are the same work in both.
    """
    return config.chi >= 0.5 and DEFERRED_FROM * max(config.d, config.B) <= config.P


def run_bytes(config: PerceptronConfig, kernel: str) -> int:
    """Return the memory that a run takes at most, in bytes; ``kernel`` is not "auto"."""
    if kernel == DEFERRED:
        rows = most_rows(config.P, config.d, SAMPLE_BUDGET)
        return row_bytes(config.d) * rows + 2 * min(ROW_BUDGET, 8 * rows**2)
    data = memory_bytes(config.P, config.d)
    if kernel != "event":
        return data
    # While one pool and its rows replace another, both are in memory. A pool holds at most a copy
    # of the data, and the rows at most the square of their number.
    return data + 2 * (8 * config.P * (config.d + 8) + min(ROW_BUDGET, 8 * config.P**2))


def training_data(config: PerceptronConfig) -> FloatArray:
    """Return the label-folded training set z = y x of a configuration, shape (P, d)."""
    return sample_folded(config.stream("data"), config.P, config.d, config.chi)


def training_data_of(run: RunResult) -> FloatArray:
    """Return the label-folded training set of a run on data that it drew, shape (P, d).

    For a run by kernel "deferred", the samples that it never looked at are drawn now. The samples
    it has seen come first, in the order of ``hit_counts``.
    """
    if run.samples is None:
        return training_data(run.config)
    whole = run.samples.completed(run.config.stream("deferred, rest"))
    return np.asarray(whole.features * math.sqrt(run.config.d))


def load_kernel(kernel: str = AUTO, dynamics: str = SGD) -> None:
    """Compile or load a kernel by a tiny run, so that the first run takes no longer than others."""
    simulate(PerceptronConfig(P=8, d=2), kernel, None, dynamics=dynamics)


def simulate(
    config: PerceptronConfig,
    kernel: str = AUTO,
    checkpoints: str | None = "log",
    *,
    dynamics: str = SGD,
    data: ArrayLike | None = None,
    stop: StopFlag | None = None,
    row_budget: int = ROW_BUDGET,
    sample_budget: int = SAMPLE_BUDGET,
    trace: IntArray | None = None,
    schedule: str = "auto",
    snapshots: Snapshots | None = None,
) -> RunResult:
    """Train one perceptron until every training sample is fitted (docs/theory.md (M1)).

    Args:
        config: what to run.
        kernel: the loop: "event" (exact and fast, only for "sgd"), "deferred" (the same for large
            P, draws only samples that are looked at), "reference" (the plain loop) or "auto" (the
            fastest).
        checkpoints: "log" for log-spaced checkpoints, None for none.
        dynamics: how weights move: "sgd"; on the same data "shuffled" (every sample once per
            epoch), "sde" (Euler-Maruyama with the exact noise covariance, in steps of T), "sde/4"
            and "sde/16" (the same in steps of T/4 and T/16), "sde-uncentred" (noise of the second
            moment, in steps of eta), "poisson" (Poisson hits of the same mean).
        data: label-folded training samples z = y x, shape (P, d), real and finite, to use instead
            of samples that the configuration draws.
        stop: flag by which another thread can end the run.
        row_budget: bytes that fast kernels may use for cached Gram rows.
        sample_budget: bytes that "deferred" may use for samples; a run that needs more ends as
            "max_memory".
        trace: array for a log of the fast kernels, shape (n,), int64 (``kernels.trace``).
        schedule: "auto", or the only way in which the event-driven kernel may step, for tests:
            "plain", "candidates" or "events".
        snapshots: where fast kernels save their state, and find that of a killed run.

    Returns:
        The result. The same configuration, dynamics and kernel give the same result, killed or not.

    Raises:
        InputError: for an unknown name; for data of the wrong shape, not finite or too large for
            the memory; for snapshots together with arguments that are not part of a run's key.

    >>> from perceptron_sim import PerceptronConfig, simulate
    >>> run = simulate(PerceptronConfig(chi=1.0, d=8, P=64, B=2, T=1.0))
    >>> run.status.value, run.unfitted
    ('fitted', 0)
    >>> run.checkpoints.to_frame().columns[:4].tolist()
    ['step', 't', 'w1', 'w_perp']
    """
    own = data is None and schedule == "auto"
    dynamics, kernel = choose(dynamics, kernel, config if own else None)
    loop = loop_of(dynamics, kernel)
    if loop.draws_data and not own:
        raise InputError(f"kernel {kernel!r} draws its own data: leave out data and schedule")
    budgets = (row_budget, sample_budget) == (ROW_BUDGET, SAMPLE_BUDGET)
    if snapshots is not None and not (own and trace is None and budgets):
        raise InputError("snapshots need the defaults of data, trace, schedule and budgets")
    check_choice("schedule", schedule, tuple(SCHEDULES))
    check_memory(run_bytes(config, kernel), f"a run at P = {config.P}, d = {config.d}")
    most = most_rows(config.P, config.d, sample_budget)
    z = None
    if not loop.draws_data:
        z = training_data(config) if data is None else _checked_data(config, data)
    problem = new_problem(config, z, checkpoints, (stop or StopFlag()).array, most)
    run, before_s = loop.load(), 0.0
    log = np.zeros(1, np.int64) if trace is None else trace
    log[0] = 1
    started = time.perf_counter()
    if problem.samples is not None:
        rest: tuple[Any, ...] = (problem.samples, config.P, most, row_budget, log)
        call = functools.partial(run, *problem.arguments[1:-1], *rest)
        code, before_s = _with_pauses(call, config.key(kernel), problem, snapshots)
    elif kernel == "event":
        rest = (log, 2.0 / (1.0 + config.chi), row_budget, SCHEDULES[schedule])
        rest += (config.P, event_driven.all_given())
        call = functools.partial(run, *problem.arguments, *rest)
        code, before_s = _with_pauses(call, config.key(kernel), problem, snapshots)
    else:
        code = run(*problem.arguments, *loop.options)
    wall_s = before_s + time.perf_counter() - started
    return measure(config, dynamics, kernel, code, problem, wall_s)


def _with_pauses(
    call: Callable[[], int], key: str, problem: Problem, snapshots: Snapshots | None
) -> tuple[int, float]:
    """Call a kernel until it ends, and save its state at pauses.

    Returns:
        Its last return code, and the seconds that the run had taken when its state was saved.
    """
    saved = None if snapshots is None else snapshots.load_run(key)
    before_s = 0.0 if saved is None else problem.restore(saved)
    started = saved_at = time.perf_counter()
    while True:
        # Pauses follow hits, not the clock: what the kernel does next depends on where it paused.
        problem.counters[run_state.PAUSE_AT] = problem.counters[run_state.HITS] + PAUSE_HITS
        code = call()
        if code != status.PAUSED:
            return code, before_s
        now = time.perf_counter()
        if snapshots is not None and now - saved_at >= SAVE_EVERY_S:
            saved_at = now
            snapshots.save(key, [key], problem.state(before_s + now - started))


def _checked_data(config: PerceptronConfig, data: ArrayLike) -> FloatArray:
    z = real_array("data", data)
    if z.shape != (config.P, config.d):
        raise InputError(f"data has shape {z.shape}: expected (P, d) = ({config.P}, {config.d})")
    return z
