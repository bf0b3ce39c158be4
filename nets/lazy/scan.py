"""A grid of lazy runs: one kernel a seed, its runs side by side, results stored as they end."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nets.config import NetConfig
from nets.lazy import by_kernel, check_request
from nets.lazy.config import LazyConfig
from nets.lazy.density import DensityFit, DensityLog, early_margins, fit_density
from nets.lazy.kernel import build_kernel
from nets.lazy.records import lazy_failure, lazy_record
from nets.lazy.run import run_lazy
from nets.ntk import BuildStopped
from nets.run_time import PIXELS, kernel_seconds, lazy_seconds
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.scans.cluster import Cluster, WorkerLost
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.scans.executors import Workers, answered, default_workers, in_threads
from perceptron_sim.scans.interrupts import Interrupts, passed
from perceptron_sim.scans.scan import ScanReport, Tally
from perceptron_sim.store.schema import Record
from perceptron_sim.store.store import Store


def scan_lazy(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    paired: bool = False,
    data_dir: Path | None = None,
    folder: Path | None = None,
    checkpoints: bool = True,
    workers: Workers = None,
    progress: Progress | None = None,
    densities: DensityLog | None = None,
    until: float | None = None,
) -> ScanReport:
    """Simulate every lazy run that ``store`` does not hold yet.

    The first Ctrl-C starts no new run or kernel and stores what runs; the second drops it.

    Args:
        configs: what to run.
        store: where results are looked up and put.
        paired, data_dir, folder, checkpoints: as in ``simulate_lazy``.
        workers: threads, by default one a core, or a cluster: a kernel and its runs are a task.
        progress: watcher.
        densities: told of the margins of every kernel built.
        until: start no run or kernel after this time.monotonic(); None for no end.

    Returns:
        The report.

    Raises:
        InputError: before any run, as ``nets.lazy.check_request``.
        ConnectionError: if the scheduler of the cluster is gone; what ended is stored.
    """
    watcher = progress or NoProgress()
    tally = Tally(store, watcher)
    by_key = {run.key(): run for run in (LazyConfig(config, paired) for config in configs)}
    check_request(by_key.values(), data_dir, folder, workers)
    stored = store.keys()
    pending = [run for key, run in by_key.items() if key not in stored]
    # The largest P of each kernel.
    kernels = {run.kernel_key(): run for run in sorted(pending, key=lambda run: run.config.P)}
    cost = sum(map(lazy_seconds, pending)) + sum(map(_kernel_cost, kernels.values()))

    def serve(members: list[LazyConfig], n_workers: int, interrupts: Interrupts) -> None:
        # A function of its own, so that one kernel is gone before the next is built.
        kernel = build_kernel(
            members[0],
            data_dir,
            folder=folder,
            workers=n_workers,
            progress=_Part(watcher, _kernel_cost(members[0])),
            stop=lambda: interrupts.draining,
        )
        if densities is not None:
            densities.add(members[0], kernel)

        def work(run: LazyConfig, stop: StopFlag) -> Record:
            return lazy_record(run, run_lazy(kernel, run, checkpoints=checkpoints, stop=stop))

        for run, record in in_threads(members, work, n_workers, interrupts, tally.flush, until):
            if record["status"] != "interrupted":
                tally.add(record, lazy_seconds(run))

    watcher.start("nets lazy", len(pending), cost)
    with Interrupts(watcher) as interrupts:
        try:
            if isinstance(workers, Cluster):
                served = _Serve(data_dir, folder, checkpoints, densities is not None)
                _on_cluster(pending, served, workers, interrupts, tally, until, densities)
            else:
                for members in by_kernel(pending):
                    if not (interrupts.draining or passed(until)):
                        serve(members, workers or default_workers(), interrupts)
        except BuildStopped:
            pass
        finally:
            watcher.finish()
            tally.flush(force=True)
    return tally.close(by_key, len(pending), interrupts)


@dataclass(frozen=True)
class _Serve:
    """A kernel and its runs, in one thread of a worker; fields as in ``scan_lazy``."""

    data_dir: Path | None
    folder: Path | None
    checkpoints: bool
    density: bool

    def __call__(
        self, members: list[LazyConfig], steering: Steering
    ) -> tuple[list[Record | None], DensityFit | None]:
        """Return records, None for runs not started, and what the margins of the kernel say."""
        nothing: list[Record | None] = [None] * len(members)
        try:
            kernel = build_kernel(
                members[0],
                self.data_dir,
                folder=self.folder,
                workers=1,
                stop=lambda: steering.draining,
            )
        except BuildStopped:
            return nothing, None
        records = nothing
        for i, run in enumerate(members):
            if not steering.draining:
                end = run_lazy(kernel, run, checkpoints=self.checkpoints, stop=steering.stop)
                records[i] = lazy_record(run, end)
        return records, fit_density(early_margins(kernel)) if self.density else None

    def failed(self, run: LazyConfig, reason: BaseException) -> Record:
        return lazy_failure(run, reason)


def _on_cluster(
    pending: list[LazyConfig],
    serve: _Serve,
    cluster: Cluster,
    interrupts: Interrupts,
    tally: Tally,
    until: float | None,
    densities: DensityLog | None,
) -> None:
    answers = cluster.serve(by_kernel(pending), serve, interrupts, tally.flush, until)
    for members, answer in answers:
        records = answer if isinstance(answer, WorkerLost) else answer[0]
        for run, record in answered(members, records, serve.failed):
            tally.add(record, lazy_seconds(run))
        if densities is not None and not isinstance(answer, WorkerLost) and answer[1] is not None:
            densities.keep(members[0], answer[1])


def _kernel_cost(run: LazyConfig) -> float:
    return kernel_seconds(run, run.config.d or PIXELS)


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
