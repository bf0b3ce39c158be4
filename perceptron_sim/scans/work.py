"""What a kind of run must offer to be driven: the place to add the next one.

A kind of run is a frozen dataclass derived from ``Work``, in a few dozen lines: how a run is known,
checked, estimated and done. All else, what is stored already, threads or a cluster, interrupts,
budgets, storing as runs end, is ``drive``. Perceptrons are in ``scans.scan``, nets in
``nets.scan``, linearised nets in ``nets.lazy.scan``.
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
    """What runs of one request are done with on this machine.

    Attributes:
        workers: threads; None for one per core.
        interrupts: no run starts once ``draining``; its flag ends those that run.
        heartbeat: to be called a few times a second.
        settle: to be called before an error that ends the scan: stores what ended.
        until: the same as draining after this time.monotonic(), or None.
        snapshots: where states of unfinished runs are saved and found, or None.
        watcher: told of what a person should know.
        stored: runs of the request that are done; a saved state may name them.
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
    """One kind of runs, with what all of a request have in common; on a cluster it is pickled.

    The ways of doing runs have defaults that do each by ``once``: a thread a run here, groups
    of about a second on a cluster.

    Attributes:
        name: what progress and messages call it.
    """

    name: ClassVar[str]

    def key(self, run: C) -> str:
        """Return the name of a run in the store; by default the run's own."""
        return str(run.key())  # type: ignore[attr-defined]

    @abstractmethod
    def check(self, runs: Sequence[C], workers: Workers) -> None:
        """Refuse, with InputError and before any work, what cannot run."""

    @abstractmethod
    def cost(self, run: C) -> float:
        """Return the seconds that a run is expected to take on one core."""

    @abstractmethod
    def estimate(self, runs: Sequence[C], stored: set[str]) -> Estimate:
        """Return what is left of ``runs`` beside the keys ``stored``."""

    @abstractmethod
    def failed(self, run: C, reason: BaseException) -> Record:
        """Return the record of a run that could not be done."""

    def once(self, run: C, stop: StopFlag, snapshots: Snapshots | None) -> Record:
        """Do one run; what it raises is stored as its failure."""
        raise NotImplementedError

    def placed(self, workers: Workers) -> "Work[C]":
        """Return how runs are done at a place where what the user left open is known."""
        return self

    def state_identity(self) -> dict[str, Any] | None:
        """Return what a saved state depends on beside its run; None if no states are saved."""
        return None

    def total_cost(self, pending: Sequence[C]) -> float:
        """Return the seconds that the runs are expected to take on one core."""
        return sum(map(self.cost, pending))

    def prepare(self) -> None:
        """Load what every run needs, so that it does not enter the estimate of time."""

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
        """Do the runs of a group in one thread of a worker; the answer is for ``records``."""
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
