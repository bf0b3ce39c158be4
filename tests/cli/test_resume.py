"""Interrupted scans: what was finished is kept, and the end is the same."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cli.main import run
from perceptron_sim.store.store import ParquetStore

# Seconds of work on one thread, in runs of some ten milliseconds each.
COMMAND = [
    "scan",
    "--chi",
    "0",
    "-d",
    "16",
    "-P",
    "256,1024,2048",
    "-T",
    "1,2,4",
    "--seeds",
    "7",
    "--kernel",
    "reference",
    "--no-checkpoints",
    "--workers",
    "1",
]
RUNS = 3 * 3 * 7


def _start(out: Path) -> subprocess.Popen[str]:
    code = "from cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, *COMMAND, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "0"},
    )


def _wait_for_runs(out: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(2400):
        if any(out.glob("runs/[!.]*.parquet")):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("no run was stored within two minutes")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, sketches_only):
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    assert run([*COMMAND, "--out", str(out)]) == 0
    return ParquetStore.existing(out).frame(), json.loads((out / "summary.json").read_text())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_resume_repeats_only_what_was_not_on_disk(how, undisturbed, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    process = _start(out)
    _wait_for_runs(out, process)
    process.send_signal(how)
    _, err = process.communicate(timeout=60)
    kept = ParquetStore.existing(out).frame()
    assert 0 < len(kept) < RUNS, "interrupted too late to test anything"
    if how == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 1
        assert f"interrupted with {RUNS - len(kept)} of {RUNS} runs to go" in err
    assert run([*COMMAND, "--out", str(out)]) == 0
    assert f"{len(kept)} runs found, {RUNS - len(kept)} simulated" in capsys.readouterr().err
    frame = ParquetStore.existing(out).frame()
    truth, summary = undisturbed
    pd.testing.assert_frame_equal(
        frame.drop(columns="wall_s"), truth.drop(columns="wall_s"), check_exact=True
    )
    resumed = json.loads((out / "summary.json").read_text())
    assert resumed == summary


def test_second_interrupt_drops_what_runs(tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = "from cli.main import main; main()"
    endless = [
        "scan",
        "--chi",
        "0",
        "-d",
        "16",
        "-P",
        "65536",
        "-T",
        "1",
        "--seeds",
        "2",
        "--kernel",
        "reference",
        "--no-checkpoints",
        "--workers",
        "1",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *endless, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(600):
        if (out / "store.json").exists():
            break
        time.sleep(0.05)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "the first interrupt lets runs finish"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "interrupt again to drop it" in err
    assert "interrupted with 2 of 2 runs to go" in err
    assert len(ParquetStore.existing(out).frame()) == 0
