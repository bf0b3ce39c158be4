"""Trained nets as a kind of run: what ``drive`` needs to know of them, and rows of the store."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import torch

from nets.architectures import DENSE
from nets.averages import packed
from nets.config import NetConfig
from nets.run_time import ENSEMBLE_ERROR, ERROR, PIXELS, net_seconds
from nets.training import Control, Failure, NetResult, check_request, device_on, train_each
from nets.training.compiled import run_bytes
from nets.training.device import DeviceLost, resolve_device
from nets.training.plan import inputs_of, is_compiled, shape_of
from perceptron_sim.errors import InputError
from perceptron_sim.progress import Progress
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.scans.drive import ScanReport, checked, drive
from perceptron_sim.scans.executors import TASKS_A_SLOT, Workers, batches
from perceptron_sim.scans.interrupts import passed
from perceptron_sim.scans.run_time import Estimate, total
from perceptron_sim.scans.work import Session, Work
from perceptron_sim.store.schema import (
    Record,
    code_identity,
    failure_fields,
    identity_fields,
    result_fields,
)
from perceptron_sim.store.store import Store

# Runs of a task of a cluster: what is lost with a worker, and what an ensemble on a GPU pays for.
_MOST_RUNS = 256
# What a row takes from a result and from its course.
_FIELDS = (
    *("d", "status", "message", "t_star", "steps", "updates", "hits", "unfitted", "dw", "w0_norm"),
    *("dw_rel", "dw_layers", "w0_layers", "train_loss", "test_error", "noise_trace", "ntk_change"),
    *("train_signal", "train_spread", "test_signal", "test_spread"),
    *("wall_s", "device"),
)
_COURSE = ("step", "t", "dw", "unfitted", "train_loss", "noise_trace", "ntk_change", "test_error")


def _identity(config: NetConfig) -> Record:
    identity = identity_fields(config, config.key(), ("torch",))
    return identity | {
        "model": "net",
        "dynamics": "sgd",
        "alpha": config.alpha,
    }


def failure_record(config: NetConfig, reason: BaseException) -> Record:
    """Return the row of a run that ended in an exception: no numbers, the reason as message."""
    return _identity(config) | failure_fields(reason)


def record_of(run: NetResult) -> Record:
    """Return the row of a finished run, as ``perceptron_sim.store.schema.SCHEMA`` says."""
    row = _identity(run.config) | {"kernel": run.engine}
    return row | result_fields(run, _FIELDS, _COURSE) | packed(run.test_outputs)


@dataclass(frozen=True)
class NetWork(Work[NetConfig]):
    """Nets to be trained; fields as in ``nets.training.train``, on a cluster of its workers."""

    device: str = "auto"
    engine: str = "auto"
    data_dir: Path | None = None
    checkpoints: bool = True
    keep_outputs: bool = False
    test_checkpoints: bool = False
    name: ClassVar[str] = "nets scan"

    def check(self, runs: Sequence[NetConfig], workers: Workers) -> None:
        """Refuse what cannot run, as ``nets.training.check_request``."""
        check_request(
            *(runs, self.device, self.data_dir),
            engine=self.engine,
            workers=workers,
            checkpoints=self.checkpoints,
            test_checkpoints=self.test_checkpoints,
        )

    def placed(self, workers: Workers) -> "NetWork":
        """Return this with the device that the workers of a cluster have."""
        if not isinstance(workers, Cluster):
            return self
        return replace(self, device=device_on(workers, self.device))

    def cost(self, run: NetConfig) -> float:
        """Return the seconds that a run is expected to take."""
        return net_seconds(run, run.d or PIXELS)

    def estimate(self, runs: Sequence[NetConfig], stored: set[str]) -> Estimate:
        """Return what is left of ``runs``; GPUs and dense ensembles have no law."""
        rest = {run.key(): run for run in runs}
        left = [run for key, run in rest.items() if key not in stored]
        # A driver of a cluster may have no GPU of its own.
        cuda = self.device == "cuda"
        where = torch.device("cuda") if cuda else resolve_device(self.device)
        compiled = [is_compiled(run, where, self.engine) for run in left]
        dense = [run.arch in DENSE for run in left]
        measured = where.type == "cpu" and compiled == dense
        sizes = [(run, *inputs_of(run, self.data_dir)) for run in left]
        costs = [(net_seconds(run, d, image), run_bytes(run, d)) for run, d, image in sizes]
        error = ERROR if all(dense) else ENSEMBLE_ERROR
        return total(len(rest), costs, error if measured else None)

    def failed(self, run: NetConfig, reason: BaseException) -> Record:
        """Return the record of a run that could not be trained."""
        return failure_record(run, reason)

    def state_identity(self) -> dict[str, Any]:
        """Return what a saved state depends on."""
        tested = {"test_checkpoints": True} if self.test_checkpoints else {}
        return {**code_identity(("torch",)), "checkpoints": self.checkpoints, **tested}

    def here(
        self, pending: Sequence[NetConfig], session: Session[NetConfig]
    ) -> Iterator[tuple[NetConfig, Record]]:
        """Train side by side; runs that are stored keep company to saved states."""
        control = Control(
            draining=lambda: session.interrupts.draining or passed(session.until),
            stop=session.interrupts.stop,
            heartbeat=session.heartbeat,
            settle=session.settle,
            snapshots=session.snapshots,
            note=session.watcher.note,
        )
        return self._train(pending, control, session.workers, session.stored)

    def groups(self, pending: Sequence[NetConfig], cluster: Cluster) -> Iterator[list[NetConfig]]:
        """Yield runs of one shape, an ensemble each, the longest runs of a shape first.

        A GPU gets few large ensembles, a core many small groups, so that all end about together.
        """
        tasks = cluster.slots * (1 if cluster.gpu else TASKS_A_SLOT)
        share = self.total_cost(pending) / tasks
        ordered = sorted(pending, key=lambda run: (shape_of(run), -self.cost(run)))
        for _, alike in groupby(ordered, key=shape_of):
            yield from batches(alike, self.cost, share, _MOST_RUNS)

    def __call__(self, group: list[NetConfig], steering: Steering) -> list[Record | None]:
        """Train a group in one thread of a worker; None for runs not started or dropped."""
        # Workers may differ from the one that was asked.
        self.check(group, 1)
        control = Control(draining=lambda: steering.draining, stop=steering.stop)
        try:
            found = {record["key"]: record for _, record in self._train(group, control, 1)}
        except DeviceLost as error:
            # As a refusal, which names the worker; the driver would take it for a lost scheduler.
            raise InputError(str(error)) from None
        return [found.get(run.key()) for run in group]

    def _train(
        self,
        runs: Sequence[NetConfig],
        control: Control,
        workers: int | None,
        stored: Sequence[NetConfig] = (),
    ) -> Iterator[tuple[NetConfig, Record]]:
        for end in train_each(
            runs,
            self.device,
            engine=self.engine,
            data_dir=self.data_dir,
            checkpoints=self.checkpoints,
            keep_outputs=self.keep_outputs,
            test_checkpoints=self.test_checkpoints,
            workers=workers,
            control=control,
            stored=stored,
        ):
            if isinstance(end, Failure):
                yield end.config, self.failed(end.config, end.error)
            else:
                yield end.config, record_of(end)


def scan(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
    **how: Any,
) -> ScanReport:
    """Train every configuration that ``store`` does not hold yet.

    Args:
        configs: what to run.
        store, workers, progress, until: as in ``drive``, which says the rest.
        how: fields of ``NetWork``.
    """
    request = checked(configs, NetWork(**how), workers)
    return drive(request, store, progress=progress, until=until)
