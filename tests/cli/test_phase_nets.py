"""``perceptron-sim phase`` of nets in process: tiny maps, resumed, and what they leave behind."""

import json
from pathlib import Path

import pandas as pd
import pytest

from cli.main import run
from nets.phase import PLANES
from perceptron_sim.phase import plane_of
from perceptron_sim.phase.output import settings_of

TINY = ["--depth", "1", "--width", "8", "-P", "32", "-B", "8", "--test-samples", "64"]
MAP = [*TINY, "--alpha", "2^-4:2^8:7", "-T", "2^-8:2^2:11", "--seeds", "2", "--max-steps", "1000"]


def _phase(*arguments: str) -> int:
    return run(["phase", *arguments])


def test_a_map_of_alpha_and_T_resumes_and_explains_itself(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    command = ["--plane", "alpha-T", *MAP, "--out", str(out)]
    assert _phase(*command, "--keep-outputs", "--budget", "60runs", "--uniform") == 0
    captured = capsys.readouterr()
    assert "out of budget" in captured.err
    assert _phase(*command, "--keep-outputs") == 0
    captured = capsys.readouterr()
    assert " 0 runs found" not in captured.err
    for words in ("T_opt and T_max ~ alpha^k", "end of the lazy regime", "slope of ln(test error)"):
        assert words in captured.out
    summary = json.loads((out / "summary.json").read_text())
    assert summary["status"]["fitted"] > 20
    assert summary["status"].get("diverged", 0) + summary["status"].get("unfitted", 0) > 5
    (regime,) = summary["regimes"]
    assert regime["k_predicted"] == 0.0
    # Far from the corner the lazy law is exact but for two seeds of a tiny net.
    edge = regime["lazy_boundary"]
    assert 0.3 < edge["alpha_at_small_T"]["value"] / edge["alpha_predicted"] < 3.0
    cells = pd.read_parquet(out / "cells.parquet")
    assert set(cells["model"]) == {"net", "lazy"}
    assert {"rows.parquet", "boundary.parquet", "alpha-T_map.png", "alpha-T_map.svg"} <= {
        path.name for path in out.iterdir()
    }
    # The average over seeds errs less than they do; runs that failed have none.
    both = pd.read_parquet(out / "averages.parquet")
    assert len(both) > 10
    assert (both["average_error_ln"] - both["test_error_ln"]).mean() < 0.0
    assert regime["opposition_of_average"] is None or "verdict" in regime["opposition_of_average"]
    assert _phase(*command, "--json") == 0
    captured = capsys.readouterr()
    assert " 0 simulated" in captured.err
    assert json.loads(captured.out)["regimes"] == summary["regimes"]


def test_T_c_by_training_and_by_the_lazy_limit(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = ["--depth", "1", "--width", "16", "-P", "16,64,256", "-B", "4", "--test-samples", "64"]
    grid += ["-T", "2^-7:2^2:10", "--seeds", "3", "--max-steps", "2000", "--out", str(out)]
    assert _phase("--plane", "P-T", *grid) == 0
    assert "T_c ~ P^-a" in capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    rows = summary["nets"][0]["onsets"]
    lazy = [row for row in rows if row["by"] == "lazy" and row["quantity"] == "dw_rel"]
    assert lazy
    for row in lazy:
        # In the lazy limit a is gamma/delta up to the choice of window; errors about 0.1.
        assert abs(row["difference"]["measured"]) < 0.5
    assert len(pd.read_parquet(out / "T_c.parquet")) == sum(len(row["T_c"]) for row in rows)
    assert (out / "P-T_onset.png").exists()
    assert _phase("--plane", "P-T", *grid, "--kernel", "lazy") == 0
    assert "90 runs found, 0 simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plane", "T-kappa", "--depth", "3"], "plane T-kappa takes no depth"),
        (["--depth", "3", "--chi", "1"], "plane B-eta of nets takes no chi"),
        (["--plane", "dynamics", "--kernel", "net"], "the dynamics of nets are those of lin"),
        (["--plane", "late-noise", "--arch", "mlp", "-T", "1"], "T has one value"),
        (["--data", "digits", "--kernel", "event"], "not a kind of run here: auto (both)"),
        (["--kernel", "lazy", "-T", "1"], "plane B-eta of nets takes no T"),
        (["--plane", "alpha-T", "--chi", "1"], "plane alpha-T takes no chi"),
        (["--plane", "alpha-T", "-T", "0,1"], "T = 0 on a logarithmic axis"),
        (["--plane", "alpha-T", "-P", "1500"], "1500 is more than the 1198 training images"),
        (["--plane", "alpha-T", "--data", "minst"], "did you mean 'mnist'?"),
        (["--plane", "alpha-T", "--device", "gpu"], "device = 'gpu' is unknown"),
        (["--plane", "alpha-T", "--max-updates", "5"], "max_updates means nothing to nets"),
        (
            ["--plane", "P-T", "--kernel", "event"],
            "not a kind of run here: auto (both)",
        ),
        (["--plane", "P-T", "-B", "128"], "P = 64 is smaller than B = 128"),
        (["--plane", "alpha-T", "--observable", "w_norm"], "choose one of test_error"),
    ],
)
def test_bad_requests_are_one_line_and_touch_nothing(arguments, message, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert _phase(*arguments, "--out", str(out)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not out.exists()


def test_dynamics_of_linearised_nets_on_one_kernel(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    command = ["--plane", "dynamics", "--depth", "1", "--width", "8", "-P", "32", "-B", "1,32"]
    command += ["--test-samples", "64", "--seeds", "3", "--out", str(out)]
    for name in ("shuffled", "sde", "poisson"):
        command += ["--dynamics", name]
    assert _phase(*command) == 0
    assert "less SGD's on the same kernels" in capsys.readouterr().out
    ends = json.loads((out / "summary.json").read_text())["ends_of_nets"]
    assert {(end["dynamics"], end["B"]) for end in ends} == {
        (name, B) for name in ("shuffled", "SDE", "Poisson hits") for B in (1, 32)
    }
    # Whole batches are the same, shuffled or not; gradient descent in steps of T moves less.
    at_P = {end["dynamics"]: end for end in ends if end["B"] == 32}
    assert at_P["shuffled"]["dw"]["measured"] == 0.0
    assert at_P["SDE"]["dw"]["ci_high"] < 0.0
    assert (out / "dynamics_ends.png").exists()
    assert _phase(*command) == 0
    assert "24 runs found, 0 simulated" in capsys.readouterr().err


def test_late_noise_of_nets_from_their_courses(tmp_path: Path, capsys) -> None:
    out, scanned = tmp_path / "out", tmp_path / "scan"
    net = ["--depth", "1", "--width", "8", "-P", "64", "-B", "8", "--test-samples", "64"]
    net += ["--alpha", "64", "-T", "2^-12:2^-3:6", "--seeds", "4"]
    assert _phase("--plane", "late-noise", *net, "--out", str(out)) == 0
    assert "when noise acts" in capsys.readouterr().out
    found = json.loads((out / "summary.json").read_text())["noise_delay_of_nets"]
    assert [row.get("model", "net") for row in found] == ["lazy", "net"]
    for row in found:
        assert row["data"] == "digits"
        assert row["n_T"] >= 2
    assert (out / "late-noise_curves.png").exists()
    # Trained runs of a scan say the same: they are the same runs.
    assert run(["nets", "scan", *net, "--max-steps", "100000", "--out", str(scanned)]) == 0
    again = json.loads((scanned / "summary.json").read_text())["noise_delay_of_nets"]
    assert again == [row for row in found if "model" not in row]


def test_nets_are_not_imported_for_a_map_of_the_perceptron() -> None:
    import subprocess
    import sys

    code = "import nets.phase, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--eta", "1", "-T", "1"], "both T and eta"),
        (["--eta", "1", "-B", "4,8"], "at one B alone"),
        (["--eta", "1", "--width", "8,16"], "at one width alone"),
    ],
)
def test_eta_stands_for_T_where_that_is_one_number(options, said, capsys) -> None:
    assert run(["phase", "--plane", "alpha-T", "--dry-run", *options]) == 2
    assert said in capsys.readouterr().err


