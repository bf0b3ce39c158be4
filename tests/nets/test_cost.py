"""Estimates for nets against measured runs; the dry runs and budgets of their commands."""

import json
import math
from pathlib import Path

import pytest

import nets.scan as scan_module
from cli.main import run
from nets.config import NetConfig, NetGrid
from nets.lazy import LazyConfig
from nets.lazy.scan import LazyWork, scan_lazy
from nets.run_time import ERROR, kernel_seconds, net_seconds
from nets.scan import NetWork
from nets.training import train
from perceptron_sim.store.store import ParquetStore

GRID = ["--width", "8", "-P", "16,32", "-T", "2^-6,2^-5", "--seeds", "3", "--test-samples", "16"]


@pytest.mark.parametrize(
    ("P", "B", "alpha", "T"), [(512, 16, 2.0**15, 2.0**-9), (256, 4, 1.0, 2.0**-6)]
)
def test_a_net_takes_about_what_was_estimated(P: int, B: int, alpha: float, T: float) -> None:
    # Five standard deviations of ln for one run, or twice that where a busy machine adds to it.
    train([NetConfig(P=16, width=8)])
    config = NetConfig(P=P, B=B, kappa=1 / alpha, T=T)
    measured = train([config])[0].wall_s
    assert -5 * ERROR < math.log(measured / net_seconds(config, 64)) < 10 * ERROR


def test_estimates_know_what_takes_longer() -> None:
    small, large = (NetConfig(P=P) for P in (64, 4096))
    assert net_seconds(large, 64) > 5 * net_seconds(small, 64)
    assert net_seconds(NetConfig(kappa=1e100, T=1e-100, max_steps=10**4), 64) < math.inf
    deep = NetConfig(P=4096, depth=5, width=128)
    assert kernel_seconds(deep, 784) > 3 * kernel_seconds(large, 64)
    # 11,000 gradients of 41 million multiplications forward, at 3 ns each; no law of dense nets.
    mnas = NetConfig(arch="mnas", data="cifar10", width=64, P=1024, B=64)
    wider = NetConfig(arch="mnas", data="cifar10", width=32, P=1024, B=64)
    assert 2 < net_seconds(mnas, 3072, (3, 32, 32)) / net_seconds(wider, 3072, (3, 32, 32)) < 3
    assert 1000 < kernel_seconds(mnas, 3072, (32, 32, 3)) < 5000


def test_each_run_and_each_kernel_is_counted_once() -> None:
    configs = [NetConfig(P=P, seed=seed) for P in (64, 128) for seed in (0, 1, 1)]
    found = NetWork().estimate(configs, {configs[0].key()})
    assert (found.runs, found.found) == (4, 1)
    assert found.core_s == pytest.approx(
        net_seconds(configs[0], 64) + 2 * net_seconds(configs[3], 64)
    )
    # Dense nets in ensembles were not measured.
    assert NetWork(engine="ensemble").estimate(configs, set()).core_s is None
    cnn = NetWork().estimate([NetConfig(arch="cnn", depth=2, width=4)], set())
    assert cnn.core_s is not None
    assert cnn.factor > 1.5 * found.factor
    lazy = [LazyConfig(config) for config in configs]
    every, kernelless = (LazyWork().estimate(lazy, stored) for stored in (set(), {lazy[0].key()}))
    assert (every.runs, every.bytes_a_run) == (4, 4 * 128**2)
    # The run at P = 64 shares the kernel of P = 128.
    assert every.core_s is not None
    assert kernelless.core_s is not None
    assert every.core_s - kernelless.core_s < kernel_seconds(configs[0], 64) + 3e-4


@pytest.mark.parametrize("kind", ["scan", "lazy"])
def test_a_dry_run_touches_nothing_and_counts_what_is_stored(kind, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = ["nets", kind, *GRID, "--max-steps", "2000", "--out", str(out)]
    assert run([*grid, "--dry-run"]) == 0
    assert f"12 runs: 0 stored in {out}, 12 to do" in capsys.readouterr().out
    assert not out.exists()
    # What the command stores, without its figures.
    values = {"width": 8, "P": (16, 32), "T": (2.0**-6, 2.0**-5), "seeds": 3, "P_test": 16}
    configs = NetGrid(**values, max_steps=2000)
    {"scan": scan_module.scan, "lazy": scan_lazy}[kind](configs, ParquetStore(out))
    assert run([*grid, "--seeds", "5", "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["runs"], facts["found"], facts["memory_bytes"] > 0) == (20, 12, True)
    assert 0 < facts["wall_s"] <= facts["core_s"]


@pytest.mark.parametrize("plane", ["alpha-T", "P-T"])
def test_planes_say_what_they_cost(plane: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["phase", "--plane", plane, "--out", str(out), "--dry-run", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["core_s"] > 1
    assert run(["phase", "--plane", plane, "--budget", "1s", "--out", str(out), "--dry-run"]) == 0
    assert "time: about 1 s with" in capsys.readouterr().out
    assert not out.exists()


def test_nets_out_of_budget_are_missing_and_come_later(tmp_path: Path, capsys, monkeypatch) -> None:
    out = tmp_path / "out"
    grid = ["nets", "scan", *GRID, "--out", str(out)]
    passed = scan_module.passed
    monkeypatch.setattr(scan_module, "passed", lambda until: until is not None)
    assert run([*grid, "--budget", "1h"]) == 1
    said = capsys.readouterr().err
    assert "out of budget with 1" in said
    assert "runs to go: repeat the command to go on" in said
    assert len(ParquetStore(out).keys()) < 12
    monkeypatch.setattr(scan_module, "passed", passed)
    assert run([*grid, "--budget", "1h"]) == 0
    assert len(ParquetStore(out).keys()) == 12
    assert "--budget" not in json.loads((out / "summary.json").read_text())["command"]


@pytest.mark.parametrize("kind", ["scan", "lazy"])
def test_a_budget_of_runs_is_none_of_a_scan(kind: str, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["nets", kind, *GRID, "--budget", "5runs", "--out", str(out)]) == 2
    assert "counts runs: a scan takes a time" in capsys.readouterr().err
    assert not out.exists()
