"""A kernel matrix that is checked once, and the rows of it that a run uses."""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perceptron_sim.arrays import FloatArray, IntArray, real_array
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.kernel_sgd import add_rows

RowFunction = Callable[[int], ArrayLike]


# A kernel computed in float32 may fail to be symmetric or positive by this part of its diagonal.
INDEFINITE = 1e-5
# Size of the block tested for positivity. All of a P of thousands would take minutes.
_SAMPLED = 512
_TILE = 512


class KernelMatrix:
    """A kernel matrix checked once: finite, symmetric and, as far as tested, positive.

    Runs on its leading samples use its leading block in place. Nothing is copied or checked
    again.

    Attributes:
        entries: shape (P, P), float32 or float64, C-contiguous, in memory or memory-mapped.

    >>> import numpy as np
    >>> from perceptron_sim import KernelMatrix, simulate_kernel
    >>> K = KernelMatrix(np.eye(8))
    >>> [simulate_kernel(K, np.ones(P), B=1).hits for P in (4, 8)]
    [4, 8]
    """

    def __init__(self, K: ArrayLike) -> None:
        """Check ``K``, shape (P, P); copy it if it is not C-contiguous float32 or float64.

        Every entry is compared with its mirror image and with sqrt(K_mm K_nn), the bound of
        Cauchy-Schwarz. Up to 512 samples are tested for negative eigenvalues.

        Raises:
            InputError: for a wrong shape or type, entries that are not finite, or a matrix that
                is not symmetric or not positive semi-definite.
        """
        entries: NDArray[np.floating]
        floats = isinstance(K, np.ndarray) and K.dtype in (np.float32, np.float64)
        if floats and not isinstance(K, np.ma.MaskedArray):
            entries = np.asarray(K, order="C")
        else:
            entries = real_array("K", K)
        if entries.ndim != 2 or entries.shape[0] != entries.shape[1] or not entries.size:
            raise InputError(
                f"K has shape {entries.shape}: it must be square, one row for each sample"
            )
        _check_symmetric(entries)
        _check_positive(entries)
        self.entries = entries

    def __len__(self) -> int:
        """Return P."""
        return len(self.entries)


def _check_symmetric(K: NDArray[np.floating]) -> None:
    diagonal = np.array(np.diagonal(K))
    if not np.all(np.isfinite(diagonal)):
        raise InputError("K has entries that are not finite: check the kernel")
    if np.any(diagonal < 0.0):
        raise InputError("K has a negative diagonal: it is not positive semi-definite")
    scale = np.sqrt(diagonal)
    for i in range(0, len(K), _TILE):
        for j in range(i, len(K), _TILE):
            tile, mirror = K[i : i + _TILE, j : j + _TILE], K[j : j + _TILE, i : i + _TILE].T
            # A sum is fast and shows every entry that is not finite, but may itself overflow.
            with np.errstate(over="ignore", invalid="ignore"):
                total = tile.sum() + mirror.sum()
                apart = tile - mirror
            finite = np.isfinite(total) or (np.isfinite(tile).all() and np.isfinite(mirror).all())
            if not finite:
                raise InputError("K has entries that are not finite: check the kernel")
            bound = np.outer(scale[i : i + _TILE], scale[j : j + _TILE])
            if np.any(apart) and np.any(np.abs(apart) > INDEFINITE * bound):
                m, n = np.unravel_index(np.argmax(np.abs(apart) - INDEFINITE * bound), apart.shape)
                raise InputError(
                    f"K is not symmetric: K[{i + m}, {j + n}] = {tile[m, n]:g} and "
                    f"K[{j + n}, {i + m}] = {mirror[m, n]:g}; check the kernel, or take "
                    "(K + K.T) / 2"
                )
            excess = np.abs(tile) - bound
            if np.any(excess > INDEFINITE * bound):
                m, n = np.unravel_index(np.argmax(excess), excess.shape)
                raise InputError(
                    f"K is not positive semi-definite: K[{i + m}, {j + n}] = {tile[m, n]:g} is "
                    "larger than the root of the product of its diagonal entries; check the kernel"
                )


def _check_positive(K: NDArray[np.floating]) -> None:
    some = np.unique(np.linspace(0, len(K) - 1, min(len(K), _SAMPLED)).astype(np.int64))
    block = np.asarray(K[np.ix_(some, some)], dtype=np.float64)
    largest = float(np.max(np.abs(block)))
    if largest == 0.0:
        return
    # In these units squares neither overflow nor vanish.
    block = np.ldexp(block, -math.frexp(largest)[1])
    # No eigenvalue is larger than the largest sum of a row.
    shift = INDEFINITE * float(np.max(np.sum(np.abs(block), axis=1)))
    try:
        np.linalg.cholesky(block + shift * np.eye(len(block)))
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(block)
        raise InputError(
            f"K is not positive semi-definite: on {len(some)} of its samples the least eigenvalue "
            f"is {values[0] / np.max(np.abs(values)):.2g} of the largest; check the kernel"
        ) from None


class MatrixRows:
    """Rows of a matrix in memory.

    Attributes:
        rows: table of rows, of which the first P entries are read.
        slot_of: where each sample's row is in the table, shape (P,).
    """

    def __init__(self, K: KernelMatrix, P: int) -> None:
        """Take the leading P samples."""
        if len(K) < P:
            raise InputError(f"K has {len(K)} samples and y has {P} labels: give as many of K")
        self.rows: Any = K.entries
        self.slot_of = np.arange(P)

    def fetch(self, i: int) -> None:
        """Raise, since no row is ever missing."""
        raise AssertionError("a matrix has all its rows")

    def weighted_sum(self, weights: FloatArray) -> FloatArray:
        """Return the sum of weights_i K_i, shape (P,)."""
        total = np.zeros(weights.size)
        add_rows(self.rows, weights, total)
        return total


class CachedRows:
    """Rows of a function, with a cache of recent ones; attributes as in ``MatrixRows``."""

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
        row = real_array(f"row {i} of K", self._function(i))
        P = self.slot_of.size
        if row.shape != (P,):
            raise InputError(f"row {i} of K must be {P} finite numbers, got shape {row.shape}")
        if row[i] < 0.0:
            raise InputError(f"row {i} of K has a negative diagonal: K is not positive")
        self._check_mirror(i, row)
        return row

    def _check_mirror(self, i: int, row: FloatArray) -> None:
        """Compare a row with the cached ones, within the rounding of their diagonals."""
        others = np.fromiter(self._order, np.int64, len(self._order))
        slots = self.slot_of[others]
        mirror, own = self.rows[slots, i], self.rows[slots, others]
        apart = np.abs(row[others] - mirror) > INDEFINITE * np.sqrt(row[i]) * np.sqrt(own)
        if np.any(apart):
            j = int(others[np.argmax(apart)])
            raise InputError(
                f"K is not symmetric: K[{i}, {j}] = {row[j]:g} and K[{j}, {i}] = "
                f"{self.rows[self.slot_of[j], i]:g}; check the kernel"
            )
