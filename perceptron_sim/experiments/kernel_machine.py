"""SGD of a kernel machine, given its kernel matrix: lazy nets, and the perceptron as a case."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.experiments.config import MAX_STEPS, PerceptronConfig
from perceptron_sim.experiments.simulate import ROW_BUDGET, StopFlag
from perceptron_sim.kernels import kernel_sgd as loop
from perceptron_sim.kernels import status

RowFunction = Callable[[int], NDArray[np.floating]]

# A kernel matrix need not be separable: identical samples with opposite labels never fit.
MAX_UPDATES = 10**8


@dataclass(frozen=True)
class KernelRunResult:
    """How one run of a kernel machine ended.

    Attributes:
        status: as in ``RunResult``.
        message: one line for people.
        t_star: eta times the index of the last non-null step.
        steps, updates, hits: as in ``RunResult``.
        unfitted: samples with y f < kappa at the end.
        hit_counts: hits of each sample, shape (P,).
        w_norm: ||w - w0|| = sqrt(v K v) with v = (eta/B) y * hit_counts (THEORY section 6).
        margins: y f at the end, shape (P,).
        wall_s: seconds.
    """

    status: str
    message: str
    t_star: float
    steps: int
    updates: int
    hits: int
    unfitted: int
    hit_counts: IntArray = field(repr=False)
    w_norm: float
    margins: FloatArray = field(repr=False)
    wall_s: float


def simulate_kernel(
    K: NDArray[np.floating] | RowFunction,
    y: NDArray[np.number],
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
) -> KernelRunResult:
    """Train f = K v by SGD with the hinge loss until every sample is fitted (THEORY section 6).

    Every batch draws B distinct samples; those with y f < kappa add (eta/B) y_nu K(., x_nu) to f.

    Args:
        K: positive semi-definite matrix, shape (P, P), float32 or float64, in memory or
            memory-mapped; or a function that gives row i, shape (P,).
        y: labels, +1 or -1, shape (P,).
        B, T, eta, kappa, alpha, seed, max_steps, max_updates: as in ``PerceptronConfig``.
        row_budget: bytes for rows kept, if K is a function.
        stop: flag by which another thread can end the run.

    Returns:
        The result. The same arguments give the same result.

    Raises:
        InputError: if a value is out of range, shapes do not match, labels are not +-1, or a
            row has entries that are not finite.
    """
    labels = np.ascontiguousarray(y, dtype=np.float64)
    if labels.ndim != 1 or labels.size == 0 or not np.all(np.abs(labels) == 1.0):
        raise InputError("y must be a vector of labels +1 and -1, one for each sample")
    P = labels.size
    # The perceptron's configuration checks everything that the two have in common.
    config = PerceptronConfig(
        P=P, B=B, T=T, eta=eta, kappa=kappa, alpha=alpha, seed=seed,
        max_steps=max_steps, max_updates=max_updates,
    )  # fmt: skip
    table = _CachedRows(K, P, row_budget) if callable(K) else _MatrixRows(K, P)
    rng = config.stream("kernel batches")
    limits = np.array([max_steps, max_updates], dtype=np.int64)
    flag = (stop or StopFlag()).array
    state = loop.new_state(P)
    started = time.perf_counter()
    code = loop.NEED_ROW
    while True:
        code = loop.kernel_sgd(
            table.rows, table.slot_of, labels, config.threshold, B, rng, limits, flag, state
        )
        if code == loop.NEED_ROW and not flag[0]:
            table.fetch(int(state.pending[state.state[loop.NEXT_HIT]]))
            continue
        if code == loop.NEED_ROW:
            code = status.INTERRUPTED
        margins = _margins(table, labels, state.hit_counts)
        short = margins < config.threshold
        state.margins[:P] = margins
        # Running margins carry rounding: only those computed anew can end a run as fitted.
        if code != loop.NEED_REFRESH and not (code == status.FITTED and short.any()):
            break
    wall_s = time.perf_counter() - started
    unfitted = int(np.count_nonzero(short))
    squared = float(state.hit_counts @ margins)
    if not math.isfinite(squared * config.T):
        code = status.DIVERGED
    steps = int(state.state[loop.LAST_UPDATE_STEP])
    name = status.NAMES[code]
    return KernelRunResult(
        status=name,
        message=_message(name, unfitted, P),
        t_star=config.eta * steps,
        steps=steps,
        updates=int(state.state[loop.UPDATES]),
        hits=int(state.state[loop.HITS]),
        unfitted=unfitted,
        hit_counts=state.hit_counts,
        w_norm=config.T * math.sqrt(max(squared, 0.0)),
        margins=config.T * margins,
        wall_s=wall_s,
    )


def _message(name: str, unfitted: int, P: int) -> str:
    if name == "fitted":
        return "every training sample is fitted"
    return (
        f"{unfitted} of {P} samples unfitted ({name}): raise max_updates or max_steps, and look "
        "for equal samples with opposite labels, which no kernel machine can fit"
    )


class _MatrixRows:
    """Rows of a matrix that is there already."""

    def __init__(self, K: NDArray[np.floating], P: int) -> None:
        if K.shape != (P, P):
            raise InputError(f"K has shape {K.shape} and y {P} labels: K must be (P, P)")
        if K.dtype not in (np.float32, np.float64):
            raise InputError(f"K has entries of type {K.dtype}: float32 or float64 is needed")
        for first in range(0, P, 1024):
            block = np.asarray(K[first : first + 1024])
            if not np.all(np.isfinite(block)):
                raise InputError("K has entries that are not finite: check the kernel")
        if np.any(np.diagonal(K) < 0):
            raise InputError("K has a negative diagonal: it is not positive semi-definite")
        self.rows = np.asarray(K) if K.flags.c_contiguous else np.ascontiguousarray(K)
        self.slot_of = np.arange(P)

    def fetch(self, i: int) -> None:
        raise AssertionError("a matrix has all its rows")

    def row(self, i: int) -> NDArray[np.floating]:
        return np.asarray(self.rows[i])


class _CachedRows:
    """Rows of a function, the recently used ones kept."""

    def __init__(self, function: RowFunction, P: int, budget: int) -> None:
        slots = max(1, min(P, budget // (8 * P)))
        self.rows = np.empty((slots, P))
        self.slot_of = np.full(P, -1)
        self._function = function
        self._order: OrderedDict[int, int] = OrderedDict()

    def fetch(self, i: int) -> None:
        if len(self._order) < len(self.rows):
            slot = len(self._order)
        else:
            oldest, slot = self._order.popitem(last=False)
            self.slot_of[oldest] = -1
        self.rows[slot] = self.row(i)
        self.slot_of[i] = slot
        self._order[i] = slot

    def row(self, i: int) -> NDArray[np.floating]:
        if self.slot_of[i] >= 0:
            return np.asarray(self.rows[self.slot_of[i]])
        row = np.asarray(self._function(i), dtype=np.float64)
        P = self.slot_of.size
        if row.shape != (P,) or not np.all(np.isfinite(row)):
            raise InputError(f"row {i} of K must be {P} finite numbers, got shape {row.shape}")
        return row


def _margins(table: _MatrixRows | _CachedRows, y: FloatArray, hit_counts: IntArray) -> FloatArray:
    """Return y f in units of T, from the exact integer hit counts."""
    f = np.zeros(y.size)
    for i in np.flatnonzero(hit_counts).tolist():
        f += (y[i] * hit_counts[i]) * table.row(i)
    return np.asarray(y * f)
