"""The program as a process: its streams, signals, and what its environment must not decide."""

import os
import pickle
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from cli.main import run
from perceptron_sim.scans import scan as scan_module
from perceptron_sim.scans.cluster_task import Task
from perceptron_sim.store.files import read_columns
from perceptron_sim.store.store import ParquetStore

PROGRAM = [sys.executable, "-m", "perceptron_sim"]
WRITTEN = Path(__file__).parents[1] / "fixtures" / "version_0_1" / "scan"
TINY = ["scan", "--chi", "1", "-d", "3", "-P", "8,16", "-T", "1", "--seeds", "2", "--workers", "1"]


def _shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f'"$0" -m perceptron_sim {line}', sys.executable],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | environment,
    )


def test_streams_that_nobody_reads_keep_no_work_from_being_done(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = ["bash", "-c", '"$0" "$@" 0<&- >&-', *PROGRAM, *TINY, "--out", "s"]
    done = subprocess.run(command, stderr=write, cwd=tmp_path)
    os.close(write)
    assert done.returncode == 0
    assert (tmp_path / "s/summary.json").is_file()
    assert len(ParquetStore.existing(tmp_path / "s").keys()) == 4


@pytest.mark.parametrize("closed", ["0<&- >&- 2>&-", ">&-", "2>&-"])
def test_a_stream_that_is_closed_is_no_file(closed: str, tmp_path: Path) -> None:
    """A file that is opened next would get its number, and what is printed."""
    done = _shell(tmp_path, f"export {shlex.quote(str(WRITTEN))} -o runs.csv {closed}")
    assert done.returncode == 0, done.stderr
    assert "FAULT" not in done.stderr
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    assert len({line.count(",") for line in lines}) == 1
    assert len(lines) == 1 + 36


def test_a_full_output_is_one_line_and_no_more(tmp_path: Path) -> None:
    done = _shell(tmp_path, f"store check {shlex.quote(str(WRITTEN))} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "perceptron-sim: error: No space left on device (standard output)"
    )


def test_the_environment_of_the_user_decides_nothing(tmp_path: Path) -> None:
    """Backends of notebooks, warnings as errors, settings of figures, packages of our names."""
    for name in ("nets", "cli"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('mine')\n")
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nbackend: module://nowhere\n")
    done = _shell(
        tmp_path,
        f"{' '.join(TINY)} --out s",
        MPLBACKEND="module://matplotlib_inline.backend_inline",
        PYTHONWARNINGS="error",
        PYTHONPATH=str(tmp_path),
        LC_ALL="C",
        COLUMNS="20",
        NO_COLOR="1",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "s/scan_on_P.png").is_file()
    # It is our package of nets that refuses this.
    done = _shell(tmp_path, "nets fetch mnits", PYTHONPATH=str(tmp_path))
    assert "did you mean 'mnist'?" in done.stderr


def test_another_package_that_is_loaded_already_is_named(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("x = 1\n")
    script = "import nets\nfrom perceptron_sim.entry import run\nrun(['--version'])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path
    )
    assert "another package called 'nets' is loaded" in done.stderr


def test_a_worker_finds_our_packages_before_those_of_the_user(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    from nets.config import NetConfig

    task = Task(NetConfig(P=16), [], "token", (), {})
    (tmp_path / "nets.py").write_text("x = 1\n")
    script = "import pickle, sys\nprint(pickle.load(sys.stdin.buffer).work.P)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=pickle.dumps(task),
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.split() == [b"16"], done.stderr


@pytest.mark.parametrize(
    ("number", "command"),
    [
        (signal.SIGTERM, [*TINY, "--out", "s"]),
        (signal.SIGINT, ["theory", "--chi", "1", "--out", "s"]),
    ],
)
def test_a_signal_while_kernels_are_compiled(number, command, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, *command],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"},
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("compiling the kernels")
    time.sleep(0.3)
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    if command[0] == "theory" and process.returncode == 0:
        # It was done before the signal could be obeyed.
        assert (tmp_path / "s/phase_portrait.png").stat().st_size > 0
        return
    assert process.returncode == 1, err
    assert "nothing to simulate" not in err
    assert "repeat the command" in err
    assert "Traceback" not in err
    if command[0] == "scan":
        assert "interrupted with 4 of 4 runs to go" in err


@pytest.mark.usefixtures("sketches")
def test_runs_are_read_in_the_thread_that_asks(tmp_path: Path, monkeypatch) -> None:
    """A thread of Arrow that still holds a Python file aborts Python while it shuts down."""
    assert run([*TINY, "--out", str(tmp_path / "s")]) == 0
    (path,) = (tmp_path / "s/runs").glob("*.parquet")
    threads = set()
    opened = Path.open

    def watched(self, *args, **kwargs):
        file = opened(self, *args, **kwargs)
        if self == path:
            file = _Watched(file, threads)
        return file

    monkeypatch.setattr(Path, "open", watched)
    assert read_columns(path, ["key", "status"]).num_rows == 4
    assert threads == {threading.get_ident()}


class _Watched:
    """A file that notes which threads read it."""

    def __init__(self, file, threads: set[int]) -> None:
        self._file, self._threads = file, threads

    def read(self, *args):
        self._threads.add(threading.get_ident())
        return self._file.read(*args)

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self._file.close()


def _fails(config, *_args, **_kwargs):
    raise MemoryError("no room")


@pytest.mark.parametrize(
    "command",
    [
        TINY,
        ["phase", "--seeds", "1", "--budget", "4runs", "--max-updates", "100"],
        ["compare", "--stages", "scan", "--seeds", "2"],
    ],
    ids=lambda command: command[0],
)
@pytest.mark.usefixtures("sketches")
def test_failed_runs_end_with_exit_code_1(command, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(scan_module, "simulate", _fails)
    out = tmp_path / "out"
    assert run([*command, "--out", str(out)]) == 1
    err = capsys.readouterr().err
    assert "this is a bug" not in err
    assert "failed" in err.splitlines()[-1]
    assert "repeat the command to try" in err.splitlines()[-1]
    # All the same, what can be said is said.
    assert (out / "summary.json").is_file()


def test_no_room_is_no_bug(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("perceptron_sim.scans.watched_run.simulate", _fails)
    assert run(["run", "-P", "8", "--out", str(tmp_path / "out")]) == 1
    err = capsys.readouterr().err
    assert "out of memory (no room): lower P, d or --workers" in err


OUT = [
    ["scan"],
    ["scan", "--dry-run"],
    ["run"],
    ["phase"],
    ["nets", "scan"],
    ["nets", "run"],
    ["nets", "lazy"],
    ["compare"],
    ["report"],
    ["theory"],
    ["bench"],
    ["import", __file__],
    ["store", "merge", "."],
]


@pytest.mark.parametrize("command", OUT, ids=" ".join)
def test_a_place_that_cannot_be_written_is_refused_by_its_option(
    command, tmp_path: Path, capsys
) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/x", "x" * 300, "x\0y"):
        assert run([*command, "--out", str(tmp_path / place)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "with --out" in err
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_fetch_refuses_a_place_that_cannot_be_written(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    assert run(["nets", "fetch", "mnist", "--data-dir", str(tmp_path / "file/x")]) == 2
    assert "with --data-dir" in capsys.readouterr().err
