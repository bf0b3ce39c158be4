"""Every command that a page, a preset or a claim names is taken; where it can, it says its cost."""

import re
import shlex
from pathlib import Path

import click
import pytest

import nets.claims  # noqa: F401  (registers the claims about nets)
from cli.main import root, run
from cli.presets import PRESETS
from nets.data.paths import locate
from perceptron_sim.claims.registry import all_claims

CLAIMS = all_claims()

ROOT = Path(__file__).parents[2]
GUIDES = [*(ROOT / "docs/tutorials").glob("*.md"), *(ROOT / "docs/howto").glob("*.md")]
PAGES = [ROOT / "README.md", *sorted(GUIDES)]
PAGES += [page for page in sorted((ROOT / "docs").rglob("*.md")) if page not in PAGES]


def commands_of(page: Path) -> list[str]:
    """Return the commands in code blocks of a page, without the name of the program."""
    found = []
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^(?:    |\$ )?(perceptron-sim [a-z].*)$", text, re.MULTILINE):
        for part in re.split(r";|&&|\|\|?|>", line.partition(" #")[0]):
            command = " ".join(part.split())
            # DIR ... in a synopsis is an argument; an ellipsis is none.
            command = re.sub(r"\s*(\.\.\.|…|&)$", "", command)
            if command.startswith("perceptron-sim "):
                found.append(command.removeprefix("perceptron-sim "))
    return found


def in_pages() -> dict[str, str]:
    """Return every command of a code block, with the page where it stands first."""
    found: dict[str, str] = {}
    for page in PAGES:
        for command in commands_of(page):
            found.setdefault(command, page.name)
    return found


def _all() -> dict[str, str]:
    found = in_pages()
    for claim in CLAIMS:
        for part in claim.command.split(";"):
            found.setdefault(part.split(" --out ")[0].strip().partition(" ")[2], claim.key)
    for name, preset in PRESETS.items():
        for stage in preset.stages:
            found.setdefault(shlex.join(stage.command), f"preset {name}")
        found.setdefault(f"compare --preset {name}", f"preset {name}")
    return found


# Dry runs alone are made, so one of both counts.
COMMANDS = {line: name for line, name in _all().items() if f"{line} --dry-run" not in _all()}


def _leaf(words: list[str]) -> tuple[click.Command, list[str]]:
    command: click.Command = root
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        child = command.get_command(click.Context(command), words[0])
        assert child is not None, f"no command {words[0]}"
        command, words = child, words[1:]
    return command, words


def test_the_page_of_the_papers_has_every_stage() -> None:
    page = ROOT / "docs/papers.md"
    shown = {" ".join(shlex.split(line)) for line in commands_of(page)}
    stages = {" ".join(stage.command) for stage in PRESETS["paper"].stages}
    assert stages == {line for line in shown if not line.startswith("compare ")}


def test_pages_name_commands() -> None:
    assert len(in_pages()) > 50


@pytest.mark.parametrize("line", COMMANDS, ids=lambda line: line[:60])
def test_it_is_taken(line, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    command, rest = _leaf(words)
    names = {option for param in command.params for option in param.opts}
    if "--dry-run" not in names or "--with" in words or "--scheduler" in words:
        # Options and arguments as click takes them; nothing is done.
        if "--help" not in rest and "--version" not in rest:
            command.make_context("test", list(rest))
        return
    wanted = {word for word in words if word in ("mnist", "cifar10")}
    if line.startswith("compare --preset") and "quick" not in words:
        wanted.add("mnist")
    if any(locate(name) is None for name in wanted):
        pytest.skip("needs image data: set PERCEPTRON_SIM_DATA")
    code = run([*words, *(["--dry-run"] if "--dry-run" not in words else [])])
    captured = capsys.readouterr()
    assert code == 0, f"{COMMANDS[line]}: {captured.err}"
    assert list(tmp_path.iterdir()) == [], "a dry run makes nothing"
