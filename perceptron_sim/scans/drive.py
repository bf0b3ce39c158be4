"""The driver: skips stored runs, does the others here or on a cluster, stores them as they end."""

import contextlib
import functools
import operator
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.cluster import Cluster, WorkerLost
from perceptron_sim.scans.executors import Workers
from perceptron_sim.scans.interrupts import Interrupts
from perceptron_sim.scans.run_time import Estimate
from perceptron_sim.scans.work import Session, Work
from perceptron_sim.status import Status
from perceptron_sim.store.schema import Record
from perceptron_sim.store.store import ParquetStore, Store
from perceptron_sim.store.upkeep import settle

C = TypeVar("C")

# A finished run is on disk within 2 s, since records wait at most this long for others.
FLUSH_S = 1.0


@dataclass(frozen=True)
class ScanReport:
    """Counts of a scan.

    Attributes:
        keys: keys of every run of the grid.
        found: number of runs that were stored already.
        done: number of runs done now.
        not_fitted: number of runs done now that did not end "fitted", by status.
        interrupted: whether the scan ended before the grid was complete.
        wall_s: seconds from start to end.
        out_of_time: whether a deadline ended it.
    """

    keys: frozenset[str]
    found: int
    done: int
    not_fitted: dict[str, int]
    interrupted: bool
    wall_s: float
    out_of_time: bool = False

    @property
    def failed(self) -> int:
        """Number of runs done now that ended with an error. The same scan tries them again."""
        return self.not_fitted.get(Status.FAILED, 0)

    def __add__(self, other: "ScanReport") -> "ScanReport":
        """Return one report of two scans that followed each other."""
        names = {*self.not_fitted, *other.not_fitted}
        return ScanReport(
            keys=self.keys | other.keys,
            found=self.found + other.found,
            done=self.done + other.done,
            not_fitted={n: self.not_fitted.get(n, 0) + other.not_fitted.get(n, 0) for n in names},
            interrupted=self.interrupted or other.interrupted,
            wall_s=self.wall_s + other.wall_s,
            out_of_time=self.out_of_time or other.out_of_time,
        )


@dataclass(frozen=True)
class Request(Generic[C]):
    """Checked runs, with how and where they are done. ``checked`` makes it.

    Attributes:
        work: how they are done.
        runs: their configurations, by key.
        workers: threads, None for one per core, or a cluster.
    """

    work: Work[C]
    runs: dict[str, C]
    workers: Workers = None

    def left(self, stored: set[str]) -> Estimate:
        """Return what the runs cost that are not ``stored``."""
        return self.work.estimate(list(self.runs.values()), stored)


def checked(runs: Iterable[C], work: Work[C], workers: Workers = None) -> Request[C]:
    """Return a request of ``runs``, each taken once.

    Raises:
        InputError: if a run cannot be done, as ``work.check``.
    """
    by_key = {work.key(run): run for run in runs}
    work.check(list(by_key.values()), workers)
    return Request(work, by_key, workers)


