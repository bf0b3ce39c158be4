"""The store: Parquet against the in-memory oracle, and what it refuses."""

import platform
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from perceptron_sim import InputError, PerceptronConfig, atomic, simulate
from perceptron_sim.atomic import write_atomically
from perceptron_sim.store.files import publish, read_columns
from perceptron_sim.store.schema import SCHEMA, failure_record, record_of
from perceptron_sim.store.store import MemoryStore, ParquetStore
from perceptron_sim.store.upkeep import compact


def test_a_folder_may_be_a_string(tmp_path) -> None:
    store = ParquetStore(str(tmp_path / "x"))
    assert ParquetStore.existing(str(tmp_path / "x")).files() == store.files() == []
    for wrong in (3, None, ["x"]):
        with pytest.raises(InputError, match="is not a path"):
            ParquetStore(wrong)  # type: ignore[arg-type]


def _record(seed: int):
    return record_of(simulate(PerceptronConfig(P=16, d=3, seed=seed)))


@pytest.fixture(params=["memory", "parquet"])
def store(request, tmp_path: Path):
    return MemoryStore() if request.param == "memory" else ParquetStore(tmp_path / "out")


def test_what_is_appended_is_found(store) -> None:
    records = [_record(seed) for seed in range(5)]
    store.append(records[:2])
    store.append(records[2:])
    assert store.keys() == {r["key"] for r in records}
    frame = store.frame()
    assert list(frame["key"]) == sorted(r["key"] for r in records)
    for record in records:
        row = frame[frame["key"] == record["key"]].iloc[0]
        for name, value in record.items():
            stored = row[name]
            if isinstance(value, list):
                assert np.array_equal(stored, value)
            else:
                assert stored == value
    wanted = {records[3]["key"]}
    assert set(store.frame(wanted)["key"]) == wanted


def test_a_run_stored_twice_counts_once(store) -> None:
    store.append([_record(0)])
    store.append([_record(0), _record(1)])
    assert len(store.frame()) == 2


def test_failed_runs_are_kept_but_tried_again(store) -> None:
    config = PerceptronConfig(P=16, d=3, seed=0)
    failed = failure_record(config, "reference", MemoryError("no room\nat all"))
    store.append([failed])
    assert store.keys() == set()
    row = store.frame().iloc[0]
    assert (row["status"], row["message"]) == ("failed", "MemoryError: no room")
    assert np.isnan(row["t_star"])
    store.append([record_of(simulate(config, "reference"))])
    assert list(store.frame()["status"]) == ["fitted"]


def test_empty_store_has_the_columns(store) -> None:
    assert len(store.frame()) == 0
    assert "t_star" in store.frame().columns


def test_readable_without_us(tmp_path: Path) -> None:
    ParquetStore(tmp_path).append([_record(0)])
    frame = pd.read_parquet(tmp_path / "runs")
    assert frame["t_star"].iloc[0] > 0


@pytest.mark.parametrize("where", ["file", "foreign", "unwritable", "newer"])
def test_folders_that_are_not_ours_are_refused(tmp_path: Path, where: str) -> None:
    target = tmp_path / "x"
    if where == "file":
        target.write_text("")
        message = "is a file"
    elif where == "foreign":
        target.mkdir()
        (target / "thesis.tex").write_text("")
        message = "holds something else"
    elif where == "unwritable":
        target = Path("/proc/perceptron-sim")
        message = "cannot be written"
    else:
        target.mkdir()
        (target / "store.json").write_text('{"format": "perceptron-sim store", "version": 99}')
        message = "written by a newer version .*upgrade perceptron-sim"
    with pytest.raises(InputError, match=message):
        ParquetStore(target)
    if where == "foreign":
        assert [p.name for p in target.iterdir()] == ["thesis.tex"]


def test_reading_needs_a_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no runs"):
        ParquetStore.existing(tmp_path)


# What version 0.1 wrote as ``kernel``, and what it was: dynamics, kernel, shared seeds.
OF_VERSION_0_1 = {
    "event": ("sgd", "event", False),
    "reference": ("sgd", "reference", False),
    "shuffled": ("shuffled", "reference", False),
    "sde/16": ("sde/16", "reference", False),
    "ensemble": ("sgd", "ensemble", False),
    "lazy": ("sgd", "lazy", True),
    "lazy, paired": ("sgd", "lazy", False),
    "imported": ("sgd", "imported", False),
    "imported, shared seeds": ("sgd", "imported", True),
    None: ("sgd", None, False),
}


def test_runs_of_version_0_1_say_how_they_were_made(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path / "old")
    records = [_record(seed) | {"kernel": kernel} for seed, kernel in enumerate(OF_VERSION_0_1)]
    table = pa.Table.from_pylist(records, schema=SCHEMA)
    path = publish(store.runs, table.drop_columns(["dynamics", "shared_seeds"]))
    made = ["seed", "dynamics", "kernel", "shared_seeds"]
    frame = store.frame().sort_values("seed")[made].to_dict("split")["data"]
    rows = [[*row[:2], row[2] if isinstance(row[2], str) else None, row[3]] for row in frame]
    assert rows == [[seed, *row] for seed, row in enumerate(OF_VERSION_0_1.values())]
    assert read_columns(path, ["kernel", "dynamics"])["dynamics"].to_pylist() == [
        row[0] for row in OF_VERSION_0_1.values()
    ]
    assert store.keys() == {record["key"] for record in records}
    # Rewritten, they say so themselves.
    compact(store)
    assert path not in store.files()
    assert store.frame().sort_values("seed")["dynamics"].tolist() == [row[1] for row in rows]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch) -> None:
    target = tmp_path / "summary.json"
    write_atomically(target, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_a_record_says_what_made_it() -> None:
    pairs = dict(part.split("=", 1) for part in _record(0)["versions"].split())
    assert {"host", "numpy", "numba", "perceptron_sim", "python", "scipy"} <= set(pairs)
    assert platform.machine() in pairs["host"]


def test_the_revision_is_that_of_the_checkout(tmp_path: Path, monkeypatch) -> None:
    from perceptron_sim.store import schema as records

    module = tmp_path / "perceptron_sim" / "experiments" / "records.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    monkeypatch.setattr(records, "__file__", str(module))
    assert records.revision.__wrapped__() == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    revision = records.revision.__wrapped__()
    assert len(revision) == 12
    assert head.stdout.startswith(revision)
    module.write_text("changed")
    assert records.revision.__wrapped__() == f"{revision}-dirty"
