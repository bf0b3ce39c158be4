"""The estimate of time against measured runs, the dry run, and the budget of a scan."""

import json
import math
import time
from pathlib import Path

import pytest

from cli.main import run as command_line
from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.scans import interrupts as interrupts_module
from perceptron_sim.scans import scan as scan_module
from perceptron_sim.scans.run_time import estimate, seconds
from perceptron_sim.store.store import ParquetStore

GRID = ["scan", "--chi", "0,1", "-d", "8", "-P", "64,128", "-T", "1,2", "--seeds", "5"]


@pytest.mark.parametrize(
    ("chi", "d", "P"), [(0.0, 64, 8192), (1.0, 32, 32768), (3.0, 16, 65536), (1.0, 4, 16)]
)
def test_a_run_takes_about_what_was_estimated(chi: float, d: int, P: int) -> None:
    # Five standard deviations of ln for one run, or twice that where a busy machine adds to it.
    config = PerceptronConfig(chi=chi, d=d, P=P, T=1.0)
    simulate(PerceptronConfig(P=8, d=2))
    measured = simulate(config, "event", None).wall_s
    assert -5 * 0.8 < math.log(measured / seconds(config, "event")) < 10 * 0.8


def test_the_longer_of_two_runs_is_known() -> None:
    small, large = (PerceptronConfig(P=P) for P in (1024, 65536))
    for how in (("event",), ("reference",), ("reference", "sde")):
        assert seconds(large, *how) > 10 * seconds(small, *how)
    assert math.isfinite(seconds(PerceptronConfig(chi=1e6, P=2**60, d=2, T=1e-100), "event"))


def test_an_estimate_counts_each_run_once() -> None:
    configs = [PerceptronConfig(P=64, seed=seed) for seed in (0, 1, 1, 2)]
    found = estimate(configs, "event", {configs[0].key("event")})
    assert (found.runs, found.found) == (3, 1)
    assert found.core_s == pytest.approx(2 * seconds(configs[0], "event"))
    assert found.wall_s(1) == found.core_s
    assert found.wall_s(8) == found.longest_s
    assert estimate(configs, "reference", set(), "sde").core_s is None


def test_a_dry_run_touches_nothing_and_counts_what_is_stored(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert command_line([*GRID, "--dry-run", "--out", str(out)]) == 0
    assert f"40 runs: 0 stored in {out}, 40 to do" in capsys.readouterr().out
    assert not out.exists()
    assert command_line([*GRID, "--out", str(out)]) == 0
    capsys.readouterr()
    more = [*GRID[:-1], "7", "--out", str(out), "--dry-run"]
    assert command_line([*more, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["runs"], facts["found"], facts["memory_bytes"] > 0) == (56, 40, True)
    assert command_line([*more, "--dynamics", "sde"]) == 0
    assert "time: not measured for dynamics sde, kernel auto" in capsys.readouterr().out


def test_a_scan_out_of_budget_says_what_is_missing_and_goes_on(
    tmp_path: Path, capsys, monkeypatch
) -> None:
    out = tmp_path / "out"
    calls = 0
    clock = time.monotonic

    def late(*args, **kwargs):
        # The tiny run that loads the kernel comes first; the third run ends after the budget.
        nonlocal calls
        calls += 1
        return simulate(*args, **kwargs)

    class Clock:
        perf_counter = staticmethod(time.perf_counter)

        @staticmethod
        def monotonic() -> float:
            return clock() + (3600.0 if calls > 3 else 0.0)

    with monkeypatch.context() as patch:
        patch.setattr(scan_module, "simulate", late)
        patch.setattr(interrupts_module, "time", Clock)
        arguments = [*GRID, "--workers", "1", "--out", str(out)]
        assert command_line([*arguments, "--budget", "30m"]) == 1
    stored = len(ParquetStore.existing(out).keys())
    assert 3 <= stored <= 8
    assert f"out of budget with {40 - stored} of 40 runs to go" in capsys.readouterr().err
    assert command_line([*GRID, "--budget", "2h", "--out", str(out)]) == 0
    assert f"{stored} runs found" in capsys.readouterr().err
    assert "budget" not in json.loads((out / "summary.json").read_text())["command"]


@pytest.mark.parametrize("text", ["10", "800runs", "-1s", "soon"])
def test_a_budget_that_is_no_time_is_refused(tmp_path: Path, capsys, text: str) -> None:
    out = tmp_path / "out"
    assert command_line([*GRID, "--budget", text, "--out", str(out)]) == 2
    assert "--budget" in capsys.readouterr().err
    assert not out.exists()


def test_runs_outside_the_window_are_said(tmp_path: Path, capsys) -> None:
    assert estimate([PerceptronConfig(P=4096)], "event", set()).outside == 0
    cold = [PerceptronConfig(P=4096, T=1.0, kappa=100.0), PerceptronConfig(P=4096, B=512)]
    assert estimate(cold, "event", set()).outside == 2
    line = ["scan", "-P", "64", "-T", "1,2^-20", "--seeds", "2", "--chi", "1", "--dry-run"]
    assert command_line([*line, "--out", str(tmp_path / "out")]) == 0
    assert "2 of the runs are outside the window" in capsys.readouterr().out


def test_what_was_never_measured_leaves_a_sum_unknown() -> None:
    known = estimate([PerceptronConfig(P=64)], "event", set())
    unknown = estimate([PerceptronConfig(P=64)], "sde", set())
    both = known + known
    assert both.core_s == 2 * known.core_s
    assert both.longest_s == known.longest_s
    assert (known + unknown).core_s is None
    # Nothing left takes no time, by whatever kernel.
    stored = {PerceptronConfig(P=64).key("sde")}
    assert (known + estimate([PerceptronConfig(P=64)], "sde", stored)).core_s == known.core_s
