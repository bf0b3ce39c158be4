"""The command line in process: exact errors, tables, JSON, and what is imported."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.main import COMMANDS, run
from perceptron_sim.runs.simulate import simulate
from perceptron_sim.scans import scan as scan_module

SMALL = ["--chi", "0,1", "-d", "4", "-P", "16:64:3", "-T", "1,4", "--seeds", "3"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--chi", "-1"], "chi = -1 has no normalisable density |x_1|^chi"),
        (["--chi", "nan"], "allowed is -1 < chi < inf"),
        (["-P", "0"], "P = 0 is too small: allowed is P >= 1"),
        (["-d", "1"], "d = 1 is too small: allowed is d >= 2"),
        (["-B", "0"], "B = 0 is too small"),
        (["-B", "700"], "B = 700 is larger than P = 640: allowed is 1 <= B <= P"),
        (["-T", "0"], "T = 0 is out of range: allowed is 0 < T < inf"),
        (["-T", "inf"], "T = inf is out of range"),
        (["--kappa", "-1"], "kappa = -1 is out of range: allowed is 0 <= kappa < inf"),
        (["-T", "1", "--eta", "1"], "both T and eta are given"),
        (["--kappa", "1", "--alpha", "1"], "both kappa and alpha are given"),
        (["-P", "10:1:3"], "-P: the range '10:1:3' is empty or reversed: write 1:10:..."),
        (["-P", ""], "-P: empty entry in ''"),
        (["-P", "1:10:3", "--seeds", "10000000"], "the grid has"),
        (["--kernel", "event", "-P", "10^11"], "of memory and"),
        (["--kernel", "fast"], "'fast' is not one of 'auto', 'event', 'deferred', 'reference'"),
        (["--kernel", "sde"], "'sde' is a dynamics: write --dynamics sde"),
        (["--dynamics", "sdf"], "'sdf' is not one of 'sgd', 'shuffled', 'sde'"),
        (
            ["--dynamics", "sde", "--kernel", "event"],
            "dynamics 'sde': kernel = 'event' is unknown: choose one of auto, reference",
        ),
        (["--sedes", "3"], "Did you mean one of: '--samples', '--scheduler', '--seeds'?"),
        (["--workers", "0"], "0 is not in the range x>=1"),
    ],
)
def test_bad_requests_are_one_line_and_touch_nothing(
    arguments, message, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    assert run(["scan", *arguments, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("perceptron-sim: error: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err
    assert not out.exists()


@pytest.mark.parametrize("kind", ["file", "foreign", "unwritable"])
def test_bad_output_folders(kind: str, tmp_path: Path, capsys) -> None:
    target = tmp_path / "x"
    if kind == "file":
        target.write_text("")
    elif kind == "foreign":
        target.mkdir()
        (target / "thesis.tex").write_text("")
    else:
        target = Path("/proc/perceptron-sim")
    assert run(["scan", *SMALL, "--out", str(target)]) == 2
    assert "with --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["scna"], "did you mean 'scan'?"), (["zzz"], "choose from scan, run")],
)
def test_unknown_commands_get_the_near_match(arguments, message, capsys) -> None:
    assert run(arguments) == 2
    assert message in capsys.readouterr().err


def test_scan_leaves_a_folder_that_explains_itself(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["scan", *SMALL, "--out", str(out)]) == 0
    table = capsys.readouterr().out
    for word in ("delta: ||w|| on T", "gamma", "95 % interval", "window a: P/d 4..16"):
        assert word in table
    assert {p.name for p in out.iterdir()} == {
        "runs",
        "store.json",
        "summary.json",
        *(f"scan_on_{x}.{kind}" for x in "PT" for kind in ("png", "svg")),
    }
    frame = pd.read_parquet(out / "runs")
    assert len(frame) == 2 * 3 * 2 * 3
    assert (frame["status"] == "fitted").all()
    assert np.allclose(frame["t_star"], frame["eta"] * frame["steps"])
    assert all(
        len(steps) == len(w1)
        for steps, w1 in zip(frame["checkpoint_step"], frame["checkpoint_w1"], strict=True)
    )
    summary = json.loads((out / "summary.json").read_text())
    wanted = {
        "quantity",
        "model",
        "variable",
        "chi",
        "window",
        "n_seeds",
        "measured",
        "ci_low",
        "ci_high",
        "asymptotic",
        "finite_size",
        "agrees",
    }
    assert all(wanted <= set(row) for row in summary["exponents"])
    assert len(summary["exponents"]) == 2 * 5


@pytest.mark.usefixtures("sketches")
def test_the_same_command_again_simulates_nothing(tmp_path: Path, capsys, monkeypatch) -> None:
    command = ["scan", *SMALL, "--out", str(tmp_path / "out"), "--json"]
    assert run(command) == 0
    first = capsys.readouterr()
    assert "0 runs found, 36 simulated" in first.err

    def forbidden(*_args, **_kwargs):
        raise AssertionError("a stored run was simulated again")

    monkeypatch.setattr(scan_module, "simulate", forbidden)
    assert run(command) == 0
    again = capsys.readouterr()
    assert "all 36 runs found: nothing to simulate" in again.err
    assert again.out == first.out


@pytest.mark.usefixtures("sketches")
def test_a_run_that_fails_is_recorded_and_the_scan_goes_on(tmp_path, capsys, monkeypatch) -> None:
    def fails_once(config, *args, **kwargs):
        if config.P == 32 and config.seed == 1 and config.T == 4 and config.chi == 0:
            raise MemoryError("no room")
        return simulate(config, *args, **kwargs)

    monkeypatch.setattr(scan_module, "simulate", fails_once)
    out = tmp_path / "out"
    assert run(["scan", *SMALL, "--out", str(out)]) == 1
    captured = capsys.readouterr()
    assert "1 ended failed" in captured.err
    assert captured.err.splitlines()[-1].startswith("1 run failed")
    assert "1 grid points left out" in captured.out
    frame = pd.read_parquet(out / "runs")
    assert list(frame.loc[frame["status"] == "failed", "message"]) == ["MemoryError: no room"]
    # Repeating the command repeats the failed run alone.
    monkeypatch.undo()
    assert run(["scan", *SMALL, "--out", str(out)]) == 0
    assert "35 runs found, 1 simulated" in capsys.readouterr().err


@pytest.mark.usefixtures("sketches")
def test_runs_that_do_not_fit_are_recorded(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    limits = ["--chi", "1", "-P", "64,4096", "--max-steps", "2000", "--seeds", "2"]
    assert run(["scan", *limits, "--out", str(out)]) == 0
    assert "ended max_steps" in capsys.readouterr().err


def test_run_shows_a_trajectory(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["run", "-P", "128", "-d", "4", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "|w_perp|" in text
    assert "fitted: t* =" in text
    assert (out / "run.png").stat().st_size > 10_000
    assert run(["run", "-P", "128", "-d", "4", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "fitted"
    assert run(["run", "-P", "128", "-d", "4", "--max-steps", "10", "--out", str(out)]) == 1
    assert "raise max_steps" in capsys.readouterr().err


def test_run_takes_single_values_only(tmp_path: Path, capsys) -> None:
    assert run(["run", "--chi", "0,1", "--out", str(tmp_path / "x")]) == 2
    assert "is 2 values: give one" in capsys.readouterr().err


def test_theory(tmp_path: Path, capsys) -> None:
    out = tmp_path / "theory"
    grid = ["--chi", "0.5,1", "-d", "16", "-P", "20,1024,4096", "--out", str(out)]
    assert run(["theory", *grid, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (half, entry) = found["exponents"]
    assert half["chi"] == 0.5
    assert (entry["gamma"], entry["b"], entry["C_n"]) == (0.5, 2.0, pytest.approx(0.25))
    assert entry["gamma_at_d"] == pytest.approx(15 / 34)
    # P = 20 needs no signal at d = 16: there is nothing to predict.
    assert [(row["chi"], row["P"]) for row in found["finite_size"]] == [
        (chi, P) for chi in (0.5, 1.0) for P in (1024, 4096)
    ]
    assert all(row["trusted"] for row in found["finite_size"])
    assert {row["lam"] for row in found["closed_forms"]} >= {0.0, 100.0}
    w1 = [row["w1"] for row in found["trajectories"] if row["chi"] == 1.0]
    assert w1 == sorted(w1)
    assert {path.name for path in out.iterdir()} == {"phase_portrait.png", "phase_portrait.svg"}
    assert run(["theory", *grid]) == 0
    assert "C_n" in capsys.readouterr().out


def test_scan_over_d_shows_predictions_and_collapse(tmp_path: Path, capsys) -> None:
    out = tmp_path / "scan"
    grid = ["--chi", "1", "-d", "8,16", "-P", "256,512,1024", "-T", "1", "--kappa", "0,1"]
    assert run(["scan", *grid, "--seeds", "3", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    for row in summary["exponents"]:
        # P/d = 16 .. 128 at B = 2 is inside the trusted range.
        assert row["finite_size"] is not None
        assert row["agrees"] in (True, False)
        if row["variable"] == "P":
            assert 0.0 < row["finite_size_error"] < 0.5
            assert row["finite_size"] < row["asymptotic"]
    assert {row["abscissa"] for row in summary["collapses"]} == {"P/d", "kappa/T"}
    assert (out / "collapse_on_P.png").exists()
    assert (out / "collapse_on_kappa.svg").exists()
    assert "collapse of" in capsys.readouterr().out


@pytest.mark.usefixtures("sketches")
def test_a_scan_that_theory_cannot_follow_has_no_finite_size(tmp_path: Path, capsys) -> None:
    out = tmp_path / "scan"
    grid = ["--chi", "5", "-d", "8", "-P", "64,128", "-T", "1"]
    assert run(["scan", *grid, "--seeds", "3", "--out", str(out)]) == 0
    for row in json.loads((out / "summary.json").read_text())["exponents"]:
        assert row["finite_size"] is row["finite_size_error"] is row["agrees"] is None


def test_doctor_names_remedies(no_data, capsys) -> None:
    assert run(["doctor"]) == 0
    text = capsys.readouterr().out
    assert "numba" in text
    assert "mnist: run 'perceptron-sim nets fetch mnist', put mnist.npz into" in text
    assert run(["doctor", "--json"]) == 0
    assert {"check", "state", "detail", "remedy"} == set(json.loads(capsys.readouterr().out)[0])


def test_debug_shows_the_traceback(capsys) -> None:
    assert run(["scan", "--chi", "-1", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys) -> None:
    assert run([command, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def _modules_after(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(' '.join(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_help_imports_nothing_heavy() -> None:
    loaded = _modules_after(
        "import contextlib, io\nfrom cli.main import run\n"
        "with contextlib.redirect_stdout(io.StringIO()): run(['scan', '--help'])"
    )
    assert not loaded & {"numba", "numpy", "scipy", "matplotlib", "torch", "pandas", "pyarrow"}


def test_importing_the_library_compiles_nothing_and_spares_torch_and_matplotlib() -> None:
    loaded = _modules_after(
        "import perceptron_sim\nfrom perceptron_sim import PerceptronConfig, simulate\n"
        "from perceptron_sim.kernels.reference import plain_sgd\n"
        "assert not getattr(plain_sgd, 'signatures', []), 'compiled at import'"
    )
    assert "numba" in loaded
    assert not loaded & {"torch", "matplotlib"}


OPTIONS = ["--chi", "-d", "-P", "-B", "-T", "--eta", "--kappa", "--alpha", "--seeds", "--max-steps"]
VALUES = st.one_of(
    st.sampled_from(
        ["0", "1", "-1", "2^-3", "nan", "inf", "1:4:3", "4:1:3", "", ",", "1e400", "x"]
    ),
    st.integers(-3, 40).map(str),
    st.floats().map(str),
    st.text(max_size=5),
)


@pytest.mark.usefixtures("sketches")
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pairs=st.lists(st.tuples(st.sampled_from(OPTIONS), VALUES), max_size=4))
def test_no_command_line_ends_in_a_traceback(pairs, tmp_path: Path, capsys) -> None:
    arguments = [part for pair in pairs for part in pair]
    base = ["scan", "--chi", "1", "-d", "3", "-P", "8", "-T", "1", "--seeds", "1", "--workers", "1"]
    # Bounded, so that whatever is accepted is quick.
    code = run([*base, *arguments, "--max-steps", "50", "--out", str(tmp_path / "out")])
    assert code in (0, 1, 2)
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "this is a bug" not in error
    if code == 2:
        assert error.count("\n") == 1
