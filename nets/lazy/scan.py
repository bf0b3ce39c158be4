"""Scans of linearised nets: what ``drive`` needs to know of them; kernels one after another."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from nets.config import NetConfig
from nets.lazy import LazyConfig, LazyKernel, build_kernel, by_kernel, check_request, run_lazy
from nets.lazy.kernel_log import KernelLog
from nets.ntk import BuildStopped
from nets.run_time import ERROR, PIXELS, kernel_seconds, lazy_seconds
from nets.scan import failure_record, record_of
from nets.training.plan import inputs_of
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.scans.drive import ScanReport, checked, drive
from perceptron_sim.scans.executors import Workers, default_workers, in_threads
from perceptron_sim.scans.interrupts import passed
from perceptron_sim.scans.run_time import Estimate, total
from perceptron_sim.scans.work import Session, Work
from perceptron_sim.store.schema import Record
from perceptron_sim.store.store import Store


@dataclass(frozen=True)
class LazyWork(Work[LazyConfig]):
    """Linearised nets; on a cluster a kernel and its runs are a task.

    Attributes:
        data_dir, folder, checkpoints: as in ``nets.lazy.simulate_lazy``.
        keep_outputs: whether outputs on the test set are stored.
        logs: told of every kernel built, before its first run.
    """

    data_dir: Path | None = None
    folder: Path | None = None
    checkpoints: bool = True
    keep_outputs: bool = False
    logs: tuple[KernelLog[Any], ...] = field(default=(), compare=False)
    name: ClassVar[str] = "nets lazy"

    def check(self, runs: Sequence[LazyConfig], workers: Workers) -> None:
        """Refuse what cannot run, as ``nets.lazy.check_request``."""
        check_request(runs, self.data_dir, self.folder, workers)

    def cost(self, run: LazyConfig) -> float:
        """Return the seconds that a run is expected to take on a kernel that is there."""
        return lazy_seconds(run.config)

    def total_cost(self, pending: Sequence[LazyConfig]) -> float:
        """Return the seconds of runs and kernels together."""
        return sum(map(self.cost, pending)) + sum(map(_kernel_cost, _largest(pending)))

    def estimate(self, runs: Sequence[LazyConfig], stored: set[str]) -> Estimate:
        """Return what is left of ``runs``; a kernel is counted to its largest run."""
        rest = {run.key(): run for run in runs}
        left = {key: run for key, run in rest.items() if key not in stored}
        costs = {key: (self.cost(run), 0) for key, run in left.items()}
        for run in _largest(left.values()):
            seconds = kernel_seconds(run.config, *inputs_of(run.config, self.data_dir))
            costs[run.key()] = (self.cost(run) + seconds, 4 * run.config.P**2)
        return total(len(rest), list(costs.values()), ERROR)

    def failed(self, run: LazyConfig, reason: BaseException) -> Record:
        """Return the record of a run that could not be done."""
        return failure_record(run.config, reason) | _names(run)

    def here(
        self, pending: Sequence[LazyConfig], session: Session[LazyConfig]
    ) -> Iterator[tuple[LazyConfig, Record]]:
        """Simulate, kernel by kernel; no kernel is begun once told to stop."""
        for members in by_kernel(pending):
            if session.interrupts.draining or passed(session.until):
                return
            try:
                yield from self._serve(members, session)
            except BuildStopped:
                return

    def _serve(
        self, members: list[LazyConfig], session: Session[LazyConfig]
    ) -> Iterator[tuple[LazyConfig, Record]]:
        # A function of its own, so that one kernel is gone before the next is built.
        interrupts, threads = session.interrupts, session.workers or default_workers()
        kernel = build_kernel(
            members[0],
            self.data_dir,
            folder=self.folder,
            workers=threads,
            progress=_Part(session.watcher, _kernel_cost(members[0])),
            stop=lambda: interrupts.draining,
        )
        for log in self.logs:
            log.add(members, kernel)

        def work(run: LazyConfig, stop: StopFlag) -> Record:
            return self._record(kernel, run, stop)

        yield from in_threads(members, work, threads, interrupts, session.heartbeat, session.until)

    def _record(self, kernel: LazyKernel, run: LazyConfig, stop: StopFlag) -> Record:
        end = run_lazy(kernel, run, checkpoints=self.checkpoints, stop=stop)
        kept = end if self.keep_outputs else replace(end, test_outputs=None)
        return record_of(kept) | _names(run)

    def groups(self, pending: Sequence[LazyConfig], cluster: Cluster) -> Iterator[list[LazyConfig]]:
        """Yield the runs of each kernel."""
        return by_kernel(pending)

    def __call__(
        self, group: list[LazyConfig], steering: Steering
    ) -> tuple[list[Record | None], list[list[Any]]]:
        """Do the runs of a kernel in one thread of a worker; None for runs not started."""
        records: list[Record | None] = [None] * len(group)
        try:
            kernel = build_kernel(
                *(group[0], self.data_dir),
                folder=self.folder,
                workers=1,
                stop=lambda: steering.draining,
            )
        except BuildStopped:
            return records, []
        found = [log.measure(kernel, log.sizes(group)) for log in self.logs]
        for i, run in enumerate(group):
            if not steering.draining:
                records[i] = self._record(kernel, run, steering.stop)
        return records, found

    def records(self, group: list[LazyConfig], answer: Any) -> Sequence[Record | None]:
        """Return the records of a group, and keep what its kernel says."""
        records: list[Record | None]
        records, found = answer
        for log, entries in zip(self.logs, found, strict=False):
            log.keep(group[0], entries)
        return records


def scan_lazy(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    paired: bool = False,
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
    **how: Any,
) -> ScanReport:
    """Simulate every lazy run that ``store`` does not hold yet.

    Args:
        configs: what to run.
        paired: as in ``nets.lazy.simulate_lazy``.
        store, workers, progress, until: as in ``drive``, which says the rest.
        how: fields of ``LazyWork``.
    """
    runs = (LazyConfig(config, paired) for config in configs)
    return drive(checked(runs, LazyWork(**how), workers), store, progress=progress, until=until)


def _names(run: LazyConfig) -> Record:
    """Return what the row of a lazy run has in place of that of the net."""
    # Without pairing runs of one seed share data and initial weights in any case.
    shared = run.config.shared_seeds or not run.paired
    names = {"key": run.key(), "model": "lazy", "dynamics": run.dynamics}
    return names | {"shared_seeds": shared}


def _largest(runs: Iterable[LazyConfig]) -> Iterable[LazyConfig]:
    """Return of the runs of each kernel the one with the largest P."""
    return {run.kernel_key(): run for run in sorted(runs, key=lambda r: r.config.P)}.values()


def _kernel_cost(run: LazyConfig) -> float:
    return kernel_seconds(run.config, run.config.d or PIXELS)


class _Part(NoProgress):
    """A watcher of one kernel, which is a part of the whole job."""

    def __init__(self, whole: Progress, cost: float) -> None:
        self._whole, self._cost, self._total = whole, cost, 0.0

    def start(self, what: str, runs: int, cost: float) -> None:
        # The kernel between training and test samples, which comes next, costs little.
        first = self._total == 0.0
        self._total = cost if first else float("inf")

    def advance(self, runs: int, cost: float) -> None:
        self._whole.advance(0, self._cost * cost / self._total)

    def note(self, text: str) -> None:
        self._whole.note(text)
