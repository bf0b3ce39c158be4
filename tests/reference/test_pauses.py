"""Long runs pause, are saved, killed and taken up again: the same run, and still exactly SGD.

False alarms: KS p-values of 1e-8 in three quantities; the rest is exact. Seeds are fixed.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.runs import simulate as simulate_module
from perceptron_sim.runs.problem import Problem
from perceptron_sim.runs.simulate import StopFlag, training_data, training_data_of
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import ParquetStore

_IDENTITY = {"versions": "these"}
CONFIG = PerceptronConfig(chi=0.0, d=8, P=65536, B=2, seed=2)


class _Killing(Snapshots):
    """Asks the run to stop once a state has been saved, as a kill would."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, _IDENTITY, print)
        self.stop = StopFlag()

    def save(self, *args) -> None:
        super().save(*args)
        self.stop.set()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pause whenever weights are restored, every 2^18 hits."""
    monkeypatch.setattr(simulate_module, "PAUSE_HITS", 1)
    monkeypatch.setattr(simulate_module, "SAVE_EVERY_S", 0.0)


def _taken_up_again(folder: Path, kernel: str):
    lives = 0
    while True:
        lives += 1
        snapshots = _Killing(folder)
        run = simulate(CONFIG, kernel, stop=snapshots.stop, snapshots=snapshots)
        if run.status != "interrupted":
            return run, lives
        assert lives < 1000


@pytest.mark.parametrize("kernel", ["event", "deferred"])
@pytest.mark.usefixtures("often")
def test_a_run_killed_at_every_pause_is_the_undisturbed_one(tmp_path: Path, kernel: str) -> None:
    undisturbed = simulate(CONFIG, kernel)
    run, lives = _taken_up_again(tmp_path, kernel)
    assert run.hits > 3 * 2**18
    assert lives > 3
    assert undisturbed.status == run.status == "fitted"
    for name in ("t_star", "steps", "updates", "hits", "w1", "w_perp", "test_error"):
        assert getattr(run, name) == getattr(undisturbed, name), name
    np.testing.assert_array_equal(run.w, undisturbed.w)
    np.testing.assert_array_equal(run.hit_counts, undisturbed.hit_counts)
    for name, values in vars(undisturbed.checkpoints).items():
        np.testing.assert_array_equal(values, getattr(run.checkpoints, name), err_msg=name)
    # Every hit that was counted is in the weights.
    z = training_data_of(run)[: len(run.hit_counts)]
    expected = CONFIG.T / np.sqrt(CONFIG.d) * (run.hit_counts @ z)
    np.testing.assert_allclose(run.w, expected, atol=1e-9 * run.w_norm)
    assert run.hit_counts.sum() == run.hits


@pytest.mark.usefixtures("often")
def test_a_state_that_is_not_the_whole_state_shows(tmp_path: Path, monkeypatch) -> None:
    undisturbed = simulate(CONFIG, "event", checkpoints=None)
    whole = Problem.restore

    def forgetful(self, state):
        """Go on with a stream that starts anew."""
        before = self.rng.bit_generator.state
        seconds = whole(self, state)
        self.rng.bit_generator.state = before
        return seconds

    monkeypatch.setattr(Problem, "restore", forgetful)
    snapshots = _Killing(tmp_path)
    simulate(CONFIG, "event", checkpoints=None, stop=snapshots.stop, snapshots=snapshots)
    other = simulate(CONFIG, "event", checkpoints=None, snapshots=snapshots)
    assert other.steps != undisturbed.steps


def test_pauses_leave_the_law_as_it_is(monkeypatch) -> None:
    configs = [PerceptronConfig(chi=0.0, d=8, P=32768, B=2, seed=seed) for seed in range(48)]
    one = [simulate(config, "event", checkpoints=None) for config in configs[:24]]
    monkeypatch.setattr(simulate_module, "PAUSE_HITS", 1)
    other = [simulate(config, "event", checkpoints=None) for config in configs[24:]]
    assert sum(run.hits > 2**18 for run in other) > 6
    for name in ("t_star", "w_norm", "hits"):
        samples = [[getattr(run, name) for run in runs] for runs in (one, other)]
        assert stats.ks_2samp(*samples).pvalue > 1e-8, name


def test_a_killed_scan_goes_on_within_its_run(tmp_path: Path, monkeypatch) -> None:
    code = (
        "from pathlib import Path; from perceptron_sim import PerceptronConfig\n"
        "from perceptron_sim.runs import simulate\n"
        "simulate.PAUSE_HITS, simulate.SAVE_EVERY_S = 1, 0.0\n"
        "from perceptron_sim.scans.scan import scan\n"
        "from perceptron_sim.store.store import ParquetStore\n"
        f"config = PerceptronConfig(chi=0.0, d=8, P={2**17}, B=2, seed=1)\n"
        f"scan([config], ParquetStore(Path({str(tmp_path)!r})))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("unfinished/*.npz")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    store = ParquetStore(tmp_path)
    assert store.keys() == set()
    config = PerceptronConfig(chi=0.0, d=8, P=2**17, B=2, seed=1)
    loaded: list[str] = []
    load = Snapshots.load_run

    def watched(self, key):
        state = load(self, key)
        if state is not None:
            loaded.append(key)
        return state

    monkeypatch.setattr(Snapshots, "load_run", watched)
    monkeypatch.setattr(simulate_module, "PAUSE_HITS", 1)
    scan([config], store)
    (row,) = store.frame().to_dict("records")
    assert row["key"] in loaded
    undisturbed = simulate(config)
    assert (row["steps"], row["hits"]) == (undisturbed.steps, undisturbed.hits)
    assert (row["w1"], row["w_perp"]) == (undisturbed.w1, undisturbed.w_perp)
    assert list(row["checkpoint_w1"]) == undisturbed.checkpoints.w1.tolist()
    # Nothing is left behind.
    assert not store.unfinished.exists()


@pytest.mark.usefixtures("often")
def test_a_state_that_does_not_fit_is_not_used(tmp_path: Path) -> None:
    undisturbed = simulate(CONFIG, "event", checkpoints=None)
    snapshots = _Killing(tmp_path)
    simulate(CONFIG, "event", checkpoints=None, stop=snapshots.stop, snapshots=snapshots)
    (path,) = tmp_path.glob("*.npz")
    with np.load(path) as archive:
        arrays = dict(archive)
    for changed in (
        {"counters": arrays["counters"][:-1]},
        {"w": arrays["w"].astype(np.float32)},
        {"meta": np.array(str(arrays["meta"]).replace("PCG64", "MT19937"))},
    ):
        np.savez(path, **(arrays | changed))
        run = simulate(
            CONFIG, "event", checkpoints=None, snapshots=Snapshots(tmp_path, _IDENTITY, print)
        )
        assert (run.status, run.steps) == ("fitted", undisturbed.steps)


def test_states_are_of_runs_that_their_key_tells(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, _IDENTITY, print)
    with pytest.raises(InputError, match="snapshots need the defaults of"):
        simulate(CONFIG, snapshots=snapshots, data=training_data(CONFIG))
    with pytest.raises(InputError, match="snapshots need the defaults of"):
        simulate(CONFIG, snapshots=snapshots, schedule="plain")
