"""Run a grid: skip what is stored, spread the rest over workers, store as runs end."""

import contextlib
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from perceptron_sim.kernels import status
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.runs.simulate import (
    StopFlag,
    load_kernel,
    resolve_kernel,
    run_bytes,
    simulate,
)
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.executors import Workers, default_workers, results
from perceptron_sim.scans.interrupts import Interrupts
from perceptron_sim.scans.run_time import seconds
from perceptron_sim.store.schema import (
    FAILED,
    Record,
    code_identity,
    failure_record,
    record_of,
)
from perceptron_sim.store.store import ParquetStore, Store
from perceptron_sim.store.upkeep import settle

# A finished run is on disk within 2 s: records wait at most this long for company.
_FLUSH_S = 1.0
_INTERRUPTED = status.NAMES[status.INTERRUPTED]


@dataclass(frozen=True)
class ScanReport:
    """What a scan did.

    Attributes:
        keys: keys of every run of the grid.
        found: runs that were stored already.
        done: runs done now.
        not_fitted: of those, how many did not end "fitted", by status.
        interrupted: whether it was ended before the grid was complete.
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
        """Runs done now that ended with an error; the same scan again tries them again."""
        return self.not_fitted.get(FAILED, 0)


def merged(reports: Sequence[ScanReport]) -> ScanReport:
    """Return one report of scans that followed each other."""
    ended: dict[str, int] = {}
    for report in reports:
        for how, count in report.not_fitted.items():
            ended[how] = ended.get(how, 0) + count
    return ScanReport(
        keys=frozenset().union(*(report.keys for report in reports)),
        found=sum(report.found for report in reports),
        done=sum(report.done for report in reports),
        not_fitted=ended,
        interrupted=any(report.interrupted for report in reports),
        wall_s=sum(report.wall_s for report in reports),
        out_of_time=any(report.out_of_time for report in reports),
    )


def scan(
    configs: Iterable[PerceptronConfig],
    store: Store,
    *,
    kernel: str = "auto",
    checkpoints: str | None = "log",
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Simulate every configuration that ``store`` does not hold yet.

    The first Ctrl-C finishes and stores what runs, the second drops it. A run that diverges,
    gives up or raises is stored with its reason, and the scan goes on.

    Args:
        configs: what to run.
        store: where results are looked up and put, and states of long runs, from which a killed
            scan goes on. Workers of a cluster keep none.
        kernel: as in ``simulate``.
        checkpoints: as in ``simulate``.
        workers: threads, by default one a core, or a cluster.
        progress: watcher.
        until: start no run after this time.monotonic(), finish those that run; None for no end.

    Returns:
        The report.

    Raises:
        InputError: before any run, if a configuration is out of range or the runs in flight
            would not fit into memory.
        ConnectionError: if the scheduler of the cluster is gone; what ended is stored.
    """
    watcher = progress or NoProgress()
    report = Tally(store, watcher)
    configs = list(configs)
    check_request(configs, kernel, workers)
    name = resolve_kernel(kernel)
    snapshots = None
    if store.unfinished is not None and not isinstance(workers, Cluster):
        identity = {**code_identity(), "checkpoints": checkpoints}
        snapshots = Snapshots(store.unfinished, identity, watcher.note)
    work = _Simulation(name, checkpoints, snapshots)
    stored = store.keys()
    keys: set[str] = set()
    pending: list[PerceptronConfig] = []
    for config in configs:
        key = config.key(name)
        if key not in keys:
            keys.add(key)
            if key not in stored:
                pending.append(config)
    # Longest first, so that the scan does not end on one long run.
    pending.sort(key=work.cost, reverse=True)
    with Interrupts(watcher) as interrupts:
        if pending and not isinstance(workers, Cluster):
            interrupts.prepare(lambda: load_kernel(name))
        watcher.start("scan", len(pending), sum(map(work.cost, pending)))
        try:
            for config, record in results(pending, work, workers, interrupts, report.flush, until):
                if record["status"] != _INTERRUPTED:
                    report.add(record, work.cost(config))
        except BaseException:
            # Nothing can be stored or shown any more: do not wait for runs of hours.
            interrupts.draining = True
            interrupts.stop.set()
            raise
        finally:
            watcher.finish()
            report.flush(force=True)
    if snapshots is not None:
        snapshots.sweep(store.keys())
    return report.close(keys, len(pending), interrupts)


@dataclass(frozen=True)
class _Simulation:
    """One run, here or on a worker."""

    kernel: str
    checkpoints: str | None
    snapshots: Snapshots | None

    def __call__(self, config: PerceptronConfig, stop: StopFlag) -> Record:
        try:
            return record_of(
                simulate(config, self.kernel, self.checkpoints, stop=stop, snapshots=self.snapshots)
            )
        except Exception as error:
            return self.failed(config, error)

    def cost(self, config: PerceptronConfig) -> float:
        return seconds(config, self.kernel)

    def failed(self, config: PerceptronConfig, reason: BaseException) -> Record:
        return failure_record(config, self.kernel, reason)


def check_request(
    configs: Sequence[PerceptronConfig], kernel: str, workers: Workers = None
) -> None:
    """Refuse what cannot run, before any work.

    Raises:
        InputError: on an unknown kernel, or if the runs in flight would not fit into memory.
    """
    name = resolve_kernel(kernel)
    if configs:
        largest = max(configs, key=lambda c: run_bytes(c, name))
        what = f"a run at P = {largest.P}, d = {largest.d}"
        if isinstance(workers, Cluster):
            check_memory(run_bytes(largest, name), f"{what} on a worker", 1, workers.bytes_a_run)
        else:
            at_once = min(workers or default_workers(), len(configs))
            check_memory(run_bytes(largest, name), what, at_once)


class Tally:
    """Counts results and passes them to the store, in groups but soon."""

    def __init__(self, store: Store, progress: Progress) -> None:
        """Begin at zero; the time of the scan runs from here."""
        self.done = 0
        self.not_fitted: dict[str, int] = {}
        self._started = time.monotonic()
        self._store = store
        self._progress = progress
        self._waiting: list[Record] = []
        self._since = 0.0

    def add(self, record: Record, cost: float) -> None:
        """Count a run that ended, and pass it on."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(record)
        self.done += 1
        if record["status"] != status.NAMES[status.FITTED]:
            self.not_fitted[record["status"]] = self.not_fitted.get(record["status"], 0) + 1
            if record["status"] == FAILED:
                self._progress.note(f"run {record['key']} failed: {record['message']}")
        self._progress.advance(1, cost)
        self.flush()

    def flush(self, force: bool = False) -> None:
        """Store what waits, if it has waited long enough or if forced to."""
        if self._waiting and (force or time.monotonic() - self._since >= _FLUSH_S):
            self._store.append(self._waiting)
            self._waiting = []

    def close(self, keys: Collection[str], pending: int, interrupts: Interrupts) -> ScanReport:
        """Return what became of a scan of the runs ``keys``, of which ``pending`` were to do."""
        if isinstance(self._store, ParquetStore):
            # Stored is stored: without room to tidy, a run that stands twice counts once.
            with contextlib.suppress(OSError):
                settle(self._store)
        missing = self.done < pending
        return ScanReport(
            keys=frozenset(keys),
            found=len(keys) - pending,
            done=self.done,
            not_fitted=self.not_fitted,
            interrupted=missing,
            wall_s=time.monotonic() - self._started,
            out_of_time=missing and not interrupts.draining,
        )
