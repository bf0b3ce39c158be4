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
MAP = [*TINY, "--alpha", "2^-4:2^8:7", "-T", "2^-8:2^2:11", "--seeds", "2", "--max-steps", "2000"]


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
    grid += ["-T", "2^-7:2^2:10", "--seeds", "4", "--max-steps", "5000", "--out", str(out)]
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
    assert "120 runs found, 0 simulated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plane", "B-eta", "--depth", "3"], "plane B-eta takes no depth"),
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
