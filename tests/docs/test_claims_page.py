"""The page of claims shows every claim of the list as the summaries next to it are judged now."""

import re
from pathlib import Path

import pytest

import nets.claims  # noqa: F401  (registers the claims about nets)
from perceptron_sim.claims import Judgement, Verdict
from perceptron_sim.claims.evidence import evidence_in
from perceptron_sim.claims.registry import all_claims, in_tables, judge_all
from perceptron_sim.drawing.notation import as_text
from perceptron_sim.report.markdown import MARKS
from perceptron_sim.report.numbers import interval, prediction

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "claims.md").read_text(encoding="utf-8")
SECTIONS = {
    heading.split(":")[0]: heading + rest
    for heading, rest in re.findall(r"^## (\S+: \S [^\n]*)$(.*?)(?=^## )", PAGE, re.S | re.M)
}


@pytest.fixture(scope="module")
def judgements() -> list[Judgement]:
    # What `perceptron-sim report docs/claims` judges.
    return judge_all(evidence_in([DOCS / "claims"]))


def _plain(text: str) -> str:
    return text.replace("\\", "")


def test_every_claim_has_its_section_and_no_other_has_one(judgements: list[Judgement]) -> None:
    assert list(SECTIONS) == [judgement.claim.key for judgement in judgements]
    assert set(SECTIONS) == {claim.key for claim in all_claims()}


def test_sections_state_the_claims_and_what_would_refute_them(judgements: list[Judgement]) -> None:
    for claim in (judgement.claim for judgement in judgements):
        section = _plain(SECTIONS[claim.key])
        said = (claim.statement, claim.whose.value, claim.judged, claim.refuted, claim.estimator)
        for text in (*said, claim.quantifier.value):
            assert as_text(text) in section, claim.key
        assert f"    {claim.command}\n" in section


def test_verdicts_and_numbers_are_those_of_the_summaries(judgements: list[Judgement]) -> None:
    for judgement in judgements:
        section = _plain(SECTIONS[judgement.claim.key])
        verdict = f"{MARKS[judgement.verdict]} {judgement.verdict.value}"
        assert section.startswith(f"{judgement.claim.key}: {verdict}\n")
        rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
        assert len(rows) == len(judgement.findings)
        for row, finding in zip(rows, judgement.findings, strict=True):
            cells = row.strip("| ").split(" | ")
            measured = finding.measurement
            assert interval(measured) in cells
            assert prediction(measured) in cells
            assert f"{MARKS[finding.verdict]} {finding.verdict.value}" in cells


def test_each_table_shows_its_claims(judgements: list[Judgement]) -> None:
    top = PAGE.partition(f"\n## {next(iter(SECTIONS))}")[0]
    tables = re.findall(r"^\*\*(.+?)\.\*\* .*\n\n((?:\|.*\n)+)", top, re.M)
    shown = {title.lower(): _plain(rows) for title, rows in tables}
    for title, _, some in in_tables(judgements):
        for judgement in some:
            assert as_text(judgement.claim.statement) in shown[title.lower()]


def test_what_was_measured_is_drawn(judgements: list[Judgement]) -> None:
    for judgement in judgements:
        figures = re.findall(r"\]\((claims/\S+\.png)\)", SECTIONS[judgement.claim.key])
        assert len(figures) == bool(judgement.findings)
        for figure in figures:
            assert (DOCS / figure).stat().st_size > 5_000
        if judgement.findings:
            assert "These numbers were made by" in SECTIONS[judgement.claim.key]
        else:
            assert judgement.verdict is Verdict.UNTESTED
