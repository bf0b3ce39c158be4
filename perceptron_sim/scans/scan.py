"""Scans of perceptrons: what ``drive`` needs to know of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any, ClassVar

from perceptron_sim.progress import Progress
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
from perceptron_sim.scans.drive import ScanReport, checked, drive
from perceptron_sim.scans.executors import Workers, default_workers
from perceptron_sim.scans.run_time import Estimate, estimate, seconds
from perceptron_sim.scans.work import Work
from perceptron_sim.store.schema import Record, code_identity, failure_record, record_of
from perceptron_sim.store.store import Store, open_store


@dataclass(frozen=True)
class PerceptronWork(Work[PerceptronConfig]):
    """Perceptrons of one kernel.

    Attributes:
        kernel: as resolved.
        checkpoints: as in ``simulate``.
    """

    kernel: str = "event"
    checkpoints: str | None = "log"
    name: ClassVar[str] = "scan"

    def __post_init__(self) -> None:
        """Resolve the kernel; InputError if there is none of that name."""
        object.__setattr__(self, "kernel", resolve_kernel(self.kernel))

    def key(self, run: PerceptronConfig) -> str:
        """Return the name of a run in the store."""
        return run.key(self.kernel)

    def check(self, runs: Sequence[PerceptronConfig], workers: Workers) -> None:
        """Refuse runs of which those in flight would not fit into memory."""
        if not runs:
            return
        largest = max(runs, key=lambda run: run_bytes(run, self.kernel))
        what, needed = f"a run at P = {largest.P}, d = {largest.d}", run_bytes(largest, self.kernel)
        if isinstance(workers, Cluster):
            check_memory(needed, f"{what} on a worker", 1, workers.bytes_a_run)
        else:
            check_memory(needed, what, min(workers or default_workers(), len(runs)))

    def cost(self, run: PerceptronConfig) -> float:
        """Return the seconds that a run is expected to take."""
        return seconds(run, self.kernel)

    def estimate(self, runs: Sequence[PerceptronConfig], stored: set[str]) -> Estimate:
        """Return what is left of ``runs``."""
        return estimate(runs, self.kernel, stored)

    def failed(self, run: PerceptronConfig, reason: BaseException) -> Record:
        """Return the record of a run that could not be done."""
        return failure_record(run, self.kernel, reason)

    def once(self, run: PerceptronConfig, stop: StopFlag, snapshots: Snapshots | None) -> Record:
        """Simulate a run."""
        return record_of(
            simulate(run, self.kernel, self.checkpoints, stop=stop, snapshots=snapshots)
        )

    def state_identity(self) -> dict[str, Any]:
        """Return what a saved state depends on."""
        return {**code_identity(), "checkpoints": self.checkpoints}

    def prepare(self) -> None:
        """Load or compile the kernel."""
        load_kernel(self.kernel)


def scan(
    configs: Iterable[PerceptronConfig],
    store: Store | str | PathLike[str],
    *,
    kernel: str = "auto",
    checkpoints: str | None = "log",
    workers: Workers = None,
    progress: Progress | None = None,
    until: float | None = None,
) -> ScanReport:
    """Simulate every configuration that ``store`` does not hold yet.

    Args:
        configs: what to run.
        kernel, checkpoints: as in ``simulate``.
        store: as in ``drive``, or the folder of one.
        workers, progress, until: as in ``drive``, which says the rest.

    >>> from perceptron_sim import MemoryStore, PerceptronGrid, scan
    >>> grid, store = PerceptronGrid(chi=1, d=4, P=(16, 32), T=1, seeds=2), MemoryStore()
    >>> scan(grid, store).done, scan(grid, store).found
    (4, 4)
    """
    request = checked(configs, PerceptronWork(kernel, checkpoints), workers)
    if isinstance(store, str | PathLike):
        store = open_store(store)
    return drive(request, store, progress=progress, until=until)