def test_learning_rates_are_temperatures() -> None:
    given = {"eta": (64.0, 128.0), "B": (4,), "width": (16,)}
    for name in ("alpha-T", "P-T"):
        assert settings_of(plane_of(name, PLANES), name, dict(given))["T"] == (1.0, 2.0)


def test_three_phases_of_nets_beside_what_their_kernels_predict(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    grid = [
        "--depth",
        "1",
        "--width",
        "16",
        "-P",
        "64,128",
        "-B",
        "1:128:8",
        "--test-samples",
        "64",
    ]
    grid += ["--alpha", "1024", "--eta", "2^-12:2^4:9", "--seeds", "3", "--out", str(out)]
    assert _phase(*grid) == 0
    captured = capsys.readouterr()
    for words in ("boundaries of the three phases", "exponents within each phase", "B* ~ P^x"):
        assert words in captured.out
    summary = json.loads((out / "summary.json").read_text())
    rows = summary["phases_of_nets"]
    assert [(row["model"], row["P"]) for row in rows] == [("lazy", 64), ("lazy", 128)]
    for row in rows:
        # The law of the kernel holds within 10 %, seed by seed; three seeds of a tiny net.
        assert abs(row["T_c_over_kappa"]["ratio"]["measured"]) < 0.7
        assert row["B_star"]["predicted"] > 1.0
    (slope,) = summary["B_star_on_P_of_nets"]
    assert slope["n_points"] == 2
    assert (out / "B-eta_map.png").exists()
    # Trained, beside the one linearised run that carries the prediction: it is stored.
    trained = [*grid[:4], "-P", "64", *grid[6:], "--kernel", "net", "--observable", "alignment"]
    assert _phase(*trained, "--budget", "6runs") == 0
    assert "out of budget" in capsys.readouterr().err
    assert _phase(*trained, "--budget", "18runs") == 0
    assert "6 runs found" in capsys.readouterr().err
