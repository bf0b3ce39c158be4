"""Pages and docstrings are written in plain English: a lint for habits that made readers stop."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The page of claims is written by a report.
PAGES = [
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "claims.md"),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "RELEASE.md")),
]
# What was written, and what to write instead.
HABITS = {
    r"\b(?:row|line|number|module|file|hash|time|seed|flop|call|[kMG]?B|[mµ]?s|hour|minute|second|hit|"
    r"update|sample|multiplication|pickle)s? a (?:run|seed|point|task|row|line|file|core|sample|"
    r"thread|model|source|group|replica|step)\b": "per",
    r"\bone a (?:core|run|line|file|seed)\b": "one per",
    r"\b(?:is|are|was|were) said\b|\bsaid once\b": "stated, printed",
    r"\b(?:which|that) (?:is|are) of\b": "hold for, belong to",
    r"\bin the cold\b": "at low T",
    r"\bserves?\b(?! the| a)": "suffices",
    r"\brooms?\b": "package, layer, space",
    r"\b(?:is|are|was) no (?!longer|more|single|evidence)\w+": "is not a",
    r"\bbesides?\b": "next to, together with, against",
    r"\balike\b": "similar, identical, both",
    r"\boptions as of\b": "options as in",
    r"\bknows? nothing of\b|\bnothing of (?:ours|when)\b": "does not depend on",
    r"\b(?:for|by|with|from) (?:their )?company\b": "together with",
}


def _prose(page: Path) -> str:
    """Return a page without blocks of code, and without code in lines."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"`[^`\n]+`", "CODE", text)


def habits(text: str) -> list[str]:
    """Return what the lint finds, with what to write instead."""
    joined = re.sub(r"\s*\n(?![\n|#-])", " ", text)
    return [
        f"{match[0]!r}: write {instead!r}"
        for pattern, instead in HABITS.items()
        for match in re.finditer(pattern, joined)
        if not re.search(r"\b[Tt]here $", joined[: match.start()])
    ]


def _docstrings(folder: str) -> dict[str, str]:
    """Return every docstring below a folder, without code and names of arguments."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    code = re.compile(r"``[^`]+``|>>>.*|^ +[\w, ]+:", re.MULTILINE)
    return {
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}": code.sub("CODE", text)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, kinds) and (text := ast.get_docstring(node))
    }


# Packages of perceptron_sim whose docstrings were rewritten as a whole.
_REWRITTEN = (
    "analysis",
    "claims",
    "drawing",
    "phase",
    "report",
    "runs",
    "scans",
    "store",
    "testing",
    "theory",
)


FOLDERS = ("cli", "nets", *(f"perceptron_sim/{name}" for name in _REWRITTEN))


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_have_none_of_the_habits(folder: str) -> None:
    found = {place: habits(text) for place, text in _docstrings(folder).items()}
    assert {place: flaws for place, flaws in found.items() if flaws} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_none_of_the_habits(page: Path) -> None:
    assert habits(_prose(page)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Files hold one row a run.",
        "Outside these windows, which are\nsaid, it is off: that is said once.",
        "So network file systems serve.",
        "Nets are trained alike, beside other work.",
        "This is no artefact.",
        "Steps grow in the cold.",
    ],
)
def test_the_lint_sees_a_habit(text: str) -> None:
    assert habits(text)


def test_the_lint_lets_plain_sentences_pass() -> None:
    plain = "There is no lock. This is no longer true. Files hold one row per run, next to a table."
    assert habits(plain) == []
