"""Folders that version 0.1 wrote: read, resumed and reported with the same keys and results."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from cli.main import run

pytestmark = pytest.mark.usefixtures("sketches")

WRITTEN = Path(__file__).parents[1] / "fixtures" / "version_0_1"
KINDS = ["scan", "nets", "lazy", "phase"]


def _kept(new: Any, old: Any) -> Any:
    """Return of ``new`` what ``old`` has too: fields may be added."""
    if isinstance(old, dict):
        return {name: _kept(new[name], item) for name, item in old.items()}
    return list(map(_kept, new, old)) if isinstance(old, list) else new


def _digits(value: Any) -> Any:
    """Return a number rounded where another processor's last digits may differ."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _digits(item) for name, item in value.items()}
    return [_digits(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_folder_is_complete_and_says_the_same(kind, tmp_path, capsys):
    out = tmp_path / kind
    shutil.copytree(WRITTEN / kind, out)
    before = json.loads((out / "summary.json").read_text())
    files = sorted(path.name for path in (out / "runs").iterdir())
    command = before["command"].split()[1:]
    if "--budget" in command:
        del command[command.index("--budget") :][:2]
    if kind in ("nets", "lazy"):
        # Version 0.1 knew no streams that runs of a seed share.
        command.append("--independent")
    assert run([*command, "--workers", "1", "--out", str(out)]) == 0, capsys.readouterr().err
    after = json.loads((out / "summary.json").read_text())
    # Nothing was simulated: every key was found.
    assert sorted(path.name for path in (out / "runs").iterdir()) == files
    # Fields that were there say what they said.
    assert before["runs"] == after["runs"]
    assert before["status"] == after["status"]
    for name in ("exponents", "boundaries", "chi_density"):
        old, new = before.get(name), after.get(name)
        if isinstance(old, list):
            assert len(old) == len(new)
        assert _digits(old) == _digits(_kept(new, old))


@pytest.mark.parametrize("kind", KINDS)
def test_an_old_folder_is_whole(kind, capsys):
    assert run(["store", "check", str(WRITTEN / kind)]) == 0, capsys.readouterr().err


def test_old_folders_are_reported(tmp_path, capsys):
    folders = [str(WRITTEN / kind) for kind in KINDS]
    assert run(["report", *folders, "--out", str(tmp_path), "--json"]) == 0, capsys.readouterr().err
    claims = {claim["key"]: claim for claim in json.loads(capsys.readouterr().out)["claims"]}
    assert claims["perceptron-gamma"]["measurements"]
