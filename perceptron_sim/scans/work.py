"""What a kind of run must offer to the driver: start here to add another kind.

A kind of run is a frozen dataclass derived from ``Work``, in a few dozen lines. It says how a run
is identified, checked, estimated and done. ``drive`` does all else: stored runs, threads or a
cluster, interrupts, budgets, storing. Perceptrons are in ``scans.scan``, nets in ``nets.scan``,
linearised nets in ``nets.lazy.scan``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from perceptron_sim.progress import Progress
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.scans.executors import (
    Workers,
    batch_s,
    batches,
    default_workers,
    in_threads,
)
from perceptron_sim.scans.interrupts import Interrupts
from perceptron_sim.scans.run_time import Estimate
from perceptron_sim.store.schema import Record

C = TypeVar("C")


@dataclass(frozen=True)
class Session(Generic[C]):
    """The means by which the runs of one request are done on this machine.

    Attributes:
        workers: threads; None for one per core.
        interrupts: no run starts once ``draining``; its flag ends runs in progress.
        heartbeat: call it a few times per second.
        settle: call it before an error that ends the scan; it stores runs that ended.
        until: time.monotonic() after which draining begins, or None.
        snapshots: where states of unfinished runs are saved and found, or None.
        watcher: gets messages for people.
        stored: keys of done runs of the request; a saved state may name them.
    """

    workers: int | None
    interrupts: Interrupts
    heartbeat: Callable[[], None]
    settle: Callable[[], None]
    until: float | None
    snapshots: Snapshots | None
    watcher: Progress
    stored: Sequence[C]


class Work(ABC, Generic[C]):
    """One kind of runs, with the options that all runs of a request share; it must be picklable.

    By default each run is done by ``once``: one thread per run here, groups of about a second on a
    cluster.

    Attributes:
        name: its name in progress and messages.
    """

    name: ClassVar[str]

    def key(self, run: C) -> str:
        """Return the name of a run in the store; by default the run's own."""
        return str(run.key())  # type: ignore[attr-defined]

    @abstractmethod
    def check(self, runs: Sequence[C], workers: Workers) -> None:
        """Raise InputError, before any work, if a run cannot be done."""

    @abstractmethod
    def cost(self, run: C) -> float:
        """Return the seconds that a run is expected to take on one core."""

    @abstractmethod
    def estimate(self, runs: Sequence[C], stored: set[str]) -> Estimate:
        """Return the cost of ``runs`` that are not in ``stored``."""

    @abstractmethod
    def failed(self, run: C, reason: BaseException) -> Record:
        """Return the record of a run that could not be done."""

    def once(self, run: C, stop: StopFlag, snapshots: Snapshots | None) -> Record:
        """Do one run. An error that it raises is stored as its failure."""
        raise NotImplementedError

    def placed(self, workers: Workers) -> "Work[C]":
        """Return this work with the options that the user left open, as ``workers`` fix them."""
        return self

    def state_identity(self) -> dict[str, Any] | None:
        """Return values, other than its run, that a saved state depends on; None without states."""
        return None

    def total_cost(self, pending: Sequence[C]) -> float:
        """Return the seconds that the runs are expected to take on one core."""
        return sum(map(self.cost, pending))

    def prepare(self) -> None:
        """Load what every run needs, so that it does not count as time of runs."""

    def here(self, pending: Sequence[C], session: Session[C]) -> Iterator[tuple[C, Record]]:
        """Yield runs with their records as they end, done on this machine."""

        def work(run: C, stop: StopFlag) -> Record:
            return self._safely(run, stop, session.snapshots)

        threads = session.workers or default_workers()
        yield from in_threads(
            pending, work, threads, session.interrupts, session.heartbeat, session.until
        )

    def groups(self, pending: Sequence[C], cluster: Cluster) -> Iterator[list[C]]:
        """Yield the runs of each task of a cluster."""
        return batches(pending, self.cost, batch_s(self.total_cost(pending), cluster.slots))

    def __call__(self, group: list[C], steering: Steering) -> Any:
        """Do the runs of a group in one thread of a worker. ``records`` reads the answer."""
        return [
            None if steering.draining else self._safely(run, steering.stop, None) for run in group
        ]

    def records(self, group: list[C], answer: Any) -> Sequence[Record | None]:
        """Return the record of each run of a group, None for those not started."""
        found: Sequence[Record | None] = answer
        return found

    def _safely(self, run: C, stop: StopFlag, snapshots: Snapshots | None) -> Record:
        try:
            return self.once(run, stop, snapshots)
        except Exception as error:
            return self.failed(run, error)
