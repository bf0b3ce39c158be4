"""KaTeX, as shipped with the site, sets every formula of the pages."""

import html
import os
import re
import shutil
from pathlib import Path

import pytest

markdown = pytest.importorskip("markdown", reason="the extra docs is not installed")
pytest.importorskip("pymdownx", reason="the extra docs is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

DOCS = Path(__file__).parents[2] / "docs"
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium: apt-get install chromium")
# What KaTeX says of each formula that it cannot set.
_SET = """sources => sources.flatMap(source => {
    try { katex.renderToString(source, {displayMode: true, throwOnError: true}); return []; }
    catch (error) { return [error.message]; }
})"""


def formulas(text: str) -> list[str]:
    """Return the formulas of a page as the site finds them."""
    found = markdown.markdown(
        text,
        extensions=["tables", "pymdownx.arithmatex", "pymdownx.superfences"],
        extension_configs={"pymdownx.arithmatex": {"generic": True}},
    )
    places = re.findall(r'class="arithmatex">\\[(\[](.*?)\\[)\]]</', found, re.DOTALL)
    return [html.unescape(place) for place in places]


@pytest.fixture(scope="module")
def errors_of():
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=_CHROMIUM, args=flags)
        page = browser.new_page()
        page.add_script_tag(path=DOCS / "assets" / "katex" / "katex.min.js")
        yield lambda sources: page.evaluate(_SET, sources)
        browser.close()


def test_every_formula_can_be_set(errors_of) -> None:
    pages = [*DOCS.rglob("*.md"), *DOCS.rglob("tutorials/*.py")]
    found = [formula for page in pages for formula in formulas(page.read_text(encoding="utf-8"))]
    assert len(found) > 300
    assert errors_of(found) == []


def test_a_formula_that_cannot_be_set_is_seen(errors_of) -> None:
    assert len(errors_of([*formulas(r"$\frac{1}{2}$ and $\frac{1$"), r"\nothing"])) == 2
