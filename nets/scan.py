"""Train a grid of nets: skip what is stored, train the rest side by side, store as runs end."""

from collections.abc import Iterable
from pathlib import Path

from nets.config import NetConfig
from nets.records import failure_record, record_of
from nets.training import Control, Failure, check_request, train_each
from nets.training.snapshots import Snapshots
from perceptron_sim.experiments.interrupts import Interrupts
from perceptron_sim.experiments.progress import NoProgress, Progress
from perceptron_sim.experiments.records import versions_text
from perceptron_sim.experiments.scan import ScanReport, Tally, passed
from perceptron_sim.experiments.store import Store


def scan(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    device: str = "auto",
    engine: str = "auto",
    data_dir: Path | None = None,
    checkpoints: bool = True,
    workers: int | None = None,
    unfinished: Path | None = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Train every configuration that ``store`` does not hold yet.

    The first Ctrl-C starts no new run, finishes and stores what runs; the second puts unfinished
    runs away. A run that diverges, gives up or raises is stored with its reason, and the scan
    goes on.

    Args:
        configs: what to run.
        store: where results are looked up and put.
        device, engine, data_dir, checkpoints, workers: as in ``nets.training.train``.
        unfinished: folder where states of unfinished runs are kept, from which a killed scan
            goes on; None keeps none.
        progress: watcher.
        until: start no run after this time.monotonic(), finish those that run; None for no end.

    Returns:
        The report.

    Raises:
        InputError: before any run, as ``nets.training.check_request``.
    """
    watcher = progress or NoProgress()
    tally = Tally(store, watcher)
    by_key = {config.key(): config for config in configs}
    check_request(by_key.values(), device, data_dir, engine=engine, workers=workers)
    stored = store.keys()
    pending = [config for key, config in by_key.items() if key not in stored]
    provenance = versions_text(("torch",))
    snapshots = None
    if unfinished is not None:
        identity = {"versions": provenance, "checkpoints": checkpoints}
        snapshots = Snapshots(unfinished, identity, watcher.note)
    watcher.start("nets scan", len(pending), sum(map(_cost, pending)))
    with Interrupts(watcher) as interrupts:
        control = Control(
            draining=lambda: interrupts.draining or passed(until),
            stop=interrupts.stop,
            heartbeat=tally.flush,
            snapshots=snapshots,
        )
        try:
            for run in train_each(
                pending,
                device,
                engine=engine,
                data_dir=data_dir,
                checkpoints=checkpoints,
                workers=workers,
                control=control,
                stored=[config for key, config in by_key.items() if key in stored],
            ):
                if run.config.key() in stored:
                    # Only kept company to runs that went on from a saved state.
                    continue
                if isinstance(run, Failure):
                    record = failure_record(run.config, provenance, run.error)
                else:
                    record = record_of(run, provenance)
                tally.add(record, _cost(run.config))
        finally:
            watcher.finish()
            tally.flush(force=True)
    if snapshots is not None:
        snapshots.sweep(store.keys())
    return tally.close(by_key, len(pending), interrupts)


def _cost(config: NetConfig) -> float:
    """Return the rough relative cost of a run: steps grow about as P^1.5 where measured."""
    size = config.width * (64 + config.width * max(0, config.depth - 1))
    return float(config.P**1.5 * size)
