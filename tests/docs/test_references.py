"""What code and pages refer to exists: pages, equations, links; nothing is left to be filled in."""

import re
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [
    path
    for folder in ("perceptron_sim", "nets", "cli", "tests", "docs")
    for path in sorted((ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md", ".j2", ".js") and path != Path(__file__)
] + [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASE.md")]
PAGES = [path for path in SOURCES if path.suffix == ".md"]

# A name in capitals where a measured value should stand, unless code assigns or reads it.
PLACEHOLDER = re.compile(
    r"\b(TODO|FIXME|XXX|TBD)\b|(?<![\w.])[A-Z][A-Z0-9]{2,}_(RESULT|LINE|FIGURE|VALUE|HERE)\b(?!\s*[=\[(])"
)
# Files that readers of the project do not have.
DEAD = re.compile(r"\b(THEORY|DESIGN|STYLE)(\.md|\s+section|\s+\d|\s*§)")
PAGE = re.compile(r"\bdocs/[\w/-]+\.md")
# "eq. (11) of docs/theory.md", "eqs. (22) to (28) of docs/theory.md", "docs/lazy.md (2)".
CITED = re.compile(
    r"eqs?\.((?:[\s,]|and|to|\(M?\d+\))+?)of\s+docs/(\w+)\.md|docs/(\w+)\.md\s+(\(M?\d+\))"
)
# A typeset equation, or one in plain text.
EQUATION = re.compile(r"(?:\\tag\{|^\s*\()(M?\d+)[})]", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]*)?\)")


def _flaws(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    found = [f"placeholder {match[0]}" for match in PLACEHOLDER.finditer(text)]
    found += [f"dead reference {match[0]}" for match in DEAD.finditer(text)]
    found += [f"no page {name}" for name in PAGE.findall(text) if not (ROOT / name).is_file()]
    # Comments break lines where they please.
    joined = re.sub(r"\s*\n\s*(#\s*)?", " ", text)
    for among, page, page_first, single in CITED.findall(joined):
        where = ROOT / "docs" / f"{page or page_first}.md"
        if where.is_file():
            have = {f"({number})" for number in EQUATION.findall(where.read_text(encoding="utf-8"))}
            wanted = re.findall(r"\(M?\d+\)", among or single)
            found += [
                f"no equation {number} in {where.name}" for number in wanted if number not in have
            ]
    return found


def _all(paths: list[Path], flaws: Callable[[Path], list[str]]) -> dict[str, list[str]]:
    return {str(path.relative_to(ROOT)): found for path in paths if (found := flaws(path))}


def test_nothing_is_missing():
    assert _all(SOURCES, _flaws) == {}


def test_links_lead_somewhere():
    def dead(path: Path) -> list[str]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        local = [link for link in LINK.findall(text) if "://" not in link and "mailto" not in link]
        # A page made of a notebook has the name of its source.
        places = [(link, path.parent / link) for link in local]
        return [
            link
            for link, place in places
            if not place.exists() and not place.with_suffix(".py").exists()
        ]

    assert _all(PAGES, dead) == {}


def test_the_lint_sees_each_kind(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "It gave SOME_RESULT. TODO: more. See THEORY section 3, docs/gone.md and eq. (99) of\n"
        "    # docs/theory.md; docs/theory.md (98); well: eqs. (22) to (28) of docs/theory.md.\n"
    )
    assert len(_flaws(page)) == 6
