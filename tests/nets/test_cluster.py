"""Nets by Dask with real workers: records equal to those of this machine."""

import time

import pandas as pd
import pytest

pytest.importorskip("distributed")
from dask_processes import DaskProcesses, Deadly

from cli.main import run as run_command
from nets.config import NetGrid
from nets.lazy.density import DensityLog
from nets.lazy.scan import scan_lazy
from nets.scan import NetWork, scan
from perceptron_sim import InputError
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.drive import checked, drive
from perceptron_sim.store.store import MemoryStore

CONFIGS = list(
    NetGrid(P=(32, 64), T=(2.0**-9, 2.0**-7), depth=(2,), width=(16, 24), seeds=3, P_test=64)
)


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    local = MemoryStore()
    scan(CONFIGS[:1], local)
    scan_lazy(CONFIGS[:1], local)
    # Workers find the kernels that were compiled above, and no data sets.
    folder = tmp_path_factory.mktemp("dask")
    with DaskProcesses(folder) as processes:
        for _ in range(2):
            processes.start_worker(PERCEPTRON_SIM_DATA=str(folder), XDG_CACHE_HOME=str(folder))
        yield processes


@pytest.fixture(scope="module")
def cluster(dask):
    with Cluster(dask.address, ("torch",)) as connection:
        for _ in range(300):
            if connection.slots == 2:
                break
            time.sleep(0.1)
        yield connection


def _rows(store) -> pd.DataFrame:
    return store.frame().sort_values("key").drop(columns="wall_s").reset_index(drop=True)


@pytest.mark.parametrize("run_all", [scan, scan_lazy])
def test_a_scan_by_a_cluster_is_that_of_this_machine(cluster, run_all) -> None:
    here, there = MemoryStore(), MemoryStore()
    run_all(CONFIGS, here)
    report = run_all(CONFIGS, there, workers=cluster)
    assert (report.done, report.not_fitted) == (len(CONFIGS), {})
    pd.testing.assert_frame_equal(_rows(there), _rows(here), check_exact=True)


def test_margins_are_measured_where_the_kernel_is(cluster, tmp_path) -> None:
    logs = [DensityLog(tmp_path / "here.json"), DensityLog(tmp_path / "there.json")]
    scan_lazy(CONFIGS, MemoryStore(), logs=(logs[0],))
    scan_lazy(CONFIGS, MemoryStore(), logs=(logs[1],), workers=cluster)
    assert (tmp_path / "here.json").read_bytes() == (tmp_path / "there.json").read_bytes()


def test_a_lost_run_is_stored_as_failed_with_its_reason(cluster) -> None:
    class Lethal(NetWork):
        def placed(self, workers):
            return self

        def __reduce__(self):
            return Deadly, (CONFIGS[0],)

    store = MemoryStore()
    report = drive(checked(CONFIGS[:1], Lethal(), cluster), store)
    assert report.not_fitted == {"failed": 1}
    assert list(store.frame()["message"]) == ["WorkerLost: 4 workers died under this run"]


def test_absent_data_of_a_worker_are_one_line(cluster, tmp_path) -> None:
    configs = list(NetGrid(data="mnist", P=(32,), seeds=1))
    with pytest.raises(InputError, match=r"worker tcp://\S+: .*mnist"):
        scan(configs, MemoryStore(), data_dir=tmp_path, workers=cluster)


def test_gpus_are_asked_for_where_no_worker_offers_any(dask, tmp_path, capfd) -> None:
    command = ["nets", "scan", "--device", "cuda", "--scheduler", dask.address]
    assert run_command([*command, "--out", str(tmp_path / "out")]) == 2
    err = capfd.readouterr().err
    assert "no worker offers a GPU: start one as dask worker tcp://" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_planes_of_nets_are_mapped_by_a_cluster(dask, tmp_path, capfd) -> None:
    command = ["phase", "--plane", "P-T", "-P", "32,64", "-T", "2^-9,2^-7", "--seeds", "2"]
    for name, more in {"here": [], "there": ["--scheduler", dask.address]}.items():
        assert run_command([*command, *more, "--out", str(tmp_path / name)]) == 0, (
            capfd.readouterr()
        )
    here, there = ((tmp_path / name / "summary.json").read_text() for name in ("here", "there"))
    assert here == there
