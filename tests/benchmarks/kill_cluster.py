"""Kill workers and schedulers of a scan again and again; the folder must end as if nobody had.

Run it as ``python tests/benchmarks/kill_cluster.py [WORKER_KILLS] [SCHEDULER_KILLS]``: by default
30 kills of workers and 5 of the scheduler, SIGKILL at random moments, over one scan by the command
line; some ten minutes on two cores. The folder is then compared, run by run and bit by bit, with
that of an undisturbed local scan.

It needs ``PYTHONPATH=tests/helpers``.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from dask_processes import DaskProcesses

from perceptron_sim.store.store import ParquetStore

# Runs of 0.02 to 2 s, most of them short.
GRID = ["--chi", "0,1,3", "-d", "16", "-P", "2560,10240,40960", "-T", "0.25,1,4"]
SEEDS = 100
# Mean seconds between two kills.
PAUSE_S = 3.0
START_S = 6.0


def start(out: Path, *more: str) -> subprocess.Popen[str]:
    """Start the scan."""
    code = "from cli.main import main; main()"
    command = [sys.executable, "-c", code, "scan", *GRID, "--seeds", str(SEEDS)]
    return subprocess.Popen(
        [*command, "--out", str(out), *more],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def disturbed(
    out: Path, dask: DaskProcesses, kills: list[str], rng: random.Random
) -> dict[str, int]:
    """Scan under fire; return what happened."""
    happened = {"worker": 0, "scheduler": 0, "drivers": 0, "unhit": 0}
    while True:
        for worker in [w for w in dask.workers if w.poll() is not None]:
            dask.workers.remove(worker)
        while len(dask.workers) < 2:
            dask.start_worker()
        driver = start(out, "--scheduler", dask.address)
        happened["drivers"] += 1
        # Most should hit a scan, not the start of one.
        next_kill = time.monotonic() + START_S + rng.expovariate(1 / PAUSE_S)
        while driver.poll() is None:
            time.sleep(0.05)
            if not kills or time.monotonic() < next_kill:
                continue
            next_kill = time.monotonic() + rng.expovariate(1 / PAUSE_S)
            what = kills.pop()
            happened[what] += 1
            if what == "scheduler":
                assert dask.scheduler is not None
                dask.scheduler.kill()
                break
            victim = dask.workers.pop(rng.randrange(len(dask.workers)))
            victim.kill()
            victim.wait()
            dask.start_worker()
        _, err = driver.communicate(timeout=600)
        stored = len(ParquetStore.existing(out).keys()) if (out / "store.json").exists() else 0
        lines = [line for line in err.splitlines() if "of the work" not in line]
        print(f"driver ended {driver.returncode}, {stored} stored: {lines[-1]}", flush=True)
        if driver.returncode == 0:
            happened["unhit"] = len(kills)
            return happened
        # The second, if it died before the driver had found it.
        assert lines[-1].startswith(
            ("perceptron-sim: error: the scheduler at ", "perceptron-sim: error: no Dask scheduler")
        ), err
        dask.stop()
        dask.start_scheduler()


def main() -> None:
    """Scan twice and compare."""
    workers, schedulers = (
        int(sys.argv[i]) if len(sys.argv) > i else n for i, n in ((1, 30), (2, 5))
    )
    rng = random.Random(2)
    kills = ["worker"] * workers
    # Evenly among the others; popped from the end.
    for i in range(schedulers):
        kills.insert((2 * i + 1) * workers // (2 * schedulers) + i, "scheduler")
    with tempfile.TemporaryDirectory() as folder:
        here, there = Path(folder) / "here", Path(folder) / "there"
        started = time.monotonic()
        local = start(here)
        local.communicate()
        undisturbed_s = time.monotonic() - started
        print(f"undisturbed, 2 threads: {undisturbed_s:.0f} s", flush=True)
        started = time.monotonic()
        with DaskProcesses(Path(folder)) as dask:
            happened = disturbed(there, dask, kills, rng)
        print(
            f"disturbed: {time.monotonic() - started:.0f} s, {happened}; "
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
        )
        frames = []
        for out in (here, there):
            frame = ParquetStore.existing(out).frame()
            frames.append(frame.drop(columns="wall_s").sort_values("key").reset_index(drop=True))
        pd.testing.assert_frame_equal(*frames, check_exact=True)
        same = (here / "summary.json").read_bytes() == (there / "summary.json").read_bytes()
        print(f"{len(frames[0])} runs equal to the bit; summaries equal: {same}")
        assert happened["unhit"] == 0, "the scan ended before all kills: raise SEEDS"
        assert same


if __name__ == "__main__":
    main()
