"""Runs that are killed, that raise, and disks that are full: nothing finished is lost."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from interrupted import IDENTITY, Impatient, train_in_pieces

from nets.config import NetConfig
from nets.scan import scan
from nets.training import Control, crews, train, train_each
from nets.training.ensemble import Ensemble
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.store.schema import code_identity
from perceptron_sim.store.store import MemoryStore, ParquetStore


def _configs(dtype: str = "float32") -> list[NetConfig]:
    return [
        NetConfig(P=P, T=T, depth=2, width=24, seed=seed, dtype=dtype, P_test=40)
        for P in (96, 200)
        for T in (2.0**-8, 2.0**-5)
        for seed in range(2)
    ]


@pytest.mark.parametrize("engine", ["compiled", "ensemble", "resident"])
def test_a_run_goes_on_from_its_state_to_the_identical_end(engine, tmp_path, monkeypatch) -> None:
    # States are saved at every opportunity; the request is given up again and again.
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("nets.training.compiled._ROUND_S", 0.0)
    monkeypatch.setattr("nets.training.compiled._FIRST_STEPS", 7)
    monkeypatch.setattr("nets.training.resident.STEPS", 7)
    monkeypatch.setattr("nets.training.resident.QUEUE", 9)
    configs = _configs()
    undisturbed = {r.config.key(): r for r in train(configs, "cpu", engine=engine, workers=1)}
    done, attempts, notes = train_in_pieces(
        *(configs, tmp_path, 1000, "cpu"), engine=engine, workers=1
    )
    assert attempts > 3
    assert notes == []
    for key, run in undisturbed.items():
        other = done[key]
        assert (other.steps, other.hits, other.dw) == (run.steps, run.hits, run.dw)
        assert (other.test_error, other.ntk_change) == (run.test_error, run.ntk_change)
        for name in ("step", "dw", "unfitted", "train_loss", "noise_trace", "ntk_change"):
            ours, theirs = getattr(other.checkpoints, name), getattr(run.checkpoints, name)
            assert np.array_equal(ours, theirs), name
    Snapshots(tmp_path, IDENTITY, notes.append).sweep(set(done))
    assert not tmp_path.exists()


def test_a_killed_scan_goes_on_where_it_was(tmp_path, monkeypatch) -> None:
    # A net that cannot end in any time worth waiting for; saved within a second, then killed.
    code = (
        "from nets.training import crews; crews._SAVE_EVERY_S = 0.2\n"
        "from pathlib import Path; from nets.config import NetConfig; from nets.scan import scan\n"
        "from perceptron_sim.store.store import ParquetStore\n"
        f"out = Path({str(tmp_path)!r})\n"
        "config = NetConfig(P=64, depth=1, width=8, T=2.0**-30, max_steps=10**9)\n"
        "scan([config], ParquetStore(out), device='cpu')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("unfinished/*.npz")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    (path,) = tmp_path.glob("unfinished/*.npz")
    config = NetConfig(P=64, depth=1, width=8, T=2.0**-30, max_steps=10**9)
    with np.load(path) as archive:
        saved = int(archive["counters"][0])
    assert saved > 0
    # Taken up by another process, which is asked to stop at once: no step is lost.
    identity = {**code_identity(("torch",)), "checkpoints": True}
    states = Snapshots(tmp_path / "unfinished", identity, print).load({config.key()})
    assert set(states) == {config.key()}
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    control = Control(snapshots=Impatient(tmp_path / "unfinished", identity, print))
    control.snapshots.control = control
    control.snapshots.patience = 2
    assert list(train_each([config], "cpu", control=control)) == []
    with np.load(path) as archive:
        assert int(archive["counters"][0]) > saved


def test_states_that_cannot_be_used_are_noted_and_left_out(tmp_path) -> None:
    notes: list[str] = []
    snapshots = Snapshots(tmp_path, IDENTITY, notes.append)
    state = ({"a": 1}, {"w": np.arange(3.0)})
    snapshots.save("one", ["k1", "k2"], state)
    meta, arrays = snapshots.load({"k1", "k2", "k3"})["one"]
    assert meta == {"a": 1}
    assert np.array_equal(arrays["w"], np.arange(3.0))
    # Runs that are not asked for belong to another request, which may come back.
    assert snapshots.load({"k1"}) == {}
    assert Snapshots(tmp_path, {"versions": "those"}, notes.append).load({"k1", "k2"}) == {}
    (tmp_path / "two.npz").write_bytes((tmp_path / "one.npz").read_bytes()[:-40])
    assert set(snapshots.load({"k1", "k2"})) == {"one"}
    assert ["saved by other code" in note for note in notes] == [True, False]
    assert "is damaged" in notes[1]
    snapshots.sweep({"k1"})
    assert [path.name for path in tmp_path.iterdir()] == ["one.npz"]


def test_a_full_disk_costs_a_note_and_not_the_runs(tmp_path, monkeypatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("nets.training.compiled._ROUND_S", 0.0)
    monkeypatch.setattr("perceptron_sim.runs.snapshots.write_atomically", full)
    notes: list[str] = []
    control = Control(snapshots=Snapshots(tmp_path / "x", IDENTITY, notes.append))
    configs = _configs()[:2]
    runs = list(train_each(configs, "cpu", control=control))
    assert [run.status for run in runs] == ["fitted", "fitted"]
    (note,) = notes
    assert "No space left on device" in note
    assert "free some space" in note


def test_one_run_that_raises_fails_alone(tmp_path, monkeypatch) -> None:
    configs = _configs()
    culprit = configs[3].key()
    whole = Ensemble._round

    def round_(self):
        # Like a device out of memory: also no more than four fit together.
        if len(self.configs) > 4 or culprit in [config.key() for config in self.configs]:
            raise RuntimeError("out of memory\nlong story")
        yield from whole(self)

    monkeypatch.setattr(Ensemble, "_round", round_)
    store = ParquetStore(tmp_path / "out")
    report = scan(configs, store, device="cpu", engine="ensemble", workers=1)
    assert report.done == len(configs)
    assert report.not_fitted == {"failed": 1}
    frame = store.frame().set_index("key")
    assert frame.loc[culprit, "message"] == "RuntimeError: out of memory"
    assert (frame.drop(index=culprit)["status"] == "fitted").all()
    # Failed runs are tried again, and the others are as if nothing had happened.
    monkeypatch.setattr(Ensemble, "_round", whole)
    assert scan(configs, store, device="cpu", engine="ensemble", workers=1).done == 1
    calm = MemoryStore()
    scan(configs, calm, device="cpu", engine="ensemble", workers=1)
    expected = calm.frame().set_index("key")["dw"]
    assert np.allclose(store.frame().set_index("key")["dw"], expected, rtol=1e-4)


class _Few(Snapshots):
    """Saves so many states and no more, as if killed before the next."""

    left = 2

    def save(self, *args) -> None:
        self.left -= 1
        if self.left >= 0:
            super().save(*args)

    def remove(self, name: str) -> None:
        pass


def _alike(n: int = 8, **net) -> list[NetConfig]:
    # Of two sizes, the larger of which ends later or is stored first.
    values = {"depth": 2, "width": 16, "T": 2.0**-8, "P_test": 8, **net}
    return [NetConfig(**values, P=24 if s % 2 else 48, seed=s) for s in range(n)]


def _numbers_of(run) -> tuple[object, ...]:
    return run.config.key(), run.status, run.steps, run.hits, run.dw, run.test_error


CNN = {"arch": "cnn", "depth": 2, "width": 4, "T": 2.0**-2}


@pytest.mark.parametrize(
    ("engine", "net", "workers"),
    [("ensemble", CNN, 1), ("ensemble", CNN, 2), ("ensemble", {}, 1), ("resident", {}, 1)],
)
@pytest.mark.parametrize("states", [1, 6])
def test_a_killed_ensemble_ends_alike_though_runs_were_stored_after_its_state(
    engine, net, workers, states, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    configs = _alike(**net)
    how = {"engine": engine, "workers": workers, "checkpoints": False}
    calm = {r.config.key(): _numbers_of(r) for r in train(configs, "cpu", **how)}
    notes: list[str] = []
    killed = _Few(tmp_path, IDENTITY, notes.append)
    killed.left = states * workers
    running = train_each(configs, "cpu", **how, control=Control(snapshots=killed))
    first = [next(running) for _ in range(5)]
    running.close()
    # All but the last were stored before the kill: the state still trains some of them.
    stored = [run.config for run in first[:-1]]
    rest = [config for config in configs if config not in stored]
    again = Control(snapshots=Snapshots(tmp_path, IDENTITY, notes.append))
    ended = list(train_each(rest, "cpu", **how, stored=stored, control=again))
    assert notes == []
    assert sorted(r.config.key() for r in ended) == sorted(c.key() for c in rest)
    assert {r.config.key(): _numbers_of(r) for r in (*first[:-1], *ended)} == calm


@pytest.fixture
def interrupted(tmp_path, monkeypatch):
    """A folder with the state of an ensemble of eight runs, none of which is stored."""
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    running = train_each(
        *(_alike(), "cpu"),
        engine="ensemble",
        workers=1,
        checkpoints=False,
        control=Control(snapshots=_Few(tmp_path, IDENTITY, print)),
    )
    next(running)
    running.close()
    (path,) = tmp_path.glob("ensemble-*.npz")
    return path


def _goes_on(path: Path, configs: list[NetConfig], **how) -> list[str]:
    """Train what is asked for with the states beside ``path``; return what was noted."""
    notes: list[str] = []
    control = Control(snapshots=Snapshots(path.parent, IDENTITY, notes.append))
    how = {"engine": "ensemble", "workers": 1, "checkpoints": False, **how}
    ended = list(train_each(configs, "cpu", **how, control=control))
    assert sorted(run.config.key() for run in ended) == sorted(c.key() for c in configs)
    assert {run.status for run in ended} == {"fitted"}
    return notes


def test_a_state_that_is_used_is_not_noted(interrupted) -> None:
    assert _goes_on(interrupted, _alike()) == []


def _changed(path: Path, change) -> None:
    with np.load(path) as archive:
        arrays = dict(archive)
    meta = json.loads(str(arrays.pop("meta")))
    change(meta["state"], arrays)
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta, arrays: meta.pop("engine"),
        lambda meta, arrays: meta["engine"].pop("room"),
        lambda meta, arrays: meta["engine"]["room"].update(capacity=0),
        lambda meta, arrays: meta["engine"]["room"].update(capacity=1),
        lambda meta, arrays: meta["engine"]["room"].update(P=5),
        lambda meta, arrays: meta["engine"]["room"].update(capacity="many"),
        lambda meta, arrays: meta["engine"].update(replicas=[{}]),
        lambda meta, arrays: meta["engine"]["replicas"][0].update(key="other"),
        lambda meta, arrays: arrays.pop("w0"),
        lambda meta, arrays: arrays.update(w0=arrays["w0"][:1]),
        lambda meta, arrays: arrays.update(drawn0=arrays["drawn0"][:, :1]),
    ],
)
def test_a_state_that_is_not_whole_is_one_note_and_its_runs_start_anew(interrupted, change) -> None:
    _changed(interrupted, change)
    (note,) = _goes_on(interrupted, _alike())
    assert f"{interrupted} cannot be used (" in note
    assert note.endswith("): its runs start again")


def test_a_state_too_large_for_the_memory_there_is_starts_anew(interrupted, monkeypatch) -> None:
    # Room for two: eight replicas of 0.1 MB each.
    monkeypatch.setattr("nets.training.device.free_bytes", lambda device: 500_000)
    (note,) = _goes_on(interrupted, _alike())
    assert "cannot be used (it needs" in note
    assert "are free): its runs start again" in note


def test_a_state_of_other_workers_starts_anew(interrupted) -> None:
    (note,) = _goes_on(interrupted, _alike(), workers=2)
    assert "saved with another number of workers" in note


def test_a_larger_request_goes_on_and_loses_no_run(interrupted) -> None:
    assert _goes_on(interrupted, _alike(12)) == []


def test_a_smaller_request_leaves_the_state_of_the_larger(interrupted) -> None:
    assert _goes_on(interrupted, _alike(4)) == []


def test_a_damaged_state_of_a_single_run_starts_it_anew(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("nets.training.compiled._ROUND_S", 0.0)
    monkeypatch.setattr("nets.training.compiled._FIRST_STEPS", 7)
    configs = _alike(1)
    control = Control(snapshots=Impatient(tmp_path, IDENTITY, print))
    control.snapshots.control = control
    control.snapshots.patience = 3
    assert list(train_each(configs, "cpu", workers=1, control=control)) == []
    (path,) = tmp_path.glob("*.npz")
    _changed(path, lambda meta, arrays: arrays.update(w=arrays["w"][:1]))
    (note,) = _goes_on(path, configs, engine="compiled")
    assert f"{path} cannot be used (ValueError: an array has shape (1,) instead of" in note


def test_no_run_is_missing_from_store_and_state_at_once(tmp_path, monkeypatch) -> None:
    # Whatever ended before a state was saved is stored by then.
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    store = ParquetStore(tmp_path)
    configs = _alike()
    missing: list[int] = []

    def save(self, name, keys, state) -> None:
        missing.append(len({c.key() for c in configs} - set(keys) - store.keys()))

    monkeypatch.setattr(Snapshots, "save", save)
    assert scan(configs, store, device="cpu", engine="ensemble", workers=1).done == 8
    assert len(missing) > 8
    assert set(missing) == {0}


def test_a_failed_run_is_tried_again_without_those_that_ended(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    configs = _alike()
    whole = Ensemble._round
    trained: list[str] = []

    def round_(self):
        trained.extend(config.key() for config in self.configs)
        if configs[3] in self.configs and not again:
            raise RuntimeError("at fault")
        yield from whole(self)

    again = False
    monkeypatch.setattr(Ensemble, "_round", round_)
    store = ParquetStore(tmp_path)
    assert scan(configs, store, device="cpu", engine="ensemble", workers=1).not_fitted == {
        "failed": 1
    }
    trained.clear()
    again = True
    assert scan(configs, store, device="cpu", engine="ensemble", workers=1).done == 1
    assert set(trained) == {configs[3].key()}
