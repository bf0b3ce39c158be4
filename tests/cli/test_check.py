"""``perceptron-sim check`` and the pytest plugin, on simulators in a folder of a user's own."""

import json
import subprocess
import sys

import pytest

from cli.main import run

RIGHT = """
from perceptron_sim import simulate

def event(config, data=None):
    return simulate(config, "event", None, data=data)

def doubled(config, data=None):
    found = event(config, data)
    return {"w": 2.0 * found.w, "t_star": found.t_star}

number = 3
"""


@pytest.fixture
def folder(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine.py").write_text(RIGHT)
    (tmp_path / "broken.py").write_text("import nowhere_at_all\n")
    (tmp_path / "raises.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in ("mine", "broken", "raises"):
        sys.modules.pop(name, None)


def test_what_is_right_ends_with_0(folder, capsys) -> None:
    assert run(["check", "mine:event", "--law", "signal", "--law", "replay", "--budget", "1s"]) == 0
    out = capsys.readouterr().out
    assert "holds" in out
    assert "the simulator would have to take batches" in out


def test_what_is_broken_ends_with_1_and_is_shown(folder, capsys) -> None:
    command = ["check", "mine.py:doubled", "--law", "full-batch", "--budget", "2s"]
    assert run(command) == 1
    out = capsys.readouterr().out
    assert "BROKEN" in out
    assert "LAWS['full-batch'].test(doubled, PerceptronConfig(chi=1.0, d=2, P=1, B=1" in out
    assert run([*command, "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert row["law"] == "full-batch"
    assert row["answer"] == "BROKEN"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine"], "names no function: write MODULE:FUNCTION"),
        (["mine:nothing"], "mine has no 'nothing'"),
        (["mine:number"], "cannot be called"),
        (["nowhere:f"], "there is no module nowhere"),
        (["nowhere.py:f"], "there is no file nowhere.py"),
        (["broken:f"], "importing broken raised ModuleNotFoundError"),
        (["raises:f"], "importing raises raised ZeroDivisionError"),
        (["mine:event", "--law", "singal"], "did you mean 'signal'"),
        (["mine:event", "--budget", "many"], "is not a budget"),
        (["mine:event", "--budget", "5runs"], "is not a time"),
    ],
)
def test_bad_requests_are_one_line(arguments, message: str, folder, capsys) -> None:
    assert run(["check", *arguments]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert message in error


def test_the_plugin_runs_a_test_once_for_each_law(folder) -> None:
    (folder / "test_mine.py").write_text(
        "import mine\n\n\ndef test_mine(sgd_law):\n    sgd_law.check(mine.doubled, budget=0.1)\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-n", "0", "-k", "full-batch or counts or replay"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "1 failed" in done.stdout, done.stdout + done.stderr
    assert "gradient descent on the same data gives" in done.stdout
    assert "1 skipped" in done.stdout
