"""Memory of a long scan: 100,000 runs in the driver's own threads, or by two workers of a cluster.

Run ``python tests/benchmarks/steady_memory.py FOLDER [RUNS [cluster]]``. The resident memory of the
driver is sampled as runs end. Exit code 0 if from the first tenth of the runs on it stays within
5 % of its mean.

It needs ``PYTHONPATH=tests/helpers``.
"""

import sys
import time
from pathlib import Path

import numpy as np
from dask_processes import DaskProcesses

from perceptron_sim.progress import NoProgress
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import ParquetStore

PAGE_MIB = 4096 / 2**20
TOLERANCE = 0.05


class Memory(NoProgress):
    """Samples the resident memory of this process, in MiB, every hundredth part of the runs."""

    def __init__(self) -> None:
        """Begin without a sample."""
        self.samples: list[float] = []
        self._runs = self._every = self._done = 0

    def start(self, what: str, runs: int, cost: float) -> None:
        """Note how many runs there are."""
        self._runs, self._every = runs, max(1, runs // 100)

    def advance(self, runs: int, cost: float) -> None:
        """Count runs, and look now and then."""
        before, self._done = self._done, self._done + runs
        if before // self._every != self._done // self._every:
            resident = int(Path("/proc/self/statm").read_text().split()[1])
            self.samples.append(resident * PAGE_MIB)


def main() -> int:
    """Scan and report."""
    folder = Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    grid = list(PerceptronGrid(chi=(0.0, 1.0), d=(4,), P=(32, 64), T=(1.0,), seeds=runs // 4))
    memory = Memory()
    started = time.monotonic()
    if sys.argv[3:] == ["cluster"]:
        (folder / "dask").mkdir(parents=True)
        with DaskProcesses(folder / "dask") as dask:
            for _ in range(2):
                dask.start_worker()
            with Cluster(dask.address) as cluster:
                scan(grid, ParquetStore(folder / "runs"), workers=cluster, progress=memory)
    else:
        scan(grid, ParquetStore(folder / "runs"), progress=memory)
    settled = np.array(memory.samples[10:])
    mean = settled.mean()
    low, high = settled.min() / mean - 1, settled.max() / mean - 1
    print(
        f"{runs} runs in {time.monotonic() - started:.0f} s: {mean:.0f} MiB resident on average "
        f"after the first tenth, {100 * low:+.1f} % to {100 * high:+.1f} %"
    )
    return 0 if max(-low, high) <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
