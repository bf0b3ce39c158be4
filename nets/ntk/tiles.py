"""A matrix computed tile by tile, in threads, the lower half of a symmetric one by mirroring."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from nets.architectures.base import Architecture
from perceptron_sim.arrays import FloatArray
from perceptron_sim.progress import Progress
from perceptron_sim.scans.executors import default_workers

# Three float32 tiles of this size stay in a core's second-level cache.
TILE = 512


class BuildStopped(Exception):
    """A kernel was asked to be given up before it was complete."""


class Job(NamedTuple):
    """One tile.

    Attributes:
        rows, columns: where its first entry lies; multiples of ``TILE``.
        compute: gives the tile, shape (TILE, TILE), padding included.
    """

    rows: int
    columns: int
    compute: Callable[[], torch.Tensor]


class Products(ABC):
    """Inner products of gradients, tile by tile.

    Attributes:
        net, weights: the architecture, and the weights of one replica in float64.
        symmetric: whether rows and columns are the same samples.
        budget: bytes that may be held.
        in_flight: tiles that may be waiting or being computed.
    """

    in_flight: ClassVar[int]

    def __init__(
        self,
        net: Architecture,
        weights: Sequence[FloatArray],
        x: FloatArray,
        others: FloatArray | None,
        budget: int,
    ) -> None:
        """Prepare; ``others`` is None for the symmetric kernel of x."""
        self.net = net
        self.weights = [torch.as_tensor(w, dtype=torch.float64) for w in weights]
        self.symmetric = others is None
        self.budget = budget
        self._x, self._others = x, others

    def blocks(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Return the samples of rows and columns, padded to blocks of ``TILE``."""
        left = padded_blocks(self._x)
        return left, left if self._others is None else padded_blocks(self._others)

    @abstractmethod
    def jobs(self, map_: Callable[..., Iterator[Any]]) -> Iterator[Job]:
        """Yield the tiles (those with columns >= rows if symmetric), in an order kind to disks.

        Args:
            map_: runs a function over arguments in threads, for what tiles share.
        """


def fill(
    out: NDArray[np.float32],
    products: Products,
    workers: int | None,
    progress: Progress,
    stop: Callable[[], bool],
) -> NDArray[np.float32]:
    """Compute every tile, write it into ``out``, shape (P, Q), and return that.

    One thread a core, each computing on its own: several threads on one product wait for the
    slowest, which on a machine that others use as well was measured to cost a factor of 30.

    Raises:
        BuildStopped: once ``stop()`` is true.
    """
    P, Q = out.shape
    n_workers = workers or default_workers()
    before = torch.get_num_threads()
    total = -(-P // TILE) * -(-Q // TILE)
    symmetric = products.symmetric

    def work(job: Job) -> int:
        tile = job.compute().numpy()
        rows, columns = slice(job.rows, job.rows + TILE), slice(job.columns, job.columns + TILE)
        place = out[rows, columns]
        place[:] = tile[: place.shape[0], : place.shape[1]]
        if symmetric and job.columns > job.rows:
            mirror = out[columns, rows]
            mirror[:] = tile.T[: mirror.shape[0], : mirror.shape[1]]
            return 2
        return 1

    progress.start("kernel, in tiles", total, float(total))
    flying: set[Future[int]] = set()
    pool = ThreadPoolExecutor(n_workers, initializer=lambda: torch.set_num_threads(1))
    try:
        torch.set_num_threads(1)
        for job in products.jobs(pool.map):
            flying.add(pool.submit(work, job))
            while len(flying) >= products.in_flight:
                flying = _landed(flying, progress)
            if stop():
                raise BuildStopped
        while flying:
            flying = _landed(flying, progress)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)
        progress.finish()
    return out


def _landed(flying: set[Future[int]], progress: Progress) -> set[Future[int]]:
    ended, left = wait(flying, return_when=FIRST_COMPLETED)
    for future in ended:
        progress.advance(future.result(), float(future.result()))
    return left


def padded_blocks(x: FloatArray) -> list[torch.Tensor]:
    """Return the samples (P, d) in blocks of ``TILE`` rows, the last one filled up with zeros.

    Blocks of one size go through the same instructions, so that an entry of the kernel does not
    depend on how many samples follow.
    """
    padded = np.pad(x, ((0, -len(x) % TILE), (0, 0)))
    return [torch.from_numpy(block) for block in padded.reshape(-1, TILE, x.shape[1])]
