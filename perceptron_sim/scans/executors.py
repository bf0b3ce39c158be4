"""Where runs are done: in threads of this process, or on the workers of a cluster."""

import contextlib
import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from perceptron_sim.cgroups import groups, number
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.interrupts import Interrupts, passed
from perceptron_sim.store.schema import Record

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)

# Threads of this process, None for one per core, or a cluster.
Workers = int | Cluster | None

# A task of a cluster costs some milliseconds, so it should last about a second. Many tasks should
# go to each worker, and none should return more than some megabytes.
TASKS_A_SLOT = 8
_BATCH_S, _LEAST_S = 1.0, 0.02
_MOST_RUNS = 1000


def default_workers(root: Path = Path("/")) -> int:
    """Return the number of cores this process may use.

    Args:
        root: of the file system, for tests.
    """
    try:
        # Absent on macOS.
        cores = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        cores = os.cpu_count() or 1
    # The fraction of time that a control group grants, version 2 and 1.
    for folder in groups("cpu", root):
        quota, period = number(folder / "cpu.cfs_quota_us"), number(folder / "cpu.cfs_period_us")
        with contextlib.suppress(OSError, ValueError):
            quota, period = map(int, (folder / "cpu.max").read_text().split())
        if quota is not None and period and quota > 0:
            cores = min(cores, math.ceil(quota / period))
    return max(1, cores)


def slots_of(workers: Workers) -> int:
    """Return the number of runs done at a time."""
    return workers.slots if isinstance(workers, Cluster) else workers or default_workers()


def in_threads(
    pending: Iterable[C],
    work: Callable[[C, StopFlag], Record],
    workers: int,
    interrupts: Interrupts,
    heartbeat: Callable[[], None],
    until: float | None = None,
) -> Iterator[tuple[C, Record]]:
    """Yield results as they end. Few runs are in progress, so that a signal drains quickly."""
    queue = iter(pending)
    flying: dict[Future[Record], C] = {}
    with ThreadPoolExecutor(workers) as pool:
        while True:
            late = passed(until)
            while len(flying) < workers + 1 and not (interrupts.draining or late):
                config = next(queue, None)
                if config is None:
                    break
                flying[pool.submit(work, config, interrupts.stop)] = config
            if interrupts.draining or late:
                for waiting in [future for future in flying if future.cancel()]:
                    del flying[waiting]
            if not flying:
                return
            ended, _ = wait(flying, timeout=0.25, return_when=FIRST_COMPLETED)
            for future in ended:
                yield flying.pop(future), future.result()
            heartbeat()


def batch_s(total: float, slots: int) -> float:
    """Return the cost of a task of a cluster that has ``slots``, for work that costs ``total``."""
    return max(_LEAST_S, min(_BATCH_S, total / (TASKS_A_SLOT * slots)))


def batches(
    pending: Iterable[C], cost: Callable[[C], float], target: float, most: int = _MOST_RUNS
) -> Iterator[list[C]]:
    """Yield consecutive runs in groups that cost about ``target``, of at most ``most`` runs."""
    group: list[C] = []
    spent = 0.0
    for run in pending:
        group.append(run)
        spent += cost(run)
        if spent >= target or len(group) >= most:
            yield group
            group, spent = [], 0.0
    if group:
        yield group
