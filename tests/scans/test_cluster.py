"""Scans by Dask with real schedulers and workers: equal to local ones, whatever dies."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("distributed")
from dask_processes import DaskProcesses, Deadly, Doer, nap, sleep_until_stopped, square

from cli.main import run as run_command
from perceptron_sim import InputError
from perceptron_sim.scans import cluster as cluster_module
from perceptron_sim.scans.cluster import Cluster, WorkerLost
from perceptron_sim.scans.cluster_task import VersionMismatch
from perceptron_sim.scans.drive import checked, drive
from perceptron_sim.scans.executors import batches
from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.scans.interrupts import Interrupts
from perceptron_sim.scans.scan import PerceptronWork, scan
from perceptron_sim.store.store import MemoryStore, ParquetStore

# Runs of some milliseconds.
GRID = {"chi": (0.0, 1.0), "d": (8,), "P": (64, 256, 1024), "T": (1.0, 4.0), "seeds": 10}
CONFIGS = list(PerceptronGrid(**GRID))
OPTIONS = ["--chi", "0,1", "-d", "8", "-P", "64,256,1024", "-T", "1,4", "--seeds", "10"]
DIFFERENT = ["wall_s"]


def _rows(store) -> pd.DataFrame:
    return store.frame().sort_values("key").drop(columns=DIFFERENT).reset_index(drop=True)


@pytest.fixture(scope="module")
def local() -> pd.DataFrame:
    store = MemoryStore()
    scan(CONFIGS, store)
    return _rows(store)


@pytest.fixture(scope="module")
def dask(tmp_path_factory, local):
    # After ``local``, so that workers find compiled kernels.
    with DaskProcesses(tmp_path_factory.mktemp("dask")) as processes:
        for _ in range(2):
            processes.start_worker()
        yield processes


@pytest.fixture(scope="module")
def cluster(dask):
    with Cluster(dask.address) as connection:
        for _ in range(300):
            if connection.slots == 2:
                break
            time.sleep(0.1)
        assert connection.slots == 2
        yield connection


def _serve(cluster: Cluster, groups, work, interrupts: Interrupts | None = None) -> list:
    return list(cluster.serve(groups, work, interrupts or Interrupts(), lambda: None))


def test_a_scan_by_a_cluster_is_that_of_this_machine(cluster, local) -> None:
    store = MemoryStore()
    report = scan(CONFIGS, store, workers=cluster)
    assert (report.done, report.interrupted) == (len(CONFIGS), False)
    pd.testing.assert_frame_equal(_rows(store), local, check_exact=True)
    assert scan(CONFIGS, store, workers=cluster).done == 0


def test_few_groups_are_in_flight(cluster) -> None:
    sent = 0

    def groups():
        nonlocal sent
        for i in range(100):
            sent += 1
            yield [i]

    ended = 0
    for group, answer in cluster.serve(groups(), square, Interrupts(), lambda: None):
        ended += 1
        assert answer == [group[0] ** 2]
        # One more than in flight has left the generator by now: that which ended.
        assert sent - ended <= 4
    assert ended == 100


def test_batches_cost_alike_and_lose_nothing() -> None:
    groups = list(batches(range(1000), float, 5000.0, most=80))
    assert [run for group in groups for run in group] == list(range(1000))
    assert max(map(len, groups)) == 80
    assert all(sum(group) < 5000 + max(group) for group in groups)
    assert all(sum(group) >= 5000 or len(group) == 80 for group in groups[:-1])


def test_a_group_under_which_workers_die_is_halved_down_to_the_run(cluster) -> None:
    answers = _serve(cluster, [[0, 1, 2, 3, 4], [5, 6]], Deadly(poison=3))
    lost = [(runs, answer) for runs, answer in answers if isinstance(answer, WorkerLost)]
    assert [runs for runs, _ in lost] == [[3]]
    assert str(lost[0][1]) == "4 workers died under this run"
    found = {
        r: a for runs, answer in answers if runs != [3] for r, a in zip(runs, answer, strict=True)
    }
    assert found == {r: r**2 for r in range(7) if r != 3}


def test_a_lost_run_is_stored_as_failed_with_its_reason(cluster) -> None:
    class Lethal(PerceptronWork):
        def __reduce__(self):
            return Deadly, (CONFIGS[0],)

    store = MemoryStore()
    report = drive(checked(CONFIGS[:1], Lethal(), cluster), store)
    assert report.not_fitted == {"failed": 1}
    assert list(store.frame()["message"]) == ["WorkerLost: 4 workers died under this run"]


def test_a_worker_of_other_versions_refuses_its_tasks(cluster, monkeypatch) -> None:
    monkeypatch.setitem(cluster._expected, "numba", "0.1")
    with pytest.raises(VersionMismatch, match=r"worker tcp://\S+ has numba \S+ \(here 0\.1\)"):
        _serve(cluster, [[1]], square)


def test_a_worker_of_other_versions_is_refused_before_work(dask, tmp_path, capsys) -> None:
    fake = tmp_path / "numba-0.0.1.dist-info"
    fake.mkdir()
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: numba\nVersion: 0.0.1\n")
    with DaskProcesses(tmp_path) as processes:
        processes.start_worker(PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
        command = ["scan", *OPTIONS, "--scheduler", str(processes.file)]
        assert run_command([*command, "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith("perceptron-sim: error: worker tcp://127.0.0.1:")
    assert " has numba 0.0.1 (here " in lines[-1]
    assert not (tmp_path / "out").exists()


def test_an_interrupt_finishes_what_runs_and_the_next_scan_the_rest(cluster, local) -> None:
    store = MemoryStore()
    watcher = Doer(lambda: os.kill(os.getpid(), signal.SIGINT))
    report = scan(CONFIGS, store, workers=cluster, progress=watcher)
    assert report.interrupted
    assert not report.out_of_time
    assert 0 < report.done == len(store.frame()) < len(CONFIGS)
    assert scan(CONFIGS, store, workers=cluster).done == len(CONFIGS) - report.done
    pd.testing.assert_frame_equal(_rows(store), local, check_exact=True)


def test_the_first_interrupt_ends_groups_after_the_run_in_hand(cluster) -> None:
    with Interrupts() as interrupts:
        threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        groups = [[i] * 200 for i in range(8)]
        answers = _serve(cluster, groups, nap, interrupts)
    # Two run and two wait, which is ten seconds of work each.
    assert len(answers) == 4
    begun = [sum(run is not None for run in answer) for _, answer in answers]
    assert sum(count > 0 for count in begun) == 2
    assert max(begun) < 200


def test_the_second_interrupt_drops_what_runs_and_frees_the_workers(cluster) -> None:
    with Interrupts() as interrupts:
        for after in (0.5, 1.0):
            threading.Timer(after, os.kill, (os.getpid(), signal.SIGTERM)).start()
        groups = ([i] for i in range(100))
        assert _serve(cluster, groups, sleep_until_stopped, interrupts) == []
        assert interrupts.stop.array[0]
    assert _serve(cluster, [[2], [3]], square) in (
        [([2], [4]), ([3], [9])],
        [([3], [9]), ([2], [4])],
    )


def test_a_deadline_starts_nothing_more(cluster) -> None:
    store = MemoryStore()
    assert scan(CONFIGS, store, workers=cluster, until=time.monotonic()).out_of_time
    assert len(store.frame()) == 0


def test_a_run_beyond_the_memory_of_a_worker_is_refused(cluster, monkeypatch) -> None:
    monkeypatch.setattr(Cluster, "bytes_a_run", 1000.0)
    with pytest.raises(InputError, match=r"a run at P = 1024, d = 8 on a worker needs about"):
        scan(CONFIGS, MemoryStore(), workers=cluster)


def test_errors_of_a_worker_name_it(cluster) -> None:
    with pytest.raises(InputError, match=r"worker tcp://127.0.0.1:\d+: kernel = 'fast' is unknown"):
        cluster.call(scan, [], MemoryStore(), kernel="fast")


def test_a_worker_and_then_the_scheduler_are_killed(tmp_path, local, capfd, monkeypatch) -> None:
    monkeypatch.setattr("perceptron_sim.scans.drive.FLUSH_S", 0.0)
    out = tmp_path / "out"
    with DaskProcesses(tmp_path) as processes:
        victim, _ = processes.start_worker(), processes.start_worker()
        with Cluster(processes.address) as connection:
            while connection.slots < 2:
                time.sleep(0.1)
            store = MemoryStore()
            report = scan(CONFIGS, store, workers=connection, progress=Doer(victim.kill))
            assert report.done == len(CONFIGS)
            pd.testing.assert_frame_equal(_rows(store), local, check_exact=True)
        scheduler = processes.scheduler
        killer = threading.Thread(target=_when_stored, args=(out, scheduler.kill))
        killer.start()
        command = ["scan", *OPTIONS, "--out", str(out)]
        capfd.readouterr()
        assert run_command([*command, "--scheduler", processes.address]) == 1
        killer.join()
    assert capfd.readouterr().err == (
        f"perceptron-sim: error: the scheduler at {processes.address} is gone: finished runs "
        "are stored; start it again and repeat the command to go on\n"
    )
    stored = len(ParquetStore.existing(out).keys())
    assert 0 < stored < len(CONFIGS)
    assert run_command([*command, "--workers", "1"]) == 0
    assert f"{stored} runs found, {len(CONFIGS) - stored} simulated" in capfd.readouterr().err
    rows = _rows(ParquetStore.existing(out))
    pd.testing.assert_frame_equal(rows, local, check_exact=True)


def _when_stored(out: Path, action) -> None:
    for _ in range(3000):
        if any(out.glob("runs/[!.]*.parquet")):
            action()
            return
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scheduler", "nowhere"], "'nowhere' is neither an address nor a scheduler file"),
        (["--scheduler", "tcp://127.0.0.1:1"], "no Dask scheduler answers at tcp://127.0.0.1:1"),
        (["--scheduler", "tcp://x:1", "--workers", "2"], "leave it out with --scheduler"),
        (["--scheduler", "smoke://x:1"], "'smoke://x:1' is neither an address nor"),
        (["--scheduler", "tcp://127.0.0.1"], "'tcp://127.0.0.1' is neither an address nor"),
        (["--scheduler", "tls://127.0.0.1:1"], "tls://127.0.0.1:1 needs certificates"),
    ],
)
def test_bad_requests_are_one_line(arguments, message, tmp_path, capfd, monkeypatch) -> None:
    monkeypatch.setattr(cluster_module, "_CONNECT_S", 0.5)
    out = tmp_path / "out"
    assert run_command(["scan", *OPTIONS, *arguments, "--out", str(out)]) == 2
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_absent_dask_is_named_with_the_remedy(monkeypatch, capsys, tmp_path) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["scan", *OPTIONS, "--scheduler", "tcp://x:1", "--out", str(tmp_path / "out")]
    assert run_command(arguments) == 2
    assert "pip install 'perceptron-sim[cluster]'" in capsys.readouterr().err
