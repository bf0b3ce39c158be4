"""Train a grid of nets: skip what is stored, train the rest together, store as runs end."""

import time
from collections.abc import Iterable
from pathlib import Path

from nets.config import NetConfig
from nets.records import record_of
from nets.training import check_request, train_each
from perceptron_sim.experiments.interrupts import Interrupts
from perceptron_sim.experiments.progress import NoProgress, Progress
from perceptron_sim.experiments.records import versions_text
from perceptron_sim.experiments.scan import ScanReport, Tally
from perceptron_sim.experiments.store import Store


def scan(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    device: str = "auto",
    data_dir: Path | None = None,
    checkpoints: bool = True,
    progress: Progress | None = None,
) -> ScanReport:
    """Train every configuration that ``store`` does not hold yet.

    The first Ctrl-C starts no new run, finishes and stores what runs; the second drops it. A run
    that diverges or gives up is stored with its reason, and the scan goes on.

    Args:
        configs: what to run.
        store: where results are looked up and put.
        device, data_dir, checkpoints: as in ``nets.training.train``.
        progress: watcher.

    Returns:
        The report.

    Raises:
        InputError: before any run, as ``nets.training.check_request``.
    """
    started = time.monotonic()
    watcher = progress or NoProgress()
    by_key = {config.key(): config for config in configs}
    check_request(by_key.values(), device, data_dir)
    stored = store.keys()
    pending = [config for key, config in by_key.items() if key not in stored]
    tally = Tally(store, watcher)
    provenance = versions_text(("torch",))
    watcher.start("nets scan", len(pending), sum(map(_cost, pending)))
    with Interrupts(watcher) as interrupts:
        try:
            for run in train_each(
                pending,
                device,
                data_dir=data_dir,
                checkpoints=checkpoints,
                draining=lambda: interrupts.draining,
                aborted=lambda: bool(interrupts.stop.array[0]),
                heartbeat=tally.flush,
            ):
                tally.add(record_of(run, provenance), _cost(run.config))
        finally:
            watcher.finish()
            tally.flush(force=True)
    return ScanReport(
        keys=frozenset(by_key),
        found=len(by_key) - len(pending),
        done=tally.done,
        not_fitted=tally.not_fitted,
        interrupted=tally.done < len(pending),
        wall_s=time.monotonic() - started,
    )


def _cost(config: NetConfig) -> float:
    """Return the rough relative cost of a run: steps grow about as P^1.5 where measured."""
    size = config.width * (64 + config.width * max(0, config.depth - 1))
    return float(config.P**1.5 * size)
