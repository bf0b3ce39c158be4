"""SGD of a kernel machine, given its kernel matrix: lazy nets, and the perceptron as a case."""

import math
import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim.arrays import ByValue, FloatArray, IntArray, real_array
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.kernels import kernel_sgd as loop
from perceptron_sim.kernels import status
from perceptron_sim.kernels.batches import needs_order
from perceptron_sim.kernels.dynamics import DYNAMICS, NAMES, SGD, kernel_options
from perceptron_sim.kernels.kernel_batches import kernel_batches
from perceptron_sim.kernels.kernel_matrix import (
    INDEFINITE,
    CachedRows,
    KernelMatrix,
    MatrixRows,
    RowFunction,
)
from perceptron_sim.kernels.kernel_noise import kernel_noise
from perceptron_sim.runs.config import MAX_STEPS, PerceptronConfig
from perceptron_sim.runs.result import time_step
from perceptron_sim.runs.simulate import ROW_BUDGET, StopFlag
from perceptron_sim.status import Status

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A limit is needed, because identical samples with opposite labels never fit.
MAX_UPDATES = 10**8


@dataclass(frozen=True, eq=False)
class KernelCourse(ByValue):
    """The course of a run at given steps. Every array has shape (n,).

    Attributes:
        step: number of steps done; the last one is the last non-null step.
        w_norm: ||w - w0||.
        unfitted: fraction of samples with y f < kappa.
        train_loss: mean of (kappa - y f)^+.
    """

    step: IntArray
    w_norm: FloatArray
    unfitted: FloatArray
    train_loss: FloatArray


