"""The hard-margin solution of a kernel machine: the least norm that fits with margin 1.

SGD of a lazy net ends near (kappa + u kick) omega (docs/lazy.md (5)). Here omega is the least
||w - w0|| with y_i f(x_i) >= 1 for all i, without bias. With f = K (y a), a >= 0, the dual gives a
lower bound for any a. Scaling a to margin 1 gives an upper one (Boyd & Vandenberghe, Convex
Optimization, ch. 5). The gap between them is certified, whatever the solver did.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from perceptron_sim import parameters
from perceptron_sim.arrays import ByValue, FloatArray, IntArray, Reals, real_array
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.dual_ascent import dual_ascent, relative_gap
from perceptron_sim.kernels.kernel_matrix import INDEFINITE, KernelMatrix
from perceptron_sim.kernels.kernel_sgd import add_rows
from perceptron_sim.progress import NoProgress, Progress

# Most support vectors whose equations are solved directly; memory is 8 bytes times its square.
_DIRECT = 6000
# Coordinates moved between looks at the clock, times P: some milliseconds.
_BLOCK = 2e6
# Each round lowers the gap by this factor, and then looks at all samples.
_ROUND = 0.1


class Separability(StrEnum):
    """Whether a solution was found; results and files hold the values."""

    SEPARABLE = "separable"
    NOT_SEPARABLE = "not separable"
    GAP_NOT_REACHED = "gap not reached"


@dataclass(frozen=True, eq=False)
class MaxMargin(ByValue):
    """The hard-margin solution, as far as it was found: docs/lazy.md (5).

    Attributes:
        status: "separable", "not separable" or "gap not reached".
        message: one line for people.
        omega: norm of a solution with y f >= 1; inf where no solution is known. The least norm is
            above omega / (1 + gap).
        gap: certified relative gap; inf where no solution is known.
        margin: 1 / omega, least y f at ||w - w0|| = 1; 0 where no solution is known.
        dual: weights a >= 0 with f = K (y a), shape (P,). Their least margin is 1 where a solution
            is known, else their sum is 1.
        support: indices of samples with a > 0, ascending, shape (n_support,).
        steps: number of coordinates moved.
        wall_s: seconds.
    """

    status: Separability
    message: str
    omega: float
    gap: float
    margin: float
    dual: FloatArray = field(repr=False)
    support: IntArray = field(repr=False)
    steps: int
    wall_s: float = field(compare=False)


def max_margin_norm(
    K: KernelMatrix | ArrayLike,
    y: ArrayLike,
    *,
    gap: float = 1e-6,
    dual: ArrayLike | None = None,
    budget: float = math.inf,
    progress: Progress | None = None,
) -> MaxMargin:
    """Return the least norm ||w - w0|| that fits every sample with margin 1, without bias.

    SGD that is not dominated by noise ends at kappa times this norm omega (docs/lazy.md (5)). For
    the perceptron, K = Z Z^T / d and y = 1, omega is the least ||w|| at kappa = 1. The solver is
    greedy coordinate ascent of the dual on the samples that may be support vectors. It alternates
    with a direct solution of the equations of the support.

    Args:
        K: kernel, shape (P, P), as in ``simulate_kernel``, in memory or memory-mapped; or a
            ``KernelMatrix``, whose leading P samples are used without a new check.
        y: labels, +1 or -1, shape (P,).
        gap: relative gap to reach, 1e-12..1.
        dual: weights to start from, shape (n,), n <= P, from a result for the leading samples.
        budget: seconds after which to end with the best that is known.
        progress: watcher; its cost is the decades of the gap.

    Returns:
        The solution. "not separable" means: equal samples of opposite labels, a sample of zero
        kernel, or margins below 1e-7 (float32: 1e-3) of the largest root of the diagonal.

    Raises:
        InputError: if a value is out of range, shapes do not match, labels are not +-1, or K is
            not finite, symmetric and positive semi-definite.

    >>> from perceptron_sim import max_margin_norm
    >>> end = max_margin_norm([[4.0, 0.0], [0.0, 1.0]], [1, -1])
    >>> end.status.value, round(end.omega**2, 6), end.support.tolist()
    ('separable', 1.25, [0, 1])
    """
    matrix = K if isinstance(K, KernelMatrix) else KernelMatrix(K)
    labels = _checked_labels(y, len(matrix))
    if not isinstance(K, KernelMatrix) and len(matrix) != labels.size:
        raise InputError(f"K has {len(matrix)} samples and y has {labels.size} labels")
    gap = parameters.positive("gap", gap)
    if not 1e-12 <= gap <= 1.0:
        raise InputError(f"gap = {gap:g} is out of range: allowed is 1e-12..1")
    if not budget > 0.0:
        raise InputError(f"budget = {budget:g} is out of range: allowed are seconds > 0")
    started = time.perf_counter()
    solver = _Solver(matrix.entries, labels, _checked_dual(dual, labels.size))
    reason = solver.obstacle()
    if reason is None:
        reason = solver.solve(gap, started + budget, progress or NoProgress())
    return solver.result(gap, reason, time.perf_counter() - started)


class _Solver:
    """The dual weights of one problem, their margins and their gap."""

    def __init__(self, K: Reals, y: FloatArray, dual: FloatArray) -> None:
        self.K, self.y, self.dual = K, y, dual
        self.diagonal = np.array(np.diagonal(K)[: y.size], dtype=np.float64)
        self.steps = 0
        self.slope = np.ones(y.size)
        self.reached = math.inf

    def obstacle(self) -> str | None:
        """Return why no weights can fit, if one sample or two show this at once."""
        zero = np.flatnonzero(self.diagonal == 0.0)
        if zero.size:
            return f"sample {zero[0]} has kernel 0 with itself: f there is always 0"
        # Equal samples have equal diagonals: only those need to be compared.
        order = np.argsort(self.diagonal, kind="stable")
        apart = np.diff(self.diagonal[order]) > self._noise() * self.diagonal[order[1:]]
        for group in np.split(order, np.flatnonzero(apart) + 1):
            for i in group[self.y[group] > 0.0].tolist():
                others = group[self.y[group] < 0.0]
                distance = self.diagonal[i] + self.diagonal[others] - 2.0 * self.K[i, others]
                if np.any(same := distance <= self._noise() * self.diagonal[i]):
                    return f"samples {i} and {others[same][0]} are equal and of opposite labels"
        return None

    def solve(self, gap: float, until: float, progress: Progress) -> str | None:
        """Ascend to the gap; return why there is no solution, where that is found."""
        progress.start("max margin", 1, -math.log10(gap))
        told = 0.0
        active = np.arange(self.y.size)
        self._look()
        tolerance = max(_ROUND, 0.5 * gap)
        try:
            while self.reached > gap and time.perf_counter() < until:
                for _ in self._rounds(active, tolerance, until):
                    if self._vanishes():
                        self._look()
                        return "no weights have a margin above rounding on every sample"
                self._look()
                now = min(max(-math.log10(max(self.reached, gap)), told), -math.log10(gap))
                progress.advance(0, now - told)
                told = now
                # If a round changed little, the next one ends at a smaller gap.
                if self.reached <= 3.0 * tolerance:
                    tolerance = max(_ROUND * tolerance, 0.25 * gap)
                if self.reached < _ROUND:
                    self._direct()
                slack = max(10.0 * tolerance, 1e-3)
                active = np.flatnonzero((self.dual > 0.0) | (self.slope > -slack))
        finally:
            progress.finish()
        return None

    def _rounds(self, active: IntArray, tolerance: float, until: float) -> Iterator[None]:
        """Ascend over ``active`` until its own gap is below ``tolerance``."""
        slope = self.slope[active]
        block = max(active.size, int(_BLOCK / self.y.size))
        while True:
            reached, done = dual_ascent(self.K, self.y, active, self.dual, slope, tolerance, block)
            self.steps += done
            yield
            if reached <= tolerance or done < block or time.perf_counter() > until:
                return

    def _look(self) -> None:
        """Compute margins of all samples anew, and the gap."""
        total = np.zeros(self.y.size)
        add_rows(self.K, self.y * self.dual, total)
        self.slope = 1.0 - self.y * total
        squared = float(self.dual @ (1.0 - self.slope))
        if squared < -INDEFINITE * float(self.dual @ np.abs(1.0 - self.slope)):
            raise InputError(
                f"K is not positive semi-definite: a squared norm of weights is {squared:.3g}; "
                "check the kernel"
            )
        self.reached = float(relative_gap(self.dual, self.slope))

    def _direct(self) -> None:
        """Move towards margins of exactly 1 on the support, as far as weights stay positive."""
        support = np.flatnonzero(self.dual)
        if not 0 < support.size <= _DIRECT:
            return
        signs = self.y[support]
        Q = np.asarray(self.K[np.ix_(support, support)], np.float64) * np.outer(signs, signs)
        try:
            wanted = linalg.solve(Q, np.ones(support.size), assume_a="pos")
        except (linalg.LinAlgError, linalg.LinAlgWarning):
            return
        move = wanted - self.dual[support]
        falling = move < 0.0
        length = min(1.0, float(np.min(-self.dual[support][falling] / move[falling], initial=1.0)))
        before = self.dual.copy(), self.slope, self.reached
        self.dual[support] = np.maximum(self.dual[support] + length * move, 0.0)
        self._look()
        if not self._value() >= self._value(before[0], before[1]):
            self.dual, self.slope, self.reached = before

    def _value(self, dual: FloatArray | None = None, slope: FloatArray | None = None) -> float:
        """Return the dual objective."""
        a = self.dual if dual is None else dual
        s = self.slope if slope is None else slope
        return float(0.5 * (a @ (1.0 + s)))

    def _noise(self) -> float:
        """Return the rounding error of squared distances, relative to the diagonal."""
        return 8.0 * float(np.finfo(self.K.dtype).eps)

    def _vanishes(self) -> bool:
        """Tell whether some mean of y phi is 0 up to rounding; then no margin is positive."""
        total = float(self.dual.sum())
        # The objective is sum a - |w|^2 / 2, and at the best scale of a |w|^2 <= sum a.
        floor = max(self._noise(), 1e-14) * float(self.diagonal.max())
        if total < 1.0 / floor**0.5 / 10.0:
            return False
        self._look()
        squared = max(float(self.dual @ (1.0 - self.slope)), 0.0)
        return squared <= floor * total**2

    def result(self, gap: float, reason: str | None, wall_s: float) -> MaxMargin:
        least = 1.0 - float(self.slope.max())
        if reason is None and math.isfinite(self.reached):
            self.dual /= least
            omega = math.sqrt(max(float(self.dual @ (1.0 - self.slope)) / least, 0.0))
        else:
            omega = self.reached = math.inf
            self.dual /= max(float(self.dual.sum()), 1e-300)
        if reason is not None:
            status, message = Separability.NOT_SEPARABLE, reason
        elif self.reached <= gap:
            status, message = Separability.SEPARABLE, "the least norm is known to the gap asked for"
        else:
            status = Separability.GAP_NOT_REACHED
            message = (
                f"relative gap {self.reached:.2g} in place of {gap:g}: raise budget or gap, "
                "or start from dual of this result"
            )
        return MaxMargin(
            status=status,
            message=message,
            omega=omega,
            gap=self.reached,
            margin=1.0 / omega,
            dual=self.dual,
            support=np.flatnonzero(self.dual),
            steps=self.steps,
            wall_s=wall_s,
        )


def _checked_labels(y: ArrayLike, most: int) -> FloatArray:
    labels = real_array("y", y)
    if labels.ndim != 1 or labels.size == 0 or not np.all(np.abs(labels) == 1.0):
        raise InputError("y must be a vector of labels +1 and -1, one for each sample")
    if labels.size > most:
        raise InputError(f"K has {most} samples and y has {labels.size} labels")
    return labels


def _checked_dual(dual: ArrayLike | None, P: int) -> FloatArray:
    start = np.zeros(P)
    if dual is not None:
        weights = real_array("dual", dual, ndim=1)
        if weights.size > P or np.any(weights < 0.0):
            raise InputError(f"dual must be at most P = {P} weights >= 0")
        start[: weights.size] = weights
    return start