def drive(
    request: Request[Any],
    store: Store,
    *,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Do every run of a request that ``store`` does not hold yet.

    After the first Ctrl-C no run starts, and those in progress finish and are stored. The second
    drops them, or saves their states where that is possible. A run that diverges, reaches a limit
    or raises an error is stored with its reason, and the scan goes on.

    Args:
        request: what to do, how and where.
        store: holds results, and states of unfinished runs from which a killed scan goes on.
            Workers of a cluster save no states.
        progress: watcher.
        until: time.monotonic() after which no run starts and those in progress finish; None: none.

    Returns:
        The report.

    Raises:
        ConnectionError: if the scheduler of the cluster is gone. Runs that ended are stored.
    """
    watcher = progress or NoProgress()
    tally = _Tally(store, watcher)
    workers = request.workers
    work = request.work.placed(workers)
    stored = store.keys()
    pending = [run for key, run in request.runs.items() if key not in stored]
    # Longest first, so that the scan does not end on one long run.
    pending.sort(key=work.cost, reverse=True)
    identity = None if isinstance(workers, Cluster) else work.state_identity()
    snapshots = None
    if store.unfinished is not None and identity is not None:
        snapshots = Snapshots(store.unfinished, identity, watcher.note)
    with Interrupts(watcher) as interrupts:
        if pending and not isinstance(workers, Cluster):
            interrupts.prepare(work.prepare)
        watcher.start(work.name, len(pending), work.total_cost(pending))
        try:
            if isinstance(workers, Cluster):
                ended = _on_cluster(pending, work, workers, interrupts, tally, until)
            else:
                session = Session(
                    workers=workers,
                    interrupts=interrupts,
                    heartbeat=tally.flush,
                    settle=lambda: tally.flush(force=True),
                    until=until,
                    snapshots=snapshots,
                    watcher=watcher,
                    stored=[run for key, run in request.runs.items() if key in stored],
                )
                ended = work.here(pending, session)
            for run, record in ended:
                # Stored runs were only done again together with runs from a saved state.
                if record["status"] != Status.INTERRUPTED and record["key"] not in stored:
                    tally.add(record, work.cost(run))
        except BaseException:
            # Nothing can be stored or shown any more, so do not wait for runs of hours.
            interrupts.draining = True
            interrupts.stop.set()
            raise
        finally:
            watcher.finish()
            tally.flush(force=True)
    if snapshots is not None:
        snapshots.sweep(store.keys())
    return tally.close(request.runs, len(pending), interrupts)


def _on_cluster(
    pending: Sequence[C],
    work: Work[C],
    cluster: Cluster,
    interrupts: Interrupts,
    tally: "_Tally",
    until: float | None,
) -> Iterator[tuple[C, Record]]:
    groups = work.groups(pending, cluster)
    for group, answer in cluster.serve(groups, work, interrupts, tally.flush, until):
        if isinstance(answer, WorkerLost):
            yield group[0], work.failed(group[0], answer)
            continue
        for run, record in zip(group, work.records(group, answer), strict=True):
            if record is not None:
                yield run, record


class _Tally:
    """Counts results and passes them to the store, in groups but soon."""

    def __init__(self, store: Store, progress: Progress) -> None:
        """Begin at zero, and start the clock of the scan."""
        self._done = 0
        self._not_fitted: dict[str, int] = {}
        self._started = time.monotonic()
        self._store = store
        self._progress = progress
        self._waiting: list[Record] = []
        self._since = 0.0

    def add(self, record: Record, cost: float) -> None:
        """Count a run that ended, and pass it on to the store."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(record)
        self._done += 1
        if record["status"] != Status.FITTED:
            self._not_fitted[record["status"]] = self._not_fitted.get(record["status"], 0) + 1
            if record["status"] == Status.FAILED:
                self._progress.note(f"run {record['key']} failed: {record['message']}")
        self._progress.advance(1, cost)
        self.flush()

    def flush(self, force: bool = False) -> None:
        """Store waiting records if they have waited long enough, or if ``force``."""
        if self._waiting and (force or time.monotonic() - self._since >= FLUSH_S):
            self._store.append(self._waiting)
            self._waiting = []

    def close(self, keys: Collection[str], pending: int, interrupts: Interrupts) -> ScanReport:
        """Return the report on a scan of the runs ``keys``, of which ``pending`` had to be done."""
        if isinstance(self._store, ParquetStore):
            # If there is no space to tidy, a run that is stored twice still counts once.
            with contextlib.suppress(OSError):
                settle(self._store)
        missing = self._done < pending
        return ScanReport(
            keys=frozenset(keys),
            found=len(keys) - pending,
            done=self._done,
            not_fitted=self._not_fitted,
            interrupted=missing,
            wall_s=time.monotonic() - self._started,
            out_of_time=missing and not interrupts.draining,
        )


@dataclass(frozen=True)
class Job(Generic[C]):
    """One run of a request that mixes kinds of runs, such as the cells of a plane.

    Attributes:
        work: how it is done.
        run: its configuration.
    """

    work: Work[C]
    run: C

    @property
    def key(self) -> str:
        """Name of the run in the store."""
        return self.work.key(self.run)


def check_jobs(jobs: Iterable[Job[Any]], workers: Workers) -> None:
    """Raise InputError, before any work, if a job cannot be done."""
    for work, runs in _by_work(jobs):
        work.check(runs, workers)


def estimate_jobs(jobs: Iterable[Job[Any]], stored: set[str]) -> Estimate:
    """Return an estimate of ``jobs``, at least one, without those in ``stored``."""
    return functools.reduce(
        operator.add, (work.estimate(runs, stored) for work, runs in _by_work(jobs))
    )


def drive_jobs(
    jobs: Iterable[Job[Any]],
    store: Store,
    *,
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Do checked jobs, kind by kind; all else is as in ``drive``."""
    report: ScanReport | None = None
    for work, runs in _by_work(jobs):
        request = Request(work, {work.key(run): run for run in runs}, workers)
        done = drive(request, store, progress=progress, until=until)
        report = done if report is None else report + done
        if report.interrupted:
            break
    return report or ScanReport(frozenset(), 0, 0, {}, False, 0.0)


def _by_work(jobs: Iterable[Job[Any]]) -> Iterator[tuple[Work[Any], list[Any]]]:
    order: dict[Work[Any], int] = {}
    listed = list(jobs)
    for job in listed:
        order.setdefault(job.work, len(order))
    listed.sort(key=lambda job: order[job.work])
    for work, alike in groupby(listed, key=lambda job: job.work):
        yield work, [job.run for job in alike]
