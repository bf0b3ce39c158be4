"""Check, compact and merge; two drivers on one folder."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cli.main import run as command_line
from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.scans.scan import scan
from perceptron_sim.store import upkeep as store_upkeep
from perceptron_sim.store.files import publish
from perceptron_sim.store.schema import failure_record, record_of
from perceptron_sim.store.store import ParquetStore
from perceptron_sim.store.upkeep import check, compact, merge, settle

CONFIGS = [PerceptronConfig(P=16, d=3, seed=seed) for seed in range(8)]


def _record(seed: int):
    return record_of(simulate(CONFIGS[seed]))


def _failed(seed: int):
    return failure_record(CONFIGS[seed], "event", MemoryError("no room"))


def _filled(folder: Path) -> ParquetStore:
    store = ParquetStore(folder)
    for seed in range(6):
        store.append([_failed(seed), _record(seed)] if seed < 2 else [_record(seed)])
    store.append([_record(3)])
    store.append([_failed(7)])
    return store


def test_compaction_keeps_every_run_once(tmp_path: Path, monkeypatch) -> None:
    store = _filled(tmp_path)
    truth = store.frame()
    litter = store.runs / ".x.tmp"
    litter.write_bytes(b"")
    os.utime(litter, (0, 0))
    done = compact(store)
    assert (done.before, done.after, done.runs) == (8, 1, 6)
    assert len(list(store.runs.iterdir())) == 1
    pd.testing.assert_frame_equal(
        store.frame().drop(columns="wall_s"), truth.drop(columns="wall_s"), check_exact=True
    )
    found = check(store)
    assert (found.files, found.runs, found.failed, found.repeated) == (1, 7, 1, 0)
    compact(store)
    assert len(store.frame()) == 7
    monkeypatch.setattr(store_upkeep, "_FILE_BYTES", 1)
    assert compact(store).after == 1, "a file is not split"


@pytest.mark.parametrize("publish_first", [0, 1])
def test_a_compaction_that_dies_loses_nothing(tmp_path, monkeypatch, publish_first) -> None:
    store = _filled(tmp_path)
    truth = store.frame()
    left = [publish_first]

    def dying(folder, table):
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        return publish(folder, table)

    monkeypatch.setattr(store_upkeep, "publish", dying)
    monkeypatch.setattr(store_upkeep, "_FILE_BYTES", 1)
    with pytest.raises(OSError, match="No space"):
        compact(store)
    frame = store.frame()
    pd.testing.assert_frame_equal(frame.drop(columns="wall_s"), truth.drop(columns="wall_s"))


def test_a_reader_meets_no_gap_while_files_are_replaced(tmp_path: Path, monkeypatch) -> None:
    store = _filled(tmp_path)
    listed = store.files()
    compact(store)
    listings = iter([listed, store.files(), listed, store.files()])
    monkeypatch.setattr(ParquetStore, "files", lambda self: next(listings))
    assert len(store.keys()) == 6
    assert len(store.frame()) == 7


def test_merge_copies_what_is_missing(tmp_path: Path) -> None:
    source, other = _filled(tmp_path / "a"), ParquetStore(tmp_path / "b")
    other.append([_record(6), _record(0), _record(7)])
    target = ParquetStore(tmp_path / "c")
    target.append([_record(0)])
    before = sorted(p.name for p in source.runs.iterdir())
    assert merge([source, other], target.folder) == 7
    assert len(target.frame()) == 8
    assert (target.frame()["status"] == "fitted").all()
    assert merge([source, other], target.folder) == 0
    assert sorted(p.name for p in source.runs.iterdir()) == before


def test_damage_stops_both_before_they_write(tmp_path: Path) -> None:
    store = _filled(tmp_path / "a")
    path = store.files()[2]
    path.write_bytes(path.read_bytes()[:-9])
    before = store.files()
    target = ParquetStore(tmp_path / "b")
    for action in (lambda: compact(store), lambda: merge([store], target.folder)):
        with pytest.raises(InputError, match=r"is damaged .* store check --repair"):
            action()
    assert store.files() == before
    assert target.files() == []


def test_contradicting_results_are_named(tmp_path: Path, capsys) -> None:
    store = _filled(tmp_path)
    assert command_line(["store", "check", str(tmp_path)]) == 0
    assert "7 runs in 8 files; 1 failed, 3 rows stored again" in capsys.readouterr().out
    store.append([_record(4) | {"t_star": 1.0}])
    assert command_line(["store", "check", str(tmp_path)]) == 1
    key = CONFIGS[4].key("event")
    assert f"run {key} is stored with different results" in capsys.readouterr().err


def test_the_commands(tmp_path: Path, capsys) -> None:
    store = _filled(tmp_path / "a")
    assert command_line(["store", "compact", str(tmp_path / "a")]) == 0
    assert "6 runs: 8 files before, 1 after" in capsys.readouterr().err
    assert command_line(["store", "merge", str(tmp_path / "a"), "--out", str(tmp_path / "b")]) == 0
    assert "7 runs copied" in capsys.readouterr().err
    path = store.files()[0]
    path.write_bytes(path.read_bytes()[:-9])
    assert command_line(["store", "check", str(tmp_path / "a")]) == 1
    assert path.exists()
    assert command_line(["store", "check", "--repair", str(tmp_path / "a")]) == 1
    assert not path.exists()
    assert f"{path} is damaged" in capsys.readouterr().err


def test_a_folder_that_another_driver_founds_is_not_foreign(tmp_path: Path) -> None:
    # The marker is on its way; nothing else comes before it.
    (tmp_path / ".store.json.0123.tmp").write_text("")
    ParquetStore(tmp_path).append([_record(0)])
    other = tmp_path / "other"
    (other / "runs").mkdir(parents=True)
    with pytest.raises(InputError, match="holds something else"):
        ParquetStore(other)


def test_two_drivers_on_one_folder_end_with_one_scan(tmp_path: Path) -> None:
    arguments = ["scan", "-d", "8", "-P", "256,1024", "-T", "1,2", "--seeds", "20", "--chi", "0"]
    code = "from cli.main import main; main()"
    out = tmp_path / "both"
    drivers = [
        subprocess.Popen(
            [sys.executable, "-c", code, *arguments, "--workers", "1", "--out", str(out)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": "0"},
        )
        for _ in range(2)
    ]
    for driver in drivers:
        _, err = driver.communicate(timeout=300)
        assert driver.returncode == 0, err
    assert command_line([*arguments, "--out", str(tmp_path / "one")]) == 0
    frames = [ParquetStore.existing(tmp_path / n).frame() for n in ("both", "one")]
    assert len(frames[0]) == 80
    pd.testing.assert_frame_equal(*[f.drop(columns="wall_s") for f in frames], check_exact=True)
    assert (out / "summary.json").read_text() == (tmp_path / "one" / "summary.json").read_text()


def test_settling_leaves_one_row_per_run(tmp_path: Path) -> None:
    store = _filled(tmp_path)
    truth = store.frame()
    untouched = {path.name for path in store.files()}
    settle(store)
    # What other programs see: no run twice, nothing lost.
    rows = pd.read_parquet(store.runs)
    assert sorted(rows["key"]) == sorted(truth["key"])
    pd.testing.assert_frame_equal(
        store.frame().drop(columns="wall_s"), truth.drop(columns="wall_s"), check_exact=True
    )
    # Files without a repeated run stay as they are.
    assert len(untouched & {path.name for path in store.files()}) == 4
    before = {path.name for path in store.files()}
    settle(store)
    assert before == {path.name for path in store.files()}


def test_drivers_that_settle_at_once_lose_nothing(tmp_path: Path, monkeypatch) -> None:
    store = _filled(tmp_path)
    truth = store.frame()
    whole, calls = store_upkeep.publish, []

    def publish_and_be_overtaken(folder, table):
        path = whole(folder, table)
        if not calls:
            calls.append(path)
            # Another driver has stored a run meanwhile, and settles with it.
            store.append([_record(4)])
            settle(ParquetStore(tmp_path))
        return path

    monkeypatch.setattr(store_upkeep, "publish", publish_and_be_overtaken)
    settle(store)
    assert sorted(pd.read_parquet(store.runs)["key"]) == sorted(truth["key"])


def test_a_scan_after_a_failed_one_leaves_one_row_per_run(tmp_path: Path) -> None:
    store = ParquetStore(tmp_path)
    store.append([_failed(0), _failed(1)])
    scan(CONFIGS, store, workers=1)
    rows = pd.read_parquet(store.runs)
    assert len(rows) == rows["key"].nunique() == len(CONFIGS)
