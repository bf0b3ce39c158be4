"""Damage, full disks and other versions: never a wrong number, always named, nothing lost."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cli.main import run as command_line
from perceptron_sim import InputError, PerceptronConfig, atomic, simulate
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.schema import NET_FIELDS, record_of
from perceptron_sim.store.store import ParquetStore, QuarantinedError
from perceptron_sim.store.upkeep import check

GRID = ["scan", "--chi", "0", "-d", "4", "-P", "16,32,64", "-T", "1,2", "--seeds", "3"]


def _records(count: int):
    configs = [PerceptronConfig(P=16, d=3, seed=seed) for seed in range(count)]
    return [record_of(simulate(config)) for config in configs]


def _only_file(folder: Path) -> Path:
    (path,) = (folder / "runs").glob("*.parquet")
    return path


def test_500_damaged_files_are_named_and_never_read(tmp_path: Path) -> None:
    whole_store = ParquetStore(tmp_path / "whole")
    whole_store.append(_records(3))
    path = _only_file(tmp_path / "whole")
    whole = path.read_bytes()
    told: list[str] = []
    store = ParquetStore(tmp_path / "broken", tell=told.append)
    target = store.runs / path.name
    keys = whole_store.keys()
    rng = np.random.default_rng(0)
    for i in range(500):
        broken = bytearray(whole)
        if i % 5 == 0:
            del broken[int(rng.integers(len(whole))) :]
        else:
            broken[int(rng.integers(len(whole)))] ^= 1 << int(rng.integers(8))
        target.write_bytes(broken)
        assert check(store).damaged == (
            f"{target} is damaged: its content does not match its name",
        )
        # Two columns are read here, and no run is invented; the full reading meets the rest.
        assert store.keys() <= keys
        if target.exists():
            with pytest.raises(QuarantinedError, match=path.name):
                store.frame()
        assert not target.exists()
        assert (store.folder / "quarantine" / path.name).read_bytes() == broken
    assert len(told) == 500
    assert all(str(target) in line and "done again" in line for line in told)


def test_files_without_a_hash_in_their_name_rest_on_page_checksums(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    store.append(_records(3))
    path = _only_file(tmp_path)
    old = path.replace(path.with_name(f"{'0' * 32}.parquet"))
    truth = store.frame()
    whole = old.read_bytes()
    noticed = 0
    for position in np.random.default_rng(0).integers(4, len(whole) - 8, 60).tolist():
        broken = bytearray(whole)
        broken[position] ^= 0x40
        old.write_bytes(broken)
        try:
            frame = store.frame()
        except QuarantinedError as error:
            assert str(old) in str(error)
            noticed += 1
        else:
            pd.testing.assert_frame_equal(frame, truth)
    assert noticed > 20


@pytest.mark.parametrize("where", ["values", "end"])
def test_a_scan_sets_damage_aside_and_does_its_runs_again(tmp_path, capsys, where) -> None:
    out = tmp_path / "out"
    assert command_line([*GRID, "--out", str(out)]) == 0
    truth = ParquetStore.existing(out).frame()
    first = json.loads((out / "summary.json").read_text())
    path = max((out / "runs").glob("*.parquet"), key=lambda p: p.stat().st_size)
    broken = bytearray(path.read_bytes())
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    (column,) = [each for each in columns if each.path_in_schema == "t_star"]
    broken[-2 if where == "end" else column.dictionary_page_offset + 60] ^= 1
    path.write_bytes(broken)
    capsys.readouterr()
    assert command_line([*GRID, "--out", str(out)]) == 0
    err = capsys.readouterr().err
    assert f"{path} is damaged" in err
    assert "Traceback" not in err
    assert (out / "quarantine" / path.name).read_bytes() == broken
    again = ParquetStore.existing(out).frame()
    volatile = ["wall_s"]
    pd.testing.assert_frame_equal(
        again.drop(columns=volatile), truth.drop(columns=volatile), check_exact=True
    )
    assert json.loads((out / "summary.json").read_text()) == first


def test_who_only_reads_names_damage_and_moves_nothing(tmp_path: Path, capsys) -> None:
    store = ParquetStore(tmp_path)
    store.append(_records(3))
    path = _only_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-9])
    assert command_line(["export", str(tmp_path)]) == 2
    assert f"{path} is damaged" in capsys.readouterr().err
    assert command_line([*GRID, "--dry-run", "--out", str(tmp_path)]) == 0
    text = capsys.readouterr()
    assert "18 runs: 0 stored" in text.out
    assert f"{path} is damaged" in text.err
    assert path.exists()


@pytest.mark.parametrize("age", ["older", "newer"])
def test_other_schemas_are_migrated_or_refused(tmp_path: Path, age: str) -> None:
    store = ParquetStore(tmp_path)
    store.append(_records(2))
    truth = store.frame()
    path = _only_file(tmp_path)
    table = pq.read_table(path, partitioning=None)
    path.unlink()
    if age == "older":
        table = table.drop_columns([name for name, _ in NET_FIELDS])
        pq.write_table(table, store.runs / f"{'a' * 32}.parquet")
        pd.testing.assert_frame_equal(store.frame(), truth)
    else:
        from perceptron_sim.store.files import publish

        publish(store.runs, table.append_column("spin", pa.nulls(2, pa.float64())))
        with pytest.raises(InputError, match=r"spin, written by a newer version: upgrade"):
            store.frame()
        assert not (tmp_path / "quarantine").exists()


class _Faults:
    """Breaks the n-th write in one of three ways, as the system would."""

    def __init__(self, how: str, number: int) -> None:
        self.how, self.left, self.struck = how, number, False

    def fsync(self, descriptor: int) -> None:
        self.left -= 1
        if self.left == 0:
            self.struck = True
            if self.how == "full":
                raise OSError(28, "No space left on device")
            if self.how == "permission":
                raise PermissionError(13, "Permission denied")
            os.ftruncate(descriptor, 100)
        os.fsync(descriptor)


@pytest.mark.parametrize("how", ["full", "short", "permission"])
def test_failed_writes_lose_nothing_that_was_stored(tmp_path: Path, monkeypatch, how: str) -> None:
    configs = [PerceptronConfig(P=16, d=3, seed=seed) for seed in range(18)]
    records = {r["key"]: r for r in _records(18)}
    monkeypatch.setattr("perceptron_sim.scans.drive.FLUSH_S", 0.0)
    struck, numbers = 0, (1, 2, 9, 17)
    for number in numbers:
        store = ParquetStore(tmp_path / f"{number}")
        stored: set[str] = set()

        class Watched:
            unfinished = None

            def keys(self, store=store):
                return store.keys()

            def append(self, batch, store=store, stored=stored):
                store.append(batch)
                stored.update(record["key"] for record in batch)

        # A file and its folder are synced one after the other.
        faults = _Faults(how, 2 * number - 1)
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "os", _Os(faults))
            with pytest.raises(OSError, match=r"No space|cut short|Permission"):
                scan(configs, Watched(), workers=1)
        struck += faults.struck
        assert store.keys() >= stored
        assert len(stored) >= number - 1
        frame = store.frame()
        assert [records[k]["t_star"] for k in frame["key"]] == frame["t_star"].tolist()
        assert not list(store.runs.glob(".*"))
        scan(configs, store, workers=1)
        assert store.keys() == records.keys()
    assert struck == len(numbers)


class _Os:
    """The module os, but for fsync."""

    def __init__(self, faults: _Faults) -> None:
        self._faults = faults

    def __getattr__(self, name: str):
        return self._faults.fsync if name == "fsync" else getattr(os, name)


def test_a_full_disk_is_one_line_on_the_command_line(tmp_path, capsys, monkeypatch) -> None:
    out = tmp_path / "out"
    ParquetStore(out)
    monkeypatch.setattr(atomic, "os", _Os(_Faults("full", 1)))
    assert command_line([*GRID, "--out", str(out)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("perceptron-sim: error: No space left on device")
    assert err.count("\n") == 1
