"""Scans of perceptrons: the ``Work`` that ``drive`` needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from perceptron_sim.kernels.dynamics import AUTO, SGD
from perceptron_sim.progress import Progress
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.runs.simulate import (
    StopFlag,
    choose,
    load_kernel,
    run_bytes,
    simulate,
)
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.drive import ScanReport, checked, drive
from perceptron_sim.scans.executors import Workers, default_workers
from perceptron_sim.scans.run_time import Estimate, estimate, seconds
from perceptron_sim.scans.work import Work
from perceptron_sim.store.schema import Record, code_identity, failure_record, record_of
from perceptron_sim.store.store import Store, open_store


@dataclass(frozen=True)
class PerceptronWork(Work[PerceptronConfig]):
    """Perceptrons of one dynamics and kernel.

    Attributes:
        kernel: as in ``simulate``; "auto" is chosen for each run.
        checkpoints, dynamics: as in ``simulate``.
    """

    kernel: str = AUTO
    checkpoints: str | None = "log"
    dynamics: str = SGD
    name: ClassVar[str] = "scan"

    def __post_init__(self) -> None:
        """Raise InputError for an unknown kernel or dynamics."""
        dynamics, kernel = choose(self.dynamics, self.kernel)
        object.__setattr__(self, "dynamics", dynamics)
        if dynamics != SGD or self.kernel != AUTO:
            object.__setattr__(self, "kernel", kernel)

    def kernel_of(self, run: PerceptronConfig) -> str:
        """Return the kernel that does a run."""
        return choose(self.dynamics, self.kernel, run)[1]

    def key(self, run: PerceptronConfig) -> str:
        """Return the name of a run in the store."""
        return run.key(self.kernel_of(run), self.dynamics)

    def check(self, runs: Sequence[PerceptronConfig], workers: Workers) -> None:
        """Raise InputError if the runs in progress together would not fit into memory."""
        if not runs:
            return
        needed, largest = max(
            ((run_bytes(run, self.kernel_of(run)), run) for run in runs), key=lambda pair: pair[0]
        )
        what = f"a run at P = {largest.P}, d = {largest.d}"
        if isinstance(workers, Cluster):
            check_memory(needed, f"{what} on a worker", 1, workers.bytes_a_run)
        else:
            check_memory(needed, what, min(workers or default_workers(), len(runs)))

    def cost(self, run: PerceptronConfig) -> float:
        """Return the seconds that a run is expected to take."""
        return seconds(run, self.kernel_of(run), self.dynamics)

    def estimate(self, runs: Sequence[PerceptronConfig], stored: set[str]) -> Estimate:
        """Return an estimate of ``runs`` without those in ``stored``."""
        return estimate(runs, self.kernel, stored, self.dynamics)

    def failed(self, run: PerceptronConfig, reason: BaseException) -> Record:
        """Return the record of a run that could not be done."""
        return failure_record(run, self.kernel_of(run), reason, self.dynamics)

    def once(self, run: PerceptronConfig, stop: StopFlag, snapshots: Snapshots | None) -> Record:
        """Simulate a run."""
        how: dict[str, Any] = {"dynamics": self.dynamics, "stop": stop, "snapshots": snapshots}
        return record_of(simulate(run, self.kernel, self.checkpoints, **how))

    def state_identity(self) -> dict[str, Any]:
        """Return the values on which a saved state depends."""
        return {**code_identity(), "checkpoints": self.checkpoints}

    def prepare(self) -> None:
        """Load or compile the kernel."""
        load_kernel(self.kernel, self.dynamics)


def scan(
    configs: Iterable[PerceptronConfig],
    store: Store | str | PathLike[str],
    *,
    dynamics: str = SGD,
    kernel: str = AUTO,
    checkpoints: str | None = "log",
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Simulate every configuration that ``store`` does not hold yet.

    Args:
        configs: what to run; a ``PerceptronGrid`` or any iterable.
        dynamics, kernel, checkpoints: as in ``simulate``.
        store: a store, or the folder of one. Results are added as runs end.
        workers: number of threads, None for one per core, or a cluster.
        progress: watcher.
        until: time.monotonic() after which no run starts and those in progress finish.

    Raises:
        InputError: if a run is out of range or too large for the memory.
        ConnectionError: if the scheduler of the cluster is gone. Runs that ended are stored.

    >>> from perceptron_sim import MemoryStore, PerceptronGrid, scan
    >>> grid, store = PerceptronGrid(chi=1, d=4, P=(16, 32), T=1, seeds=2), MemoryStore()
    >>> scan(grid, store).done, scan(grid, store).found
    (4, 4)
    """
    request = checked(configs, PerceptronWork(kernel, checkpoints, dynamics), workers)
    if isinstance(store, str | PathLike):
        store = open_store(store)
    return drive(request, store, progress=progress, until=until)
