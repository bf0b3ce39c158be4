"""Kill the driver of one scan at random moments, again and again: is the end the same?

Run ``python tests/benchmarks/kill_driver.py FOLDER [KILLS [SEEDS]]``; 100 kills by default, half an
hour or so. Exit code 0 if the folder then holds, run by run and bit by bit, what an undisturbed
scan holds (times and provenance aside) with the same summary, and if no run that ended more than
two seconds before a kill had to be done again.

The driver is the command itself; a log beside its folder, written by a wrapper, says which runs
had ended when it was killed.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from perceptron_sim.store.store import ParquetStore

LIMIT_S = 2.0
# Lives of a driver, in seconds: from before its imports are done to some dozens of runs.
LIVES_S = (0.5, 7.0)
VOLATILE = ["wall_s", "versions", "revision", "host"]
# Tells of every run that ended, in one write that a kill cannot cut in two.
DRIVER = """
import os, sys, time
log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
from perceptron_sim.scans.scan import Tally
add = Tally.add
def told(self, record, cost):
    os.write(log, f"{record['key']} {record['wall_s']} {time.time()}\\n".encode())
    add(self, record, cost)
Tally.add = told
from cli.main import main
main()
"""


def command(out: Path, seeds: int) -> list[str]:
    """Return the scan: runs of some hundredths of a second."""
    grid = ["--chi", "0", "-d", "16", "-P", "512,1024,2048,4096", "-T", "1,2,4"]
    fixed = ["--kernel", "reference", "--workers", "2", "--out", str(out)]
    return ["scan", *grid, "--seeds", str(seeds), *fixed]


def start(out: Path, log: Path, seeds: int) -> subprocess.Popen[bytes]:
    """Start a driver."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(log), *command(out, seeds)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@dataclass
class Loss:
    """What a kill cost: runs that had ended and were not stored.

    Attributes:
        runs: how many.
        work_s: seconds of all cores that they took.
        age_s: seconds since the oldest of them ended.
    """

    runs: int
    work_s: float
    age_s: float


def loss(out: Path, log: Path, killed: float) -> Loss:
    """Return what the kill at time.time() ``killed`` cost."""
    stored = ParquetStore.existing(out).keys() if (out / "store.json").exists() else set()
    lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
    lost = [(float(wall_s), float(at)) for key, wall_s, at in lines if key not in stored]
    log.unlink(missing_ok=True)
    ages = [killed - at for _, at in lost]
    return Loss(len(lost), sum(wall_s for wall_s, _ in lost), max(ages, default=0.0))


def kill_again_and_again(out: Path, kills: int, seeds: int) -> list[Loss]:
    """Kill drivers of one scan until it has been killed so often or is complete."""
    rng = np.random.default_rng(0)
    log = out.with_name("ended.log")
    losses: list[Loss] = []
    while len(losses) < kills:
        process = start(out, log, seeds)
        try:
            process.wait(rng.uniform(*LIVES_S))
            print(f"complete after {len(losses)} kills: raise SEEDS")
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            killed = time.time()
            process.wait()
        losses.append(loss(out, log, killed))
    return losses


def main() -> int:
    """Scan once undisturbed and once killed; compare and report."""
    folder = Path(sys.argv[1])
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    seeds = int(sys.argv[3]) if len(sys.argv) > 3 else 80
    folder.mkdir(parents=True, exist_ok=True)
    calm, killed = folder / "undisturbed", folder / "killed"
    started = time.monotonic()
    assert start(calm, folder / "calm.log", seeds).wait() == 0
    calm_s = time.monotonic() - started
    losses = kill_again_and_again(killed, kills, seeds)
    left = len(ParquetStore.existing(calm).keys()) - len(ParquetStore.existing(killed).keys())
    assert start(killed, folder / "ended.log", seeds).wait() == 0
    truth, found = (ParquetStore.existing(out).frame() for out in (calm, killed))
    volatile = [name for name in VOLATILE if name in truth]
    pd.testing.assert_frame_equal(
        found.drop(columns=volatile), truth.drop(columns=volatile), check_exact=True
    )
    first, last = (json.loads((out / "summary.json").read_text()) for out in (calm, killed))
    first["command"] = last["command"] = ""
    assert first == last, "summaries differ"
    age_s = max(item.age_s for item in losses)
    print(
        f"{len(truth)} runs, undisturbed {calm_s:.0f} s; {len(losses)} kills, then {left} runs "
        f"left: every run equal. Done again after a kill: at most "
        f"{max(item.runs for item in losses)} runs, {max(item.work_s for item in losses):.2f} s of "
        f"work on 2 threads (mean {np.mean([item.work_s for item in losses]):.2f} s), the oldest "
        f"ended {age_s:.2f} s before the kill"
    )
    return 0 if len(losses) == kills and age_s <= LIMIT_S else 1


if __name__ == "__main__":
    sys.exit(main())
