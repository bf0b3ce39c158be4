"""A report as Markdown, for a repository or a pull request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from perceptron_sim.claims import Judgement, Verdict
from perceptron_sim.drawing.notation import as_text
from perceptron_sim.report.numbers import interval, prediction, what_decides
from perceptron_sim.report.provenance import differences

MARKS = {Verdict.HOLDS: "✓", Verdict.FAILS: "✗", Verdict.UNDECIDED: "?"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#&])")


def markdown(
    judgements: Sequence[Judgement], summary: Mapping[str, Any], figures: Mapping[str, str]
) -> str:
    """Return the report; ``figures`` maps keys of claims to file names beside it."""
    lines = [f"# {_plain(summary['title'])}", "", *_code(summary["command"])]
    lines += [f"**Not done yet:** {_plain(line)}\n" for line in summary["running"]]
    lines += _provenance_warning(summary)
    lines += ["| # | claim | verdict | why |", "|---|---|---|---|"]
    for j in judgements:
        cells = (j.claim.number, j.claim.statement, _verdict(j.verdict), j.reason)
        lines.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
    for j, said in zip(judgements, summary["claims"], strict=True):
        lines += _claim(j, figures.get(j.claim.key), said["made_by"])
    lines += ["", "## Provenance", ""]
    lines += ["| folder | runs | versions | command |", "|---|---|---|---|"]
    for entry in summary["provenance"]:
        made = "; ".join(
            f"{group['runs']} runs: " + " ".join(f"{k} {v}" for k, v in group["versions"].items())
            for group in entry["made_with"]
        )
        cells = (entry["folder"], str(entry["runs"]), made, entry["command"])
        lines.append(f"| {' | '.join(_literal(cell) for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _claim(judgement: Judgement, figure: str | None, made_by: Sequence[str]) -> list[str]:
    claim = judgement.claim
    lines = [
        "",
        f"## {_literal(claim.key)}: {_verdict(judgement.verdict)}",
        "",
        _plain(claim.statement),
        "",
        f"{_plain(judgement.reason)}. Source: {_plain(claim.source)}. "
        f"Estimator: {_plain(claim.estimator)}.",
        "",
    ]
    if figure is not None:
        lines += [f"![{_plain(claim.statement)}]({figure})", ""]
    if judgement.findings:
        lines += [
            "| quantity | of | measured [95 %] | predicted | P → ∞ | verdict | window | seeds "
            "| what would decide |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
    for finding in judgement.findings:
        m = finding.measurement
        cells = (
            *(m.quantity, m.model, interval(m), prediction(m)),
            "–" if m.asymptotic is None else f"{m.asymptotic:.4g}",
            *(_verdict(finding.verdict), m.window, str(m.n_seeds), what_decides(finding)),
        )
        lines.append(f"| {' | '.join(_plain(cell) for cell in cells)} |")
    if made_by:
        lines += ["", "These numbers were made by", ""]
        lines += [line for command in made_by for line in _code(command)]
    return [*lines, "", "The full command for this claim:", "", *_code(claim.command)]


def _provenance_warning(summary: Mapping[str, Any]) -> list[str]:
    mixed = differences(summary["provenance"])
    if not mixed:
        return []
    what = "; ".join(f"{name} {', '.join(values)}" for name, values in mixed.items())
    return [f"**Mixed provenance:** the runs were not all made alike: {_literal(what)}.", ""]


def _verdict(verdict: Verdict) -> str:
    return f"{MARKS[verdict]} {verdict.value}"


def _plain(text: str) -> str:
    """Return text in symbols that Markdown leaves as it is, on one line."""
    return _literal(as_text(text))


def _literal(text: str) -> str:
    """Return a name or a command, to the letter, that Markdown leaves as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(command: str) -> list[str]:
    # Indented code has no closing mark that a command could contain.
    return [f"    {' '.join(command.split())}", ""]
