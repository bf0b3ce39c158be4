"""``compare``: plans, stages, resumption and the report, on tiny stages."""

import json
import re
from pathlib import Path

import pytest

from cli import presets
from cli.commands import compare
from cli.main import root, run
from cli.presets import NETS, PERCEPTRON, PRESETS, Preset, Stage

# Tests of reports and of each stage look at the figures.
pytestmark = pytest.mark.usefixtures("sketches")

TINY = Preset(
    "tiny",
    (
        Stage(
            "scan",
            PERCEPTRON,
            ("scan", "--chi", "1", "-d", "4", "-P", "64,128", "-T", "1,4", "--seeds", "3"),
            1.0,
        ),
        Stage(
            "lazy",
            NETS,
            (
                "nets",
                "lazy",
                "--depth",
                "1",
                "--width",
                "8",
                "-P",
                "32,64",
                "-T",
                "2^-9,2^-7",
                "--seeds",
                "3",
            ),
            1.0,
        ),
    ),
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(presets.PRESETS, "quick", TINY)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "slow"], "preset = 'slow' is unknown: choose one of quick, large, paper"),
        (["--stages", "scan,swim"], "--stages: 'swim' is unknown: choose from scan, "),
        (["--stages", "scan,scan"], "names a stage twice"),
        (["--with", "nowhere"], "nowhere: no run folder here"),
        (["--workers", "0"], "0 is not in the range x>=1"),
        (["--chi", "-2"], "chi = -2 has no normalisable density"),
        (["--data", "cats"], "cats"),
        (["--seeds", "x"], "'x' is not a valid integer"),
    ],
)
def test_bad_requests_are_one_line_and_touch_nothing(arguments, message, tmp_path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["compare", *arguments, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert sum("error" in line for line in captured.err.splitlines()) == 1
    assert not out.exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_stage_of_every_preset_is_understood(name: str) -> None:
    for stage in PRESETS[name].stages:
        command, arguments = root, list(stage.command)
        ctx = root.make_context("perceptron-sim", [], resilient_parsing=True)
        while hasattr(command, "resolve_command"):
            _, command, arguments = command.resolve_command(ctx, arguments)
        command.make_context(command.name, arguments)


def test_a_dry_run_says_the_plan_and_does_nothing(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    assert run(["compare", "--dry-run", "--data", "digits", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    for stage in PRESETS["quick"].stages:
        assert stage.name in said
    assert "--data digits" in said
    assert re.search(r"10 to run, about [2-4] min", said)
    assert not out.exists()


@pytest.mark.usefixtures("tiny")
def test_a_comparison_reuses_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    out = tmp_path / "out"
    arguments = ["compare", "--out", str(out)]
    assert run(arguments) == 0
    first = capsys.readouterr()
    assert "0 found, 2 to run" in first.err
    assert "perceptron-gamma" in first.out
    summary = json.loads((out / "summary.json").read_text())
    assert {claim["number"] for claim in summary["claims"]} == set("123456")
    measured = {c["key"] for c in summary["claims"] if c["measurements"]}
    assert {"perceptron-gamma", "lazy-on-T"} <= measured
    page = (out / "report.html").read_text()
    assert "perceptron-gamma" in page
    files = {path: path.stat().st_mtime_ns for path in out.rglob("runs/*.parquet")}
    assert files

    assert run(arguments) == 0
    second = capsys.readouterr()
    assert "2 found, 0 to run" in second.err
    assert second.out == first.out
    assert json.loads((out / "summary.json").read_text()) == summary
    assert {path: path.stat().st_mtime_ns for path in out.rglob("runs/*.parquet")} == files

    # Reports are made above.
    monkeypatch.setattr(compare, "_report", lambda *about: None)
    # Another option: the stage that takes it goes on, the other is found.
    assert run([*arguments, "--chi", "1,3"]) == 0
    assert "1 found, 1 to run" in capsys.readouterr().err
    # A state that cannot be read costs no run: the stages find theirs.
    (out / "compare.json").write_text("{")
    assert run([*arguments, "--chi", "1,3"]) == 0
    assert "nothing to simulate" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_a_stage_that_does_not_end_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    real = compare._run
    monkeypatch.setattr(
        compare, "_run", lambda stage, *rest: 1 if stage.name == "lazy" else real(stage, *rest)
    )
    out = tmp_path / "out"
    arguments = ["compare", "--out", str(out)]
    assert run(arguments) == 1
    assert "lazy did not end: repeat the command" in capsys.readouterr().err
    assert not (out / "report.html").exists()
    reported: list[Path] = []
    monkeypatch.setattr(compare, "_run", real)
    monkeypatch.setattr(compare, "_report", lambda ctx, stages, *about: reported.extend(stages))
    assert run(arguments) == 0
    assert reported == [out / "scan", out / "lazy"]
    assert "1 found, 1 to run" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_a_budget_ends_a_comparison_that_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    from cli.commands import compare

    given, now = [], [0.0]
    real = compare._run
    monkeypatch.setattr(compare.time, "monotonic", lambda: now[0])

    def watched(stage: Stage, *rest: object) -> int:
        given.append(stage.command[-2:])
        code = real(stage, *rest)
        now[0] += 40.0
        return code

    monkeypatch.setattr(compare, "_run", watched)
    out = tmp_path / "out"
    arguments = ["compare", "--budget", "1min", "--out", str(out)]
    # The scan ends within the budget, the lazy nets at its end: judged, and not done.
    assert run(arguments) == 0
    assert given == [("--budget", "60.0s"), ("--budget", "20.0s")]
    assert (out / "report.html").exists()
    assert "out of budget at lazy: repeat the command" in capsys.readouterr().err
    assert run(arguments) == 0
    assert "1 found, 1 to run" in capsys.readouterr().err
    assert run([*arguments, "--dry-run"]) == 0
    assert "2 found, 0 to run" in capsys.readouterr().err
    assert run(["compare", "--budget", "9runs", "--out", str(out)]) == 2
    assert "counts runs" in capsys.readouterr().err


@pytest.mark.usefixtures("tiny")
def test_folders_of_others_are_judged_too(tmp_path: Path, capsys) -> None:
    other = tmp_path / "other"
    assert run([*TINY.stages[1].command, "--seeds", "4", "--out", str(other)]) == 0
    out = tmp_path / "out"
    assert run(["compare", "--stages", "scan", "--with", str(other), "--out", str(out)]) == 0
    claims = {c["key"]: c for c in json.loads((out / "summary.json").read_text())["claims"]}
    assert claims["lazy-on-T"]["measurements"]
    assert claims["perceptron-delta"]["measurements"]
