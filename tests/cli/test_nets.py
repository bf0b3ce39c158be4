"""``perceptron-sim nets`` in process: errors, tables, JSON, the folder left behind."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from cli.main import run

SMALL = ["--depth", "2", "--width", "16", "-P", "32,64", "-T", "2^-9,2^-7", "--seeds", "3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "minst"], "data = 'minst' is unknown: did you mean 'mnist'?"),
        (["--arch", "mpl"], "arch = 'mpl' is unknown: did you mean 'mlp'?"),
        (["--device", "gpu"], "device = 'gpu' is unknown: did you mean 'cpu'? choose one of auto"),
        (["-P", "1500"], "1500 is more than the 1198 training images of digits"),
        (["-T", "1", "--eta", "1"], "both T and eta are given"),
        (["--chi", "1"], "chi = 1.0 means nothing to data = 'digits'"),
        (["--data", "mnist"], "run 'perceptron-sim nets fetch mnist', put mnist.npz into"),
        (["--depht", "2"], "--depth"),
    ],
)
@pytest.mark.usefixtures("no_data")
def test_bad_requests_are_one_line_and_touch_nothing(arguments, message, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["nets", "scan", *arguments, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not out.exists()


def test_an_unknown_subcommand_gets_the_near_match(capsys) -> None:
    assert run(["nets", "scna"]) == 2
    assert "did you mean 'scan'?" in capsys.readouterr().err


def test_a_scan_leaves_a_folder_that_explains_itself(tmp_path: Path, capsys) -> None:
    command = ["nets", "scan", *SMALL, "--out", str(tmp_path / "out")]
    assert run(command) == 0
    captured = capsys.readouterr()
    for word in ("delta", "gamma", "b: t* on P", "chi_eff", "window a: P 32..64"):
        assert word in captured.out
    assert "0 runs found, 12 trained" in captured.err
    names = {f"nets_on_{x}.{kind}" for x in "PT" for kind in ("png", "svg")}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *("runs", "store.json", "summary.json"),
        *names,
    }
    frame = pd.read_parquet(tmp_path / "out" / "runs")
    assert (len(frame), set(frame["status"])) == (12, {"fitted"})
    before = (tmp_path / "out" / "summary.json").read_bytes()
    assert run([*command, "--json"]) == 0
    captured = capsys.readouterr()
    assert "all 12 runs found: nothing to simulate" in captured.err
    summary = json.loads(captured.out)
    assert {row["quantity"] for row in summary["exponents"]} >= {"delta", "gamma", "b"}
    assert summary["command"].startswith("perceptron-sim nets scan ")
    assert (tmp_path / "out" / "summary.json").read_bytes() == before
    csv = tmp_path / "runs.csv"
    assert run(["export", str(tmp_path / "out"), "-o", str(csv)]) == 0
    assert len(pd.read_csv(csv)) == 12


def test_a_run_prints_its_course_and_tells_when_it_was_not_fitted(tmp_path, capsys) -> None:
    small = ["nets", "run", "--depth", "2", "--width", "16", "-P", "64"]
    assert run([*small, "--out", str(tmp_path / "a")]) == 0
    assert "fitted: t* =" in capsys.readouterr().out
    assert run([*small, "-T", "64", "--json", "--out", str(tmp_path / "b")]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "diverged"
    assert "lower T" in captured.err


def test_help_loads_neither_torch_nor_numba() -> None:
    code = (
        "import sys; from cli.main import run; code = run(['nets', 'scan', '--help']); "
        "assert code == 0; assert not {'torch', 'numba', 'matplotlib', 'nets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_lazy_scan_leaves_the_same_kind_of_folder(tmp_path: Path, capsys) -> None:
    command = ["nets", "lazy", *SMALL, "--out", str(tmp_path / "out")]
    assert run([*command, "--workers", "1"]) == 0
    captured = capsys.readouterr()
    for word in ("delta", "gamma", "b: t* on P", "chi_eff", "window a: P 32..64"):
        assert word in captured.out
    assert "0 runs found, 12 simulated" in captured.err
    assert "chi_density" in captured.out
    assert "(b - 1)/2 = " in captured.out
    charts = ("lazy_on_P", "lazy_on_T", "max_margin")
    names = {f"{name}.{kind}" for name in charts for kind in ("png", "svg")}
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        *("runs", "store.json", "summary.json", "density.json", "max_margin.json"),
        *names,
    }
    before = (tmp_path / "out" / "summary.json").read_bytes()
    kernels = tmp_path / "kernels"
    assert run([*command, "--json", "--kernels", str(kernels)]) == 0
    captured = capsys.readouterr()
    assert "all 12 runs found: nothing to simulate" in captured.err
    summary = json.loads(captured.out)
    assert {row["model"] for row in summary["exponents"]} == {"lazy"}
    assert summary["command"].startswith("perceptron-sim nets lazy ")
    assert (tmp_path / "out" / "summary.json").read_bytes() == before
    assert not kernels.exists()


def test_lazy_kernels_beyond_the_memory_are_refused_with_what_fits(
    tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setattr("nets.ntk.available_bytes", lambda: 10**6)
    assert run(["nets", "lazy", "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert "P up to 447 fits, or keep kernels on disk" in captured.err
    assert not (tmp_path / "out").exists()


def test_a_scan_with_its_linearisation_says_where_they_part(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    command = ["nets", "scan", *SMALL, "--with-lazy", "--out", str(out)]
    assert run(command) == 0
    captured = capsys.readouterr()
    assert "20 % off that of the net linearised at w0" in captured.out
    assert "T scanned: 0.001953..0.007812" in captured.out
    frame = pd.read_parquet(out / "runs")
    assert frame["model"].value_counts().to_dict() == {"net": 12, "lazy": 12}
    summary = json.loads((out / "summary.json").read_text())
    assert [row["P"] for row in summary["parting"]] == [32, 64]
    assert {row["model"] for row in summary["exponents"]} == {"net"}
    before = (out / "summary.json").read_bytes()
    assert run(command) == 0
    assert "all 12 runs found: nothing to simulate" in capsys.readouterr().err
    assert (out / "summary.json").read_bytes() == before
