"""A matrix computed tile by tile, in threads, the lower half of a symmetric one by mirroring."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

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


class Products(Protocol):
    """Inner products of gradients, tile by tile.

    Attributes:
        symmetric: whether rows and columns are the same samples.
        in_flight: tiles that may be waiting or being computed.
    """

    symmetric: bool
    in_flight: int

    def jobs(self, map_: Callable[..., Iterator[Any]]) -> Iterator[Job]:
        """Yield the tiles (those with columns >= rows if symmetric), in an order kind to disks.

        Args:
            map_: runs a function over arguments in threads, for what tiles share.
        """


def starts(count: int) -> range:
    """Return where tiles begin among ``count`` samples."""
    return range(0, count, TILE)


def fill(
    out: NDArray[np.float32],
    products: Products,
    workers: int | None,
    progress: Progress,
    stop: Callable[[], bool],
) -> None:
    """Compute every tile and write it into ``out``, shape (P, Q).

    One thread a core, each computing on its own: several threads on one product wait for the
    slowest, which on a machine that others use as well was measured to cost a factor of 30.

    Raises:
        BuildStopped: once ``stop()`` is true.
    """
    P, Q = out.shape
    n_workers = workers or default_workers()
    before = torch.get_num_threads()
    total = len(starts(P)) * len(starts(Q))
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


def _landed(flying: set[Future[int]], progress: Progress) -> set[Future[int]]:
    ended, left = wait(flying, return_when=FIRST_COMPLETED)
    for future in ended:
        progress.advance(future.result(), float(future.result()))
    return left


def padded_blocks(x: NDArray[np.float64]) -> list[torch.Tensor]:
    """Return the samples (P, d) in blocks of ``TILE`` rows, the last one filled up with zeros.

    Blocks of one size go through the same instructions, so that an entry of the kernel does not
    depend on how many samples follow.
    """
    blocks = []
    for first in starts(len(x)):
        block = np.zeros((TILE, x.shape[1]))
        part = x[first : first + TILE]
        block[: len(part)] = part
        blocks.append(torch.from_numpy(block))
    return blocks