@dataclass(frozen=True, eq=False)
class KernelRunResult(ByValue):
    """How one run of a kernel machine ended.

    Attributes:
        status: as in ``RunResult``.
        message: one line for people.
        t_star: time of a step, eta or as the dynamics says, times the index of the last non-null
            step.
        steps, updates, hits: as in ``RunResult``.
        unfitted: number of samples with y f < kappa at the end.
        hit_counts: hits of each sample, shape (P,); of SDEs what stands for them, no integers.
        w_norm: ||w - w0|| = sqrt(v K v) with v = (eta/B) y * hit_counts, docs/lazy.md (2).
        margins: y f at the end, shape (P,).
        train_loss: mean of (kappa - y f)^+ at the end.
        wall_s: seconds.
        course: the run at those ``marks`` that it reached, and at its end.
    """

    status: Status
    message: str
    t_star: float
    steps: int
    updates: int
    hits: int
    unfitted: int
    hit_counts: IntArray | FloatArray = field(repr=False)
    w_norm: float
    margins: FloatArray = field(repr=False)
    train_loss: float
    wall_s: float = field(compare=False)
    course: KernelCourse = field(repr=False)

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw ||w - w_0|| and the unfitted fraction at ``marks`` against t; return the axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
        """
        from perceptron_sim.drawing.mpl import plot
        from perceptron_sim.runs.figures import kernel_panel

        return plot(kernel_panel(self), ax)


def simulate_kernel(
    K: KernelMatrix | ArrayLike | RowFunction,
    y: ArrayLike,
    *,
    B: int = 2,
    T: float | None = None,
    eta: float | None = None,
    kappa: float | None = None,
    alpha: float | None = None,
    seed: int = 0,
    max_steps: int = MAX_STEPS,
    max_updates: int = MAX_UPDATES,
    row_budget: int = ROW_BUDGET,
    stop: StopFlag | None = None,
    stream: np.random.Generator | None = None,
    every_batch: bool = False,
    marks: ArrayLike | None = None,
    dynamics: str = SGD,
) -> KernelRunResult:
    """Train f = K v by SGD with the hinge loss until every sample is fitted, docs/lazy.md (2).

    A batch holds B distinct samples. Those with y f < kappa add (eta/B) y_nu K(., x_nu) to f.

    Args:
        K: symmetric, positive semi-definite matrix, shape (P, P), in memory or memory-mapped; only
            numbers other than float32 and float64 are copied. Or a ``KernelMatrix``, whose leading
            P samples are used without a new check. Or a function that returns row i, shape (P,).
        y: labels, +1 or -1, shape (P,).
        B, T, eta, kappa, alpha, seed, max_steps, max_updates: as in ``PerceptronConfig``.
        row_budget: bytes for cached rows, if K is a function.
        stop: flag by which another thread can end the run.
        stream: generator of the batches, advanced in place; by default seeded by the other values.
        every_batch: draw every batch, one by one as training does, instead of jumping over those
            that change nothing; needs a matrix.
        marks: steps after which the course is recorded, ascending, shape (n,); by default none.
        dynamics: how the weights move, as in ``simulate``; others than "sgd" need a matrix, and
            steps of SDEs last as long as there.

    Returns:
        The result. The same arguments give the same result.

    Raises:
        InputError: if a value is out of range, shapes do not match, labels are not +-1, or K is
            not finite, symmetric and positive semi-definite.

    >>> import numpy as np
    >>> from perceptron_sim import simulate_kernel
    >>> run = simulate_kernel(np.eye(4), [1, -1, 1, -1], B=1, T=1.0, kappa=0.5)
    >>> run.status.value, run.updates, run.hit_counts.tolist()
    ('fitted', 4, [1, 1, 1, 1])
    """
    labels = _checked_labels(y)
    # PerceptronConfig checks everything that both have in common.
    config = PerceptronConfig(
        P=labels.size, B=B, T=T, eta=eta, kappa=kappa, alpha=alpha, seed=seed,
        max_steps=max_steps, max_updates=max_updates,
    )  # fmt: skip
    table = _table(K, config.P, row_budget)
    if every_batch and callable(K):
        raise InputError("every_batch needs K as a matrix: a function gives rows on demand only")
    check_choice("dynamics", dynamics, NAMES)
    if dynamics != SGD and callable(K):
        raise InputError(f"dynamics {dynamics!r} needs K as a matrix: a function gives rows only")
    rng = config.stream("kernel batches") if stream is None else stream
    flag = (stop or StopFlag()).array
    state = loop.new_state(config.P, _checked_marks(marks), *_laws(config.P, B))
    if dynamics != SGD:
        state = state._replace(hit_counts=np.zeros(config.P))
    started = time.perf_counter()
    how = dynamics, every_batch
    code, margins = _train(config, table, labels, rng, flag, state, *how)
    return _measure(config, code, margins, state, dynamics, time.perf_counter() - started)


def _train(
    config: PerceptronConfig,
    table: CachedRows | MatrixRows,
    labels: FloatArray,
    rng: np.random.Generator,
    flag: IntArray,
    state: loop.KernelState,
    dynamics: str,
    every_batch: bool,
) -> tuple[int, FloatArray]:
    """Return the code of ``kernels.status`` and the margins at the end, in units of T."""
    P, B, threshold = config.P, config.B, config.threshold
    limits = np.array([config.max_steps, config.max_updates], dtype=np.int64)
    noise = dynamics != SGD
    order = np.arange(P if noise or (every_batch and needs_order(P, B)) else 0)
    batch = np.zeros(B, np.int64)
    while True:
        if noise:
            code = kernel_noise(
                *(table.rows, labels, threshold, B, rng, order, limits, flag, state),
                *kernel_options(dynamics),
            )
        elif every_batch:
            code = kernel_batches(
                table.rows, labels, threshold, rng, order, batch, limits, flag, state
            )
        else:
            code = loop.kernel_sgd(
                table.rows, table.slot_of, labels, threshold, B, rng, limits, flag, state
            )
        if code == loop.NEED_ROW and not flag[0]:
            table.fetch(int(state.pending[state.state[loop.NEXT_HIT]]))
            continue
        if code == loop.NEED_ROW:
            code = status.INTERRUPTED
        # This uses the exact integer hit counts, in units of T.
        margins = labels * table.weighted_sum(labels * state.hit_counts)
        state.margins[:P] = margins
        # Running margins carry rounding errors. Only margins computed anew can end a run as fitted.
        if code != loop.NEED_REFRESH and not (
            code == status.FITTED and np.any(margins < threshold)
        ):
            return code, margins


def _measure(
    config: PerceptronConfig,
    code: int,
    margins: FloatArray,
    state: loop.KernelState,
    dynamics: str,
    wall_s: float,
) -> KernelRunResult:
    unfitted = int(np.count_nonzero(margins < config.threshold))
    squared = float(state.hit_counts @ margins)
    if squared < -INDEFINITE * float(np.abs(state.hit_counts) @ np.abs(margins)):
        raise InputError(
            f"K is not positive semi-definite: the squared norm of the weights is {squared:.3g} "
            "after the run; check the kernel"
        )
    if not math.isfinite(squared * config.T):
        code = status.DIVERGED
    steps = int(state.state[loop.LAST_UPDATE_STEP])
    ended = status.NAMES[code]
    whole = DYNAMICS[dynamics].whole_hits
    counts = state.hit_counts.astype(np.int64) if whole else state.hit_counts
    limits = {"max_steps": config.max_steps, "max_updates": config.max_updates}
    w_norm = config.T * math.sqrt(max(squared, 0.0))
    loss = config.T * float(np.mean(np.maximum(config.threshold - margins, 0.0)))
    ends = (steps, w_norm, unfitted / config.P, loss)
    return KernelRunResult(
        status=ended,
        message=ended.message(unfitted, config.P, T=config.T, **limits),
        t_star=time_step(config, dynamics) * steps,
        steps=steps,
        updates=int(state.state[loop.UPDATES]),
        hits=int(state.state[loop.HITS]),
        unfitted=unfitted,
        hit_counts=counts,
        w_norm=w_norm,
        margins=config.T * margins,
        train_loss=loss,
        wall_s=wall_s,
        course=_course(state, config.T, config.P, ends),
    )


@lru_cache(maxsize=64)
def _laws(P: int, B: int) -> tuple[FloatArray, FloatArray]:
    # All samples are unfitted at first. So every run needs every row, and they are filled at once.
    return loop.fill_laws(P, B)


def _table(
    K: KernelMatrix | ArrayLike | RowFunction, P: int, row_budget: int
) -> CachedRows | MatrixRows:
    if isinstance(K, KernelMatrix):
        return MatrixRows(K, P)
    if callable(K):
        return CachedRows(K, P, row_budget)
    matrix = KernelMatrix(K)
    if len(matrix) != P:
        raise InputError(f"K has shape {matrix.entries.shape} and y {P} labels: K must be (P, P)")
    return MatrixRows(matrix, P)


def _checked_labels(y: ArrayLike) -> FloatArray:
    labels = real_array("y", y)
    if labels.ndim != 1 or labels.size == 0 or not np.all(np.abs(labels) == 1.0):
        raise InputError("y must be a vector of labels +1 and -1, one for each sample")
    return labels


def _checked_marks(marks: ArrayLike | None) -> IntArray:
    if marks is None:
        return np.zeros(0, np.int64)
    steps = real_array("marks", marks, ndim=1)
    if np.any(steps < 0.0) or np.any(steps != np.rint(steps)) or np.any(np.diff(steps) <= 0.0):
        raise InputError("marks must be numbers of steps: integers >= 0, ascending")
    return np.asarray(marks, dtype=np.int64)


def _course(
    state: loop.KernelState, T: float, P: int, ends: tuple[int, float, float, float]
) -> KernelCourse:
    reached = int(state.state[loop.MARKED])
    squared, unfitted, loss = state.course[:reached].T
    step, w_norm, fraction, train_loss = ends
    return KernelCourse(
        step=np.append(state.marks[:reached], step),
        w_norm=np.append(T * np.sqrt(np.maximum(squared, 0.0)), w_norm),
        unfitted=np.append(unfitted / P, fraction),
        train_loss=np.append(T * loss, train_loss),
    )
