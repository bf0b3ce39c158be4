"""``phase`` in process: maps, resuming, budgets, exact errors."""

import contextlib
import json
import math
from pathlib import Path

import pandas as pd
import pytest

from cli.main import run
from perceptron_sim.phase.dynamics import end_ratios
from perceptron_sim.phase.entries import DynamicsEnd
from perceptron_sim.scans import scan as scan_module

SMALL = ["-d", "8", "-P", "128,512", "-B", "1,4,16,64", "--eta", "2^-4:2^8:7", "--seeds", "2"]


def _phase(*arguments: str) -> int:
    return run(["phase", *arguments])


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole map, and what was printed in two files beside it."""
    out = tmp_path_factory.mktemp("mapped") / "out"
    with (
        out.with_suffix(".out").open("w") as said,
        out.with_suffix(".err").open("w") as noted,
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(noted),
    ):
        assert _phase(*SMALL, "--uniform", "--out", str(out)) == 0
    return out


def test_a_plane_leaves_a_folder_that_explains_itself(mapped: Path) -> None:
    out = mapped
    assert "B* ~ P^x" in out.with_suffix(".out").read_text()
    assert "112 simulated" in out.with_suffix(".err").read_text()
    assert "56 of 56 cells" in out.with_suffix(".err").read_text()
    assert {p.name for p in out.iterdir()} == {
        *("runs", "store.json", "summary.json", "cells.parquet"),
        *("B-eta_map.png", "B-eta_map.svg"),
    }
    summary = json.loads((out / "summary.json").read_text())
    (first, second) = summary["boundaries"]
    assert first["B_star"]["value"] < second["B_star"]["value"]
    for row in (first, second):
        # A rough map of 28 cells: a factor 1.6 is five times the error of the fit.
        assert 0.6 < row["B_star"]["value"] / row["B_star"]["predicted"] < 1.6
        assert 0.6 < row["T_c_over_kappa"]["value"] / row["T_c_over_kappa"]["predicted"] < 1.6
    (slope,) = summary["B_star_on_P"]
    assert slope["ci_low"] < slope["measured"] < slope["ci_high"]
    cells = pd.read_parquet(out / "cells.parquet")
    assert len(cells) == 56
    assert (cells["n_seeds"] == 2).all()


@pytest.mark.usefixtures("sketches")
def test_repeating_simulates_nothing_and_says_the_same(tmp_path, capsys, monkeypatch) -> None:
    command = [*SMALL, "--out", str(tmp_path / "out"), "--json"]
    assert _phase(*command) == 0
    first = capsys.readouterr().out

    def forbidden(*_args, **_kwargs):
        raise AssertionError("a stored run was simulated again")

    monkeypatch.setattr(scan_module, "simulate", forbidden)
    assert _phase(*command) == 0
    assert capsys.readouterr().out == first


@pytest.mark.usefixtures("sketches")
def test_a_map_out_of_budget_goes_on_where_it_stopped(mapped: Path, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert _phase(*SMALL, "--uniform", "--budget", "60runs", "--out", str(out)) == 0
    text = capsys.readouterr().err
    assert "60 simulated" in text
    assert "out of budget" in text
    assert not json.loads((out / "summary.json").read_text())["complete"]
    assert _phase(*SMALL, "--uniform", "--out", str(out)) == 0
    assert "60 runs found, 52 simulated" in capsys.readouterr().err
    resumed = json.loads((out / "summary.json").read_text())
    assert json.loads((mapped / "summary.json").read_text()) == resumed
    pd.testing.assert_frame_equal(
        pd.read_parquet(out / "cells.parquet"), pd.read_parquet(mapped / "cells.parquet")
    )


@pytest.mark.usefixtures("sketches")
def test_a_second_is_no_time_and_a_cell_may_cost_too_much(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert _phase(*SMALL, "--budget", "0.000001s", "--out", str(out)) == 2
    assert "is too small for one cell" in capsys.readouterr().err
    assert _phase(*SMALL, "--uniform", "--max-updates", "40", "--out", str(out)) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"]["over budget"] > 5
    assert summary["status"]["fitted"] > 5
    cells = pd.read_parquet(out / "cells.parquet")
    assert cells.loc[cells["status"] == "over budget", "w_norm_ln"].isna().all()


def test_the_crossover_in_T(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = ["-d", "8", "-P", "128,256", "-T", "2^-4:2^12:9", "--kappa", "0.3,1", "--seeds", "3"]
    assert _phase("--plane", "T-kappa", "--chi", "1", *grid, "--out", str(out)) == 0
    assert "is T_c/kappa one number?" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    for row in summary["crossovers"]:
        assert 0.5 < row["T_c_over_kappa"]["value"] / row["T_c_over_kappa"]["predicted"] < 2.0
        # Slope 1 with an error of 0.03: five of them.
        assert abs(row["noise_slope"]["measured"] - 1.0) < 0.15
    assert summary["constancy"][0]["n_series"] == 2
    assert (out / "T-kappa_crossover.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plane", "alpha-beta"], "plane 'alpha-beta' is unknown: choose one of B-eta"),
        (["-T", "1"], "plane B-eta takes no T: choose from chi, d, P, B, eta"),
        (["--eta", "0,1"], "eta = 0 on a logarithmic axis: allowed is eta > 0"),
        (["--kappa", "0"], "kappa = 0 on a logarithmic axis"),
        (["--alpha", "0"], "allowed is 0 < alpha < inf"),
        (["--alpha", "1", "--kappa", "1"], "both kappa and alpha are given"),
        (["-P", "8", "-B", "16"], "no batch size up to P = 8"),
        (["--budget", "soon"], "write a time, 90s, 10min or 2h"),
        (["--observable", "beauty"], "observable 'beauty' is unknown here"),
        (["--chi", "-2"], "chi = -2 has no normalisable density"),
        (["--seeds", "0"], "seeds = 0: allowed is an integer >= 1"),
        (["--kernel", "fast"], "'fast' is not one of 'auto', 'event', 'deferred', 'reference'"),
        (["-B", "0"], "B = 0 on a logarithmic axis"),
        (["--kernel", "event", "-P", "10^11"], "of memory and"),
    ],
)
def test_bad_requests_are_one_line_and_touch_nothing(arguments, message, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert _phase(*arguments, "--out", str(out)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not out.exists()


def test_late_noise(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = ["--chi", "1", "-d", "8", "-P", "128", "-T", "2^-4,1,3,64", "--seeds", "8"]
    assert _phase("--plane", "late-noise", *grid, "--out", str(out)) == 0
    assert "when noise acts" in capsys.readouterr().out
    (found,) = json.loads((out / "summary.json").read_text())["noise_delay"]
    # T = 64 is far beyond T_c.
    assert found["n_T"] == 3
    assert found["ci_low"] < found["measured"] < found["ci_high"]
    courses = pd.read_parquet(out / "courses.parquet")
    assert courses["weights"].iloc[-1] == courses["noise"].iloc[-1] == 1.0
    assert (out / "late-noise_curves.png").exists()
    assert _phase("--plane", "late-noise", "-T", "1", "--out", str(out)) == 2
    assert "T has one value" in capsys.readouterr().err


def test_dynamics(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = ["-d", "8", "-P", "256", "-B", "1,256", "--seeds", "8"]
    assert _phase("--plane", "dynamics", *grid, "--out", str(out)) == 0
    assert "less SGD's on the same data" in capsys.readouterr().out
    ends = json.loads((out / "summary.json").read_text())["ends"]
    by_name = {(row["dynamics"], row["B"]): row["w_norm"] for row in ends}
    # One batch is all samples: the same steps, whatever the order.
    assert by_name["shuffled", 256]["measured"] == pytest.approx(0.0, abs=1e-9)
    # Beyond B* the first step makes ||w||, of which the SDE knows nothing: a factor 100 or more.
    assert by_name["SDE", 256]["ci_high"] < -3.0
    assert len(pd.read_parquet(out / "courses.parquet")) > 0
    others = {"shuffled", "SDE", "SDE, uncentred", "Poisson hits"}
    assert set(pd.read_parquet(out / "cells.parquet")["dynamics"]) == {"SGD", *others}
    ratios = end_ratios(DynamicsEnd.from_json(row, "ends") for row in ends)
    found = {(r.dynamics, r.B, r.quantity): r for r in ratios}
    for (name, B, quantity), ratio in found.items():
        row = next(r for r in ends if (r["dynamics"], r["B"]) == (name, B))
        assert math.log(ratio.measured) == pytest.approx(row[quantity]["measured"], abs=1e-12)
        assert ratio.ci_low <= ratio.measured <= ratio.ci_high
    # Jumps tell two noises of one covariance apart. Measured 0.455 and 1.025 on 64 other seeds; in
    # ln the bound is 3.6 and 4.8 standard errors of 8 seeds away. Seeds are fixed.
    assert found["SDE, uncentred", 1, "w_norm"].measured < 0.7
    assert found["Poisson hits", 1, "w_norm"].measured > 0.7


@pytest.mark.usefixtures("sketches")
def test_dynamics_are_chosen_by_name(tmp_path: Path, capsys) -> None:
    grid = ["--plane", "dynamics", "-d", "4", "-P", "32", "-B", "1", "--seeds", "2"]
    out = str(tmp_path / "out")
    assert _phase(*grid, "--dynamics", "sde/16", "--out", out, "--json") == 0
    assert {row["dynamics"] for row in json.loads(capsys.readouterr().out)["ends"]} == {"SDE, T/16"}
    assert _phase(*grid, "--dynamics", "sgd", "--out", out) == 2
    assert "nothing to compare SGD with: name another --dynamics" in capsys.readouterr().err
    several = ["--dynamics", "sde", "--dynamics", "poisson", "--out", out]
    assert _phase(*grid[2:], "--eta", "1,2", *several) == 2
    assert "this plane has one dynamics: give --dynamics once" in capsys.readouterr().err
