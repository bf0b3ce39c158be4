"""The tutorials do what they show: every block is run, every output shown is checked.

``python`` blocks are executed; ``console`` blocks hold commands after ``$ `` and what they print;
a ``text`` block is what the python block before it prints. A line ``...`` stands for any lines.
Decimals are held to one unit of their last digit, everything else to the letter.
"""

import contextlib
import io
import itertools
import math
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

from cli.main import run

# Tests of each command look at its figures.
pytestmark = pytest.mark.usefixtures("sketches")

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs/tutorials").glob("*.md"))
_NUMBER = re.compile(r"([+-]?\d+\.?\d*(?:[eE][+-]?\d+)?)")


def _unit(number: str) -> float:
    """Return one unit of the last digit of a number as written; 0 for an integer."""
    mantissa, _, exponent = number.lower().partition("e")
    _, point, decimals = mantissa.partition(".")
    return 10.0 ** (int(exponent or 0) - len(decimals)) if point or exponent else 0.0


def _same_line(shown: str, printed: str) -> bool:
    one, other = (_NUMBER.split(" ".join(line.split())) for line in (shown, printed))
    if len(one) != len(other) or one[::2] != other[::2]:
        return False
    return all(
        math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1.0001 * _unit(a))
        for a, b in zip(one[1::2], other[1::2], strict=True)
    )


def difference(shown: str, printed: str) -> str | None:
    """Return in words what is shown and was not printed, or None."""
    lines = [line for line in printed.splitlines() if line.strip()]
    position, skip = 0, False
    for line in filter(str.strip, shown.splitlines()):
        if line.strip() == "...":
            skip = True
            continue
        ahead: Sequence[int] = range(position, len(lines)) if skip else [position]
        found = next((i for i in ahead if i < len(lines) and _same_line(line, lines[i])), None)
        if found is None:
            return f"shown: {line!r}, printed:\n{printed}"
        position, skip = found + 1, False
    if position < len(lines) and not skip:
        return f"not shown: {lines[position]!r}"
    return None


def _python(example: Example) -> None:
    source = "\n" * (example.line + example.parsed.line_offset) + example.parsed
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(source, example.path, "exec"), example.namespace)
    example.namespace["printed"] = output.getvalue()


def _text(example: Example) -> str | None:
    return difference(example.parsed, example.namespace["printed"])


def _console(example: Example) -> str | None:
    commands: list[list[str]] = []
    for line in example.parsed.splitlines():
        if line.startswith("$ "):
            commands.append([line[2:]])
        else:
            commands[-1].append(line)
    for command, *shown in commands:
        wrong = difference("\n".join(shown), _printed(command))
        if wrong is not None:
            return f"$ {command}\n{wrong}"
    return None


def _printed(command: str) -> str:
    words = shlex.split(command)
    if words[0] != "perceptron-sim":
        done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, check=True)
        return done.stdout
    # In this process, which has imported everything; notes on stderr name times, and are not shown.
    errors = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(errors):
        code = run(words[1:])
    assert code == 0, f"$ {command}\n{errors.getvalue()}"
    return output.getvalue()


def examples_of(page: Path) -> list[Example]:
    """Return the blocks of a page that can be evaluated, in their order."""
    parsers = [
        CodeBlockParser("python", _python),
        CodeBlockParser("console", _console),
        CodeBlockParser("text", _text),
    ]
    return list(Sybil(parsers, path=str(page.parent)).parse(page).examples())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_prints_what_it_shows(page: Path, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    examples = examples_of(page)
    for example in examples:
        example.evaluate()
    checked = [e for e in examples if e.region.evaluator in (_console, _text)]
    assert len(checked) >= 3


def test_readme_and_guides_do_what_they_show(tmp_path, monkeypatch) -> None:
    """Guides read the folder that the scan of README leaves."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    guides = [ROOT / "README.md", ROOT / "docs/predictions.md", *(ROOT / "docs/howto").glob("*.md")]
    for page in guides:
        examples = [e for e in examples_of(page) if e.region.evaluator is not _text]
        for example in examples:
            example.evaluate()
        if page.name == "README.md":
            assert examples[-1].namespace["printed"].startswith("fitted ")


@pytest.mark.parametrize(
    ("shown", "printed", "agree"),
    [
        ("gamma 0.412 ok", "gamma  0.4129 ok", True),
        ("gamma 0.412 ok", "gamma 0.4132 ok", False),
        ("1.5e-05", "1.59e-05", True),
        ("1.5e-05", "1.7e-05", False),
        ("36 runs", "37 runs", False),
        ("agree yes", "agree NO", False),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("a\nc", "a\nb\nc", False),
        ("a", "a\nb", False),
        ("a\nb", "a", False),
        ("...", "", True),
    ],
)
def test_what_is_shown_is_compared(shown: str, printed: str, agree: bool) -> None:
    assert (difference(shown, printed) is None) == agree


def test_every_block_is_run_or_its_language_says_why_not() -> None:
    """A block in another language than those that are run would be shown and never checked."""
    fences = itertools.chain.from_iterable(
        re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE) for page in PAGES
    )
    assert set(fences) <= {"python", "console", "text", ""}
    assert len(PAGES) >= 3
