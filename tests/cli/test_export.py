"""``perceptron-sim export``: every format, every kind of run, every kind of place."""

import io
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray

from cli.main import run

pytestmark = pytest.mark.usefixtures("sketches")

WRITTEN = Path(__file__).parents[1] / "fixtures" / "version_0_1"
SMALL = ["scan", "--chi", "1", "-d", "4", "-P", "16,32", "-T", "1,4", "--seeds", "3"]


def _export(*arguments: str) -> int:
    return run(["export", *map(str, arguments)])


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder of runs of perceptrons that may be written to."""
    return Path(shutil.copytree(WRITTEN / "scan", tmp_path / "scan"))


def test_csv(scan, capsys) -> None:
    truth = pd.read_parquet(scan / "runs").set_index("key").sort_index()
    assert _export(scan) == 0
    table = pd.read_csv(scan / "runs.csv").set_index("key")
    assert (table["t_star"] == truth["t_star"]).all()
    assert (table["w1"] == truth["w1"]).all()
    assert _export(scan, "--checkpoints", "-o", scan / "c.csv") == 0
    courses = pd.read_csv(scan / "c.csv")
    assert len(courses) == truth["checkpoint_step"].map(len).sum()
    assert "36 runs" in capsys.readouterr().err
    assert _export(scan.parent) == 2
    assert "holds no runs" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["scan", "nets", "lazy", "phase"])
def test_parquet_is_one_row_per_run(kind, tmp_path) -> None:
    assert _export(WRITTEN / kind, "-o", tmp_path / "x.parquet") == 0
    table = pd.read_parquet(tmp_path / "x.parquet")
    assert len(table) == table["key"].nunique() > 0


@pytest.mark.parametrize(
    ("kind", "sizes"),
    [
        ("scan", {"kernel": 1, "chi": 2, "d": 1, "P": 3, "B": 1, "T": 2, "kappa": 1, "seed": 3}),
        ("nets", {"depth": 1, "width": 1, "d": 1, "P": 2, "B": 1, "T": 2, "kappa": 1, "seed": 3}),
        ("lazy", {"kernel": 1, "depth": 1, "P": 2, "T": 2, "seed": 3}),
    ],
)
def test_netcdf_of_every_kind_of_run(kind, sizes, tmp_path) -> None:
    plain, courses = tmp_path / "plain.nc", tmp_path / "courses.nc"
    assert _export(WRITTEN / kind, "-o", plain) == 0
    assert _export(WRITTEN / kind, "-o", courses, "--checkpoints") == 0
    truth = pd.read_parquet(WRITTEN / kind / "runs")
    with xarray.open_dataset(plain, engine="h5netcdf") as data:
        assert sizes.items() <= dict(data["t_star"].sizes).items()
        assert not any("checkpoint" in name for name in data.variables)
        flat = data.to_dataframe().reset_index()
    merged = flat.merge(truth, on=["P", "T", "seed", *(["chi"] if kind == "scan" else [])])
    assert len(merged) == len(truth)
    assert (merged["t_star_x"] == merged["t_star_y"]).all()
    assert (merged["key_x"] == merged["key_y"]).all()
    with xarray.open_dataset(courses, engine="h5netcdf") as data:
        steps = data["checkpoint_step"]
        assert steps.dims[-1] == "checkpoint"
        assert int(steps.notnull().sum()) == truth["checkpoint_step"].map(len).sum()


def test_netcdf_needs_a_complete_grid(scan, capsys) -> None:
    assert run([*SMALL, "--out", str(scan)]) == 0
    capsys.readouterr()
    assert _export(scan, "--format", "netcdf") == 2
    assert "not a complete grid" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["x.xlsx", "x.json", "x.csv.gz", "x.tsv", "x.h5", "x.pkl"])
def test_a_name_that_promises_what_is_not_written_is_refused(name, scan, capsys) -> None:
    assert _export(scan, "-o", scan / name) == 2
    assert "no format ends in" in capsys.readouterr().err
    assert not (scan / name).exists()


@pytest.mark.parametrize(
    ("name", "kind"), [("x.nc", "csv"), ("x.csv", "netcdf"), ("x.parquet", "csv")]
)
def test_a_name_and_a_format_that_differ_are_refused(name, kind, scan, capsys) -> None:
    assert _export(scan, "-o", scan / name, "--format", kind) == 2
    assert "promises" in capsys.readouterr().err
    assert not (scan / name).exists()


def _command(*arguments: str, **how) -> subprocess.CompletedProcess[bytes]:
    code = "from cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "export", *map(str, arguments)],
        stderr=subprocess.PIPE,
        check=False,
        **how,
    )


@pytest.mark.parametrize("kind", ["parquet", "netcdf"])
def test_a_dash_is_standard_output(kind, tmp_path) -> None:
    done = _command(
        WRITTEN / "scan", "-o", "-", "--format", kind, stdout=subprocess.PIPE, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    if kind == "netcdf":
        with xarray.open_dataset(io.BytesIO(done.stdout), engine="h5netcdf") as data:
            assert data["t_star"].size == 36
    else:
        assert len(pd.read_parquet(io.BytesIO(done.stdout))) == 36


def test_a_link_is_followed(scan) -> None:
    (scan / "real").mkdir()
    target, link = scan / "real" / "x.csv", scan / "link.csv"
    link.symlink_to(target)
    # First to a file that is not there yet, then to one that is.
    for _ in range(2):
        assert _export(scan, "-o", link) == 0
        assert link.is_symlink()
        assert len(pd.read_csv(target)) == 36
    target.write_text("old")
    target.chmod(0o640)
    assert _export(scan, "-o", target) == 0
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (scan / "real").iterdir()] == ["x.csv"]


def test_a_pipe_gets_the_bytes(scan) -> None:
    pipe = scan / "pipe.csv"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    assert _export(scan, "-o", pipe) == 0
    reader.join(10)
    assert len(pd.read_csv(io.StringIO(got[0]))) == 36
    assert pipe.is_fifo()


def test_a_link_to_standard_output_keeps_what_was_there(scan) -> None:
    link, log = scan / "out", scan / "log.csv"
    link.symlink_to("/proc/self/fd/1")
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    log.write_text("before\n")
    with log.open("ab") as stream:
        assert _command(scan, "-o", link, stdout=stream).returncode == 0
    lines = log.read_text().splitlines()
    assert lines[0] == "before"
    assert len(lines) == 38
    assert link.is_symlink()


def test_a_place_that_cannot_be_written_is_named(scan, capsys) -> None:
    (scan / "file").write_text("")
    for place in (scan / "file" / "x.csv", scan / "absent" / "x.csv", scan / "runs"):
        assert _export(scan, "-o", place) == 2
        assert "cannot be written" in capsys.readouterr().err


def test_runs_done_again_with_larger_limits_are_written_once(tmp_path, capsys) -> None:
    out = tmp_path / "out"
    for limit in (["--max-steps", "2"], ["--max-steps", "3"], []):
        assert run([*SMALL, *limit, "--out", str(out)]) == 0
    table = tmp_path / "x.csv"
    assert _export(out, "-o", table) == 0
    assert "24 runs left out: repeated with larger limits" in capsys.readouterr().err
    frame = pd.read_csv(table)
    assert len(frame) == 12
    assert set(frame["status"]) == {"fitted"}
    assert run(["import", str(table), "--out", str(tmp_path / "again")]) == 0
    assert _export(out, "-o", tmp_path / "x.nc") == 0
    with xarray.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as data:
        assert not np.isnan(data["t_star"]).any()


def test_runs_that_were_only_given_up_are_kept(tmp_path) -> None:
    out = tmp_path / "out"
    for limit in ("2", "3"):
        assert run([*SMALL, "--max-steps", limit, "--out", str(out)]) == 0
    assert _export(out, "-o", tmp_path / "x.csv") == 0
    frame = pd.read_csv(tmp_path / "x.csv")
    assert len(frame) == 12
    assert set(frame["max_steps"]) == {3}
