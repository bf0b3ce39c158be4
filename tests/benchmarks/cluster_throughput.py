"""Measure scans by a cluster: what the driver costs, and two workers beside one.

Run it as ``python tests/benchmarks/cluster_throughput.py``; it starts schedulers and workers. On a
machine with other users wall times say little, so it prints besides them the CPU time of each
process, and how busy workers were: the sum of the times of runs over workers times wall time.

It needs ``PYTHONPATH=tests/helpers``.
"""

import os
import tempfile
import time
from pathlib import Path

from dask_processes import DaskProcesses

from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.executors import Workers
from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import ParquetStore

# Over in some tens of microseconds each, so that all the rest is what counts.
TRIVIAL = {"chi": (0.0,), "d": (2,), "P": (2,), "B": (1,), "T": (1.0,), "seeds": 20_000}
# Tens of milliseconds each; some twenty seconds of one core, so that the ends count little.
REAL = {"chi": (0.0, 1.0), "P": (5120, 10240), "T": (1.0, 4.0), "seeds": 120}
PAIRS = 3


def timed(grid: list[PerceptronConfig], workers: Workers, checkpoints: bool) -> tuple[float, float]:
    """Return the seconds of a scan into a new folder, and the sum of those of its runs."""
    with tempfile.TemporaryDirectory() as folder:
        store = ParquetStore(Path(folder) / "out")
        started = time.perf_counter()
        scan(grid, store, workers=workers, checkpoints="log" if checkpoints else None)
        elapsed = time.perf_counter() - started
        frame = store.frame()
    assert len(frame) == len(grid)
    return elapsed, float(frame["wall_s"].sum())


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process used so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(dask: DaskProcesses, cluster: Cluster) -> None:
    """Print runs a second of trivial runs by two workers, and what they cost whom."""
    grid = list(PerceptronGrid(**TRIVIAL))
    assert dask.scheduler is not None
    pids = [os.getpid(), dask.scheduler.pid, *(worker.pid for worker in dask.workers)]
    for checkpoints in (False, True):
        before = [cpu_s(pid) for pid in pids]
        wall, _ = timed(grid, cluster, checkpoints)
        driver, scheduler, *workers = (cpu_s(p) - b for p, b in zip(pids, before, strict=True))
        print(
            f"trivial runs, checkpoints {checkpoints}: {len(grid) / wall:.0f} runs/s; CPU us a run:"
            f" driver {1e6 * driver / len(grid):.0f}, scheduler {1e6 * scheduler / len(grid):.0f}, "
            f"workers {1e6 * sum(workers) / len(grid):.0f}; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
            flush=True,
        )


def efficiency(clusters: dict[int, Cluster]) -> None:
    """Print one worker beside two, by a cluster and in threads, in turn."""
    grid = list(PerceptronGrid(**REAL))
    for _ in range(PAIRS):
        text = []
        for what, one, two in (("Dask", clusters[1], clusters[2]), ("threads", 1, 2)):
            wall, runs = zip(timed(grid, one, True), timed(grid, two, True), strict=True)
            busy = runs[0] / wall[0], runs[1] / (2 * wall[1])
            text.append(
                f"{what} {wall[0]:.1f} s / {wall[1]:.1f} s = {wall[0] / wall[1]:.2f}, busy "
                f"{busy[0]:.2f} and {busy[1]:.2f} (x 2 = {2 * busy[1] / busy[0]:.2f})"
            )
        print("; ".join(text), f"; load {os.getloadavg()[0]:.1f}", flush=True)


def main() -> None:
    """Measure and print."""
    parts: dict[int, DaskProcesses] = {}
    clusters: dict[int, Cluster] = {}
    try:
        for count in (1, 2):
            parts[count] = DaskProcesses(Path(tempfile.mkdtemp()))
            parts[count].start_scheduler()
            for _ in range(count):
                parts[count].start_worker()
            clusters[count] = Cluster(parts[count].address)
            while clusters[count].slots < count:
                time.sleep(0.1)
            # So that all have loaded their kernels.
            timed(list(PerceptronGrid(P=(2560,), seeds=100)), clusters[count], False)
        throughput(parts[2], clusters[2])
        efficiency(clusters)
    finally:
        for cluster in clusters.values():
            cluster.close()
        for part in parts.values():
            part.stop()


if __name__ == "__main__":
    main()
