"""Train a grid of nets: skip what is stored, train the rest side by side, store as runs end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from nets.config import NetConfig
from nets.records import failure_record, record_of
from nets.run_time import PIXELS, net_seconds
from nets.training import Control, Failure, NetResult, check_request, device_on, train_each
from nets.training.device import DeviceLost
from nets.training.plan import shape_of
from perceptron_sim.errors import InputError
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.scans.executors import TASKS_A_SLOT, Workers, answered, batches
from perceptron_sim.scans.interrupts import Interrupts, passed
from perceptron_sim.scans.scan import ScanReport, Tally
from perceptron_sim.store.schema import Record, code_identity
from perceptron_sim.store.store import Store

# Runs of a task of a cluster: what is lost with a worker, and what an ensemble on a GPU pays for.
_MOST_RUNS = 256


def scan(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    device: str = "auto",
    engine: str = "auto",
    data_dir: Path | None = None,
    checkpoints: bool = True,
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Train every configuration that ``store`` does not hold yet.

    The first Ctrl-C starts no new run, finishes and stores what runs; the second puts unfinished
    runs away. A run that diverges, gives up or raises is stored with its reason, and the scan
    goes on.

    Args:
        configs: what to run.
        store: where results are looked up and put, and states of unfinished runs, from which a
            killed scan goes on. Workers of a cluster keep none.
        device, engine, data_dir, checkpoints: as in ``nets.training.train``; on a cluster, of its
            workers.
        workers: threads, by default one a core, or a cluster.
        progress: watcher.
        until: start no run after this time.monotonic(), finish those that run; None for no end.

    Returns:
        The report.

    Raises:
        InputError: before any run, as ``nets.training.check_request``.
        DeviceLost: if the GPU fails for good; what ended is stored.
        ConnectionError: if the scheduler of the cluster is gone; what ended is stored.
    """
    watcher = progress or NoProgress()
    tally = Tally(store, watcher)
    by_key = {config.key(): config for config in configs}
    check_request(
        *(by_key.values(), device, data_dir),
        engine=engine,
        workers=workers,
        checkpoints=checkpoints,
    )
    stored = store.keys()
    pending = [config for key, config in by_key.items() if key not in stored]
    if isinstance(workers, Cluster):
        device = device_on(workers, device)
    training = _Training(device, engine, data_dir, checkpoints)
    snapshots = None
    if store.unfinished is not None:
        identity = {**code_identity(("torch",)), "checkpoints": checkpoints}
        snapshots = Snapshots(store.unfinished, identity, watcher.note)
    watcher.start("nets scan", len(pending), sum(map(_cost, pending)))
    with Interrupts(watcher) as interrupts:
        if isinstance(workers, Cluster):
            ended = _on_cluster(pending, training, workers, interrupts, tally, until)
        else:
            control = Control(
                draining=lambda: interrupts.draining or passed(until),
                stop=interrupts.stop,
                heartbeat=tally.flush,
                settle=lambda: tally.flush(force=True),
                snapshots=snapshots,
                note=watcher.note,
            )
            company = [config for key, config in by_key.items() if key in stored]
            ended = training.each(pending, control, workers, company)
        try:
            for config, record in ended:
                tally.add(record, _cost(config))
        finally:
            watcher.finish()
            tally.flush(force=True)
    if snapshots is not None:
        snapshots.sweep(store.keys())
    return tally.close(by_key, len(pending), interrupts)


@dataclass(frozen=True)
class _Training:
    """How runs are trained, here or on a worker; fields as in ``nets.training.train``."""

    device: str
    engine: str
    data_dir: Path | None
    checkpoints: bool

    def each(
        self,
        configs: Sequence[NetConfig],
        control: Control,
        workers: int | None,
        stored: Sequence[NetConfig] = (),
    ) -> Iterator[tuple[NetConfig, Record]]:
        """Train and yield records as runs end."""
        for run in train_each(
            configs,
            self.device,
            engine=self.engine,
            data_dir=self.data_dir,
            checkpoints=self.checkpoints,
            workers=workers,
            control=control,
            stored=stored,
        ):
            yield run.config, self._record(run)

    def __call__(self, configs: list[NetConfig], steering: Steering) -> list[Record | None]:
        """Train a group in one thread of a worker; None for runs not started or dropped."""
        control = Control(draining=lambda: steering.draining, stop=steering.stop)
        try:
            found = {record["key"]: record for _, record in self.each(configs, control, 1)}
        except DeviceLost as error:
            # As a refusal, which names the worker; the driver would take it for a lost scheduler.
            raise InputError(str(error)) from None
        return [found.get(config.key()) for config in configs]

    def _record(self, run: NetResult | Failure) -> Record:
        if isinstance(run, Failure):
            return self.failed(run.config, run.error)
        return record_of(run)

    def failed(self, config: NetConfig, reason: BaseException) -> Record:
        """Return the record of a run that could not be trained."""
        return failure_record(config, reason)


def _groups(pending: Sequence[NetConfig], cluster: Cluster) -> Iterator[list[NetConfig]]:
    """Yield runs alike in shape, an ensemble each, the longest runs of a shape first.

    A GPU gets few large ensembles, a core many small groups, so that all end about together.
    """
    tasks = cluster.slots * (1 if cluster.gpu else TASKS_A_SLOT)
    share = sum(map(_cost, pending)) / tasks
    ordered = sorted(pending, key=lambda config: (shape_of(config), -_cost(config)))
    for _, alike in groupby(ordered, key=shape_of):
        yield from batches(alike, _cost, share, _MOST_RUNS)


def _on_cluster(
    pending: Sequence[NetConfig],
    training: _Training,
    cluster: Cluster,
    interrupts: Interrupts,
    tally: Tally,
    until: float | None,
) -> Iterator[tuple[NetConfig, Record]]:
    groups = _groups(pending, cluster)
    for group, answer in cluster.serve(groups, training, interrupts, tally.flush, until):
        yield from answered(group, answer, training.failed)


def _cost(config: NetConfig) -> float:
    return net_seconds(config, config.d or PIXELS)
