"""The page of claims shows every claim of the list as it is judged now, and nothing else."""

import re
from pathlib import Path

import nets.claims  # noqa: F401  (registers the claims about nets)
from perceptron_sim.claims.registry import all_claims
from perceptron_sim.drawing.notation import as_text

CLAIMS = all_claims()

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "claims.md").read_text(encoding="utf-8")
SECTIONS = {
    heading.split(":")[0]: heading + rest
    for heading, rest in re.findall(r"^## (\S+: \S \w+)$(.*?)(?=^## )", PAGE, re.S | re.M)
}


def _plain(text: str) -> str:
    return text.replace("\\", "")


def test_every_claim_has_its_section_and_no_other_has_one() -> None:
    assert list(SECTIONS) == [claim.key for claim in CLAIMS]


def test_sections_state_the_claims_and_their_commands() -> None:
    for claim in CLAIMS:
        section = _plain(SECTIONS[claim.key])
        assert as_text(claim.statement) in section
        assert as_text(claim.source) in section
        assert f"    {claim.command}\n" in section


def test_every_claim_was_measured_and_drawn() -> None:
    for claim in CLAIMS:
        section = SECTIONS[claim.key]
        assert "These numbers were made by" in section
        (figure,) = re.findall(r"\]\((claims/\S+\.png)\)", section)
        assert (DOCS / figure).stat().st_size > 5_000


def test_verdicts_follow_from_the_measurements() -> None:
    for key, section in SECTIONS.items():
        verdict = re.match(r"\S+: \S (\w+)", section).group(1)
        rows = [line for line in section.splitlines() if re.search(r"\| [✓✗?] \w+ \|", line)]
        found = {re.search(r"\| [✓✗?] (\w+) \|", line).group(1) for line in rows}
        worst = next(v for v in ("fails", "undecided", "holds") if v in found)
        assert verdict == worst, key
