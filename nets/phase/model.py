"""Nets as the model of a plane: a job is a net to be trained, or its linearisation."""

import functools
import itertools
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nets.config import NetConfig
from nets.lazy import LazyConfig
from nets.lazy import check_request as check_lazy
from nets.lazy.config import MAX_STEPS as LAZY_STEPS
from nets.lazy.scan import scan_lazy
from nets.run_time import estimate_lazy, estimate_nets
from nets.scan import scan
from nets.training import check_request
from perceptron_sim.errors import InputError
from perceptron_sim.progress import Progress
from perceptron_sim.scans.executors import Workers
from perceptron_sim.scans.run_time import Estimate
from perceptron_sim.scans.scan import ScanReport, merged
from perceptron_sim.store.store import Store

TRAINED = "net"
LAZY = "lazy"
# Parameters that cells of a map share, in the order of tables.
SHARED = ("depth", "width", "B")
_NET = ("data", "arch", "act", "P_test", "dtype")
DEFAULTS: dict[str, Any] = {
    "data": "digits",
    "arch": "mlp",
    "act": "relu",
    "P_test": 1024,
    "dtype": "float32",
    "device": "auto",
    "engine": "auto",
    "data_dir": None,
}


@dataclass(frozen=True)
class NetJob:
    """One run.

    Attributes:
        config: the net, data and noise.
        lazy: whether its linearisation is simulated instead of training it.
        device, engine, data_dir: as in ``nets.training.train``.
    """

    config: NetConfig
    lazy: bool
    device: str
    engine: str
    data_dir: Path | None


class NetModel:
    """Runs jobs by ``nets.scan.scan`` and ``nets.lazy.scan.scan_lazy``."""

    def key(self, job: NetJob) -> str:
        """Return the key of a run."""
        return LazyConfig(job.config).key() if job.lazy else job.config.key()

    def check(self, jobs: Sequence[NetJob], workers: Workers) -> None:
        """Refuse absent data, unknown devices and what would not fit into memory."""
        for first, configs in _alike(jobs):
            if first.lazy:
                check_lazy(map(LazyConfig, configs), first.data_dir, workers=workers)
            else:
                check_request(
                    *(configs, first.device, first.data_dir),
                    engine=first.engine,
                    workers=workers,
                    checkpoints=False,
                )

    def estimate(self, jobs: Sequence[NetJob], stored: set[str]) -> Estimate:
        """Return what is left of the jobs beside the keys ``stored``."""
        parts = [
            estimate_lazy(map(LazyConfig, configs), stored, first.data_dir)
            if first.lazy
            else estimate_nets(configs, stored, first.device, first.engine, first.data_dir)
            for first, configs in _alike(jobs)
        ]
        return functools.reduce(operator.add, parts)

    def run(
        self,
        jobs: Sequence[NetJob],
        store: Store,
        *,
        until: float | None,
        workers: Workers,
        progress: Progress,
    ) -> ScanReport:
        """Do the jobs that ``store`` lacks."""
        reports: list[ScanReport] = []
        for first, configs in _alike(jobs):
            if first.lazy:
                report = scan_lazy(
                    configs,
                    store,
                    data_dir=first.data_dir,
                    checkpoints=False,
                    workers=workers,
                    progress=progress,
                    until=until,
                )
            else:
                # With the course, because the change of the kernel is a part of it.
                report = scan(
                    configs,
                    store,
                    device=first.device,
                    engine=first.engine,
                    data_dir=first.data_dir,
                    workers=workers,
                    progress=progress,
                    until=until,
                )
            reports.append(report)
            if report.interrupted:
                break
        return merged(reports)


def _alike(jobs: Sequence[NetJob]) -> Iterator[tuple[NetJob, list[NetConfig]]]:
    """Yield the configurations of jobs that run alike, with one of these jobs."""

    def how(job: NetJob) -> tuple[bool, str, str, str]:
        return job.lazy, job.device, job.engine, str(job.data_dir)

    for _, members in itertools.groupby(sorted(jobs, key=how), key=how):
        alike = list(members)
        yield alike[0], [job.config for job in alike]


def job_of(options: dict[str, Any], lazy: bool, **values: Any) -> NetJob:
    """Return the job with ``values`` of its configuration and the rest from ``options``.

    Raises:
        InputError: on a value that is out of range.
    """
    if "max_updates" in options:
        raise InputError("max_updates means nothing to nets: give --max-steps")
    steps = LAZY_STEPS if lazy else options["max_steps"]
    return NetJob(
        config=NetConfig(**{name: options[name] for name in _NET}, **values, max_steps=steps),
        lazy=lazy,
        device=options["device"],
        engine=options["engine"],
        data_dir=options["data_dir"],
    )
