"""A Dask scheduler and workers as processes of their own, on loopback; works for their tests."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from perceptron_sim.progress import NoProgress
from perceptron_sim.scans.cluster_task import Steering

_HERE = Path(__file__).parent


class DaskProcesses:
    """A scheduler and its workers; a context that ends them."""

    def __init__(self, folder: Path) -> None:
        """Prepare; logs and the scheduler file go to ``folder``."""
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> "DaskProcesses":
        self.start_scheduler()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start_scheduler(self) -> None:
        """Start a scheduler, the first at a free port, others at the same one."""
        self.file.unlink(missing_ok=True)
        port = self.address.rpartition(":")[2] or "0"
        self.scheduler = self._start(
            *("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show"),
            *("--scheduler-file", str(self.file)),
        )
        self._wait_for(self.file)
        self.address = f"tcp://127.0.0.1:{_port_of(self.file)}"

    def start_worker(self, *more: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker of one thread; it is there soon after."""
        worker = self._start(
            *("worker", self.address, "--nthreads", "1", "--no-dashboard", "--no-nanny"),
            *("--host", "127.0.0.1", "--local-directory", str(self.folder), *more),
            **environment,
        )
        self.workers.append(worker)
        return worker

    def stop(self) -> None:
        """End all of them."""
        for process in [*self.workers, self.scheduler]:
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
            if process is not None:
                process.wait()
        self.workers = []
        self.scheduler = None

    def _start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        # This checkout, and the works below.
        paths = [str(_HERE), str(_HERE.parent), os.environ.get("PYTHONPATH", "")]
        made = {
            "PYTHONPATH": os.pathsep.join(paths),
            # How long one process looks for another that was killed.
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s",
        }
        with (self.folder / f"{arguments[0]}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | made | environment,
            )

    def _wait_for(self, path: Path) -> None:
        for _ in range(600):
            if path.exists() and path.stat().st_size:
                return
            assert self.scheduler is not None
            assert self.scheduler.poll() is None, (self.folder / "scheduler.log").read_text()
            time.sleep(0.05)
        raise AssertionError("no scheduler within half a minute")


def _port_of(file: Path) -> str:
    return str(json.loads(file.read_text())["address"].rpartition(":")[2])


class Doer(NoProgress):
    """A watcher that does something once, at the first run that ends."""

    def __init__(self, action: Any) -> None:
        """Prepare; ``action`` is called without arguments."""
        self._action = action
        self.notes: list[str] = []

    def advance(self, runs: int, cost: float) -> None:
        action, self._action = self._action, lambda: None
        action()

    def note(self, text: str) -> None:
        self.notes.append(text)


def square(runs: list[int], steering: Steering) -> list[int]:
    """Square the runs."""
    return [run**2 for run in runs]


def nap(runs: list[int], steering: Steering) -> list[int | None]:
    """Take a moment for each run, and begin none once told so."""
    ended: list[int | None] = []
    for run in runs:
        time.sleep(0.0 if steering.draining else 0.05)
        ended.append(None if steering.draining else run)
    return ended


def sleep_until_stopped(runs: list[int], steering: Steering) -> list[int]:
    """Work on the runs for ever."""
    while not steering.stop.array[0]:
        time.sleep(0.01)
    return runs


@dataclass(frozen=True)
class Deadly:
    """Answers as ``square``, but for one run, under which Dask reports killed workers."""

    poison: int

    def __call__(self, runs: list[int], steering: Steering) -> list[int]:
        from distributed import KilledWorker

        if self.poison in runs:
            raise KilledWorker("a task", SimpleNamespace(address="somewhere"), 3)
        return square(runs, steering)


if __name__ == "__main__":
    # Do a command beside a scheduler and a worker, whose files go to this folder.
    with DaskProcesses(Path.cwd()) as processes:
        processes.start_worker()
        sys.exit(subprocess.run(sys.argv[1:]).returncode)
