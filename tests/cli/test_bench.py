"""The benchmark command: what it writes, and that its numbers agree with each other."""

import contextlib
import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.commands.bench import PARTS, _part_names
from cli.main import run
from perceptron_sim.bench import compare as bench
from perceptron_sim.bench.compare import HEADLINE, Case, Settings
from perceptron_sim.kernels.dynamics import DYNAMICS

# Kernels that the fastest is compared with.
_OTHERS = len(bench.KERNELS) - 1


def _quick(out: Path, cases: str) -> list[str]:
    return ["bench", "--quick", "--cases", cases, "--out", str(out)]


def _no_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "sklearn", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(scope="module")
def headline(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the headline cases leave in bench.json, which --json prints too."""
    out = tmp_path_factory.mktemp("headline")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run([*_quick(out, "headline"), "--json"]) == 0
    content = json.loads(printed.getvalue())
    assert content == json.loads((out / "bench.json").read_text())
    return content


def test_headline_json_agrees_with_itself(headline: dict[str, Any]) -> None:
    content = headline
    assert content["machine"]["processor"]
    assert "numba" in content["machine"]["versions"]
    assert all(content["copying"][name]["GB_per_s"] > 0 for name in ("memory", "cache"))
    assert all(content["least_call_s"][kernel] > 0 for kernel in bench.KERNELS)
    assert {row["case"] for row in content["peers"]} == {row["case"] for row in content["headline"]}
    for row in content["headline"]:
        assert row["seeds"] == 2
        for kernel in bench.KERNELS:
            timing = row[kernel]
            assert len(timing["wall_s"]) == len(timing["steps"]) == 2
            assert timing["not_fitted"] == 0
            assert 0 < timing["min_s"] <= timing["median_s"] <= timing["max_s"]
            assert timing["median_s"] == pytest.approx(np.median(timing["wall_s"]))
            per_step = 1e9 * sum(timing["wall_s"]) / sum(timing["steps"])
            assert timing["ns_per_step"] == pytest.approx(per_step)
        for ratio, field in (
            ("of_medians", "median_s"),
            ("of_sums", "sum_s"),
            ("per_step", "ns_per_step"),
        ):
            expected = row["reference"][field] / row["event"][field]
            assert row["ratios"][ratio] == pytest.approx(expected)
            assert row["ratios"][ratio] > 0


def test_every_dynamics_is_timed_by_every_loop_of_the_table(tmp_path: Path, capsys) -> None:
    assert run(_quick(tmp_path, "dynamics")) == 0
    printed = capsys.readouterr().out
    rows = json.loads((tmp_path / "bench.json").read_text())["dynamics"]
    assert {row["dynamics"] for row in rows} == DYNAMICS.keys() - {"sgd"}
    for row in rows:
        assert f"{row['dynamics']}: chi" in printed
        for kernel in DYNAMICS[row["dynamics"]].on_given_data:
            assert row[kernel]["not_fitted"] == 0
            assert row[kernel]["ns_per_step"] > 0


def test_libraries_are_extrapolated_from_their_time_per_step(headline: dict[str, Any]) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("torch")
    content = headline
    rows = {row["case"]: row for row in content["headline"]}
    for entry in content["peers"]:
        row = rows[entry["case"]]
        assert entry["reference_steps"] == pytest.approx(np.mean(row["reference"]["steps"]))
        # One library takes B one-sample steps for each step of the reference, the other one.
        for name, steps in (("scikit-learn", row["B"]), ("torch", 1)):
            peer = entry[name]
            expected = 1e-9 * peer["ns_per_step"] * steps * entry["reference_steps"]
            assert peer["extrapolated_s"] == pytest.approx(expected)
            assert peer["extrapolated_s"] > 0


def test_other_parts_and_tables(tmp_path: Path, capsys, monkeypatch) -> None:
    _no_libraries(monkeypatch)
    assert run(_quick(tmp_path, "headline,size,growth,threads")) == 0
    text = capsys.readouterr().out
    for word in ("per step", "peak memory", "cost on P", "scikit-learn: skipped, not installed"):
        assert word in text
    content = json.loads((tmp_path / "bench.json").read_text())
    assert all(row["peak_bytes"] >= row["peak_bytes_before"] > 0 for row in content["size"])
    for row in content["growth"]:
        assert len(row["runs"]) == len(row["P"])
        fit = row["cost_exponent"]
        assert fit["ci_low"] <= fit["measured"] <= fit["ci_high"]
    threads = content["threads"]
    assert "skipped" in threads or threads["efficiency"] == pytest.approx(threads["speed_up"] / 2)
    assert all((tmp_path / f"cost_on_P.{kind}").stat().st_size > 5_000 for kind in ("png", "svg"))
    assert "torch" in content["peers"][0]
    assert "skipped" in content["peers"][0]["torch"]


def test_grid_names_what_it_skips(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(bench, "GRID", bench.GRID[:2])
    assert run([*_quick(tmp_path, "grid"), "--limit-s", "1e-9"]) == 0
    captured = capsys.readouterr()
    assert "skipped: chi 0, d 8, P 128, B 1, kappa/T 2^-15: a reference run" in captured.out
    content = json.loads((tmp_path / "bench.json").read_text())
    assert all("predicted" in row["skipped"] for row in content["grid"])
    assert "peers" not in content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cases", "headlin"], "'headlin' is unknown: did you mean 'headline'? choose one of"),
        (["--cases", "size,zzz"], "'zzz' is unknown: choose one of headline, dynamics"),
        (["--cases", ""], "'' is unknown: choose one of"),
        (["--repeats", "1"], "--repeats 1: allowed is >= 2"),
        (["--limit-s", "0"], "--limit-s 0: allowed is 0 < seconds < inf"),
        (["--limit-s", "nan"], "--limit-s nan: allowed is 0 < seconds < inf"),
    ],
)
def test_bad_requests_are_one_line(arguments, message, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["bench", *arguments, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not out.exists()


def test_a_file_is_no_folder(tmp_path: Path, capsys) -> None:
    target = tmp_path / "x"
    target.write_text("")
    assert run(_quick(target, "headline")) == 2
    assert "name a folder with --out" in capsys.readouterr().err


def test_all_stands_for_every_part_once() -> None:
    assert _part_names("growth,all") == ("growth", *(name for name in PARTS if name != "growth"))


@pytest.mark.parametrize(
    ("fastest_s", "others_s", "seeds"),
    [(1e-5, 1e-5, 40), (2e-3, 2e-3, 3), (1e-4, 2e-2, math.ceil(0.2 / (2e-2 * _OTHERS + 1e-4)))],
)
def test_short_runs_get_more_seeds(fastest_s, others_s, seeds, monkeypatch) -> None:
    """Where one kernel takes less than a millisecond, until all took 0.2 s, 40 at most."""
    real = bench.run_kernel

    def timed(config, kernel, *rest):
        wall_s = fastest_s if kernel == bench.KERNELS[0] else others_s
        return replace(real(config, kernel, *rest), wall_s=wall_s)

    monkeypatch.setattr(bench, "run_kernel", timed)
    (row,) = bench.compare([Case(1, 4, 32)], Settings(repeats=3), lambda _text: None)
    assert row["seeds"] == seeds


def test_quick_shrinks_every_case() -> None:
    cases = Settings(quick=True).shown(HEADLINE)
    assert len(set(cases)) == len(cases)
    assert all(case.P <= 128 for case in cases)
    assert Settings().shown(HEADLINE) == list(HEADLINE)
