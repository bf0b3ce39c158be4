"""A kernel matrix, validated once, and where a run finds its rows."""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.kernel_sgd import add_rows

RowFunction = Callable[[int], NDArray[np.floating]]


class KernelMatrix:
    """A positive semi-definite matrix that was found fit for use: finite, no negative diagonal.

    Runs on its leading samples use its leading block where it lies: nothing is copied, and
    nothing is looked through again.

    Attributes:
        entries: shape (P, P), float32 or float64, C-contiguous, in memory or memory-mapped.
    """

    def __init__(self, K: NDArray[np.floating]) -> None:
        """Validate; a matrix that is not C-contiguous is copied.

        Raises:
            InputError: on a wrong shape or type, or entries that are not finite.
        """
        if K.ndim != 2 or K.shape[0] != K.shape[1]:
            raise InputError(f"K has shape {K.shape}: it must be square, one row for each sample")
        if K.dtype not in (np.float32, np.float64):
            raise InputError(f"K has entries of type {K.dtype}: float32 or float64 is needed")
        for first in range(0, len(K), 1024):
            block = np.asarray(K[first : first + 1024])
            # A sum is quick and shows every entry that is not finite; itself it may overflow.
            with np.errstate(over="ignore", invalid="ignore"):
                total = block.sum()
            if not np.isfinite(total) and not np.all(np.isfinite(block)):
                raise InputError("K has entries that are not finite: check the kernel")
        if np.any(np.diagonal(K) < 0):
            raise InputError("K has a negative diagonal: it is not positive semi-definite")
        self.entries = np.asarray(K) if K.flags.c_contiguous else np.ascontiguousarray(K)

    def __len__(self) -> int:
        """Return P."""
        return len(self.entries)


class MatrixRows:
    """Rows of a matrix that is there already.

    Attributes:
        rows: table of rows, of which the first P entries are read.
        slot_of: where each sample's row is in the table, shape (P,).
    """

    def __init__(self, K: KernelMatrix, P: int) -> None:
        """Take the leading P samples."""
        if len(K) < P:
            raise InputError(f"K is of {len(K)} samples and y has {P} labels: give as many of K")
        self.rows = K.entries
        self.slot_of = np.arange(P)

    def fetch(self, i: int) -> None:
        """Refuse: nothing is ever missing."""
        raise AssertionError("a matrix has all its rows")

    def weighted_sum(self, weights: FloatArray) -> FloatArray:
        """Return the sum of weights_i K_i, shape (P,)."""
        total = np.zeros(weights.size)
        add_rows(self.rows, weights, total)
        return total


class CachedRows:
    """Rows of a function, the recently used ones kept; attributes as in ``MatrixRows``."""

    def __init__(self, function: RowFunction, P: int, budget: int) -> None:
        """Make room for up to ``budget`` bytes of rows."""
        slots = max(1, min(P, budget // (8 * P)))
        self.rows = np.empty((slots, P))
        self.slot_of: IntArray = np.full(P, -1)
        self._function = function
        self._order: OrderedDict[int, int] = OrderedDict()

    def fetch(self, i: int) -> None:
        """Put row i into the table."""
        if len(self._order) < len(self.rows):
            slot = len(self._order)
        else:
            oldest, slot = self._order.popitem(last=False)
            self.slot_of[oldest] = -1
        self.rows[slot] = self._row(i)
        self.slot_of[i] = slot
        self._order[i] = slot

    def weighted_sum(self, weights: FloatArray) -> FloatArray:
        """Return the sum of weights_i K_i, shape (P,)."""
        total = np.zeros(weights.size)
        for i in np.flatnonzero(weights).tolist():
            total += weights[i] * self._row(i)
        return total

    def _row(self, i: int) -> NDArray[np.floating]:
        if self.slot_of[i] >= 0:
            return np.asarray(self.rows[self.slot_of[i]])
        row = np.asarray(self._function(i), dtype=np.float64)
        P = self.slot_of.size
        if row.shape != (P,) or not np.all(np.isfinite(row)):
            raise InputError(f"row {i} of K must be {P} finite numbers, got shape {row.shape}")
        return row
