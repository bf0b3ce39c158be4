"""A report as Markdown, for a repository or a pull request."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from perceptron_sim.claims import Judgement, Verdict
from perceptron_sim.claims.registry import in_tables
from perceptron_sim.drawing.notation import as_text
from perceptron_sim.report.numbers import interval, prediction, shown, what_decides
from perceptron_sim.report.provenance import differences

MARKS = {
    Verdict.HOLDS: "✓",
    Verdict.FAILS: "✗",
    Verdict.UNDECIDED: "?",
    Verdict.NOT_SEEN: "○",
    Verdict.UNTESTED: "–",
}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#&])")


def markdown(
    judgements: Sequence[Judgement], summary: Mapping[str, Any], figures: Mapping[str, str]
) -> str:
    """Return the report; ``figures`` maps keys of claims to file names next to it."""
    lines = [f"# {_plain(summary['title'])}", "", *_code(summary["command"])]
    lines += [f"**Not done yet:** {_plain(line)}\n" for line in summary["running"]]
    lines += _provenance_warning(summary)
    for title, about, some in in_tables(judgements):
        lines += ["", f"**{title[0].upper()}{title[1:]}.** {_plain(about)}", ""]
        lines += [
            "| # | whose | claim | measured [95 %] | predicted | verdict | why |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [_verdict_row(judgement) for judgement in some]
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


def _verdict_row(judgement: Judgement) -> str:
    claim, rows = judgement.claim, shown(judgement)
    texts = [(f"{model}: {measured}" if model else measured) for measured, _, model in rows]
    cells = (
        _plain(claim.number),
        _plain(f"{claim.whose.tag}, {claim.quantifier.value}"),
        _plain(claim.statement),
        "<br>".join(_plain(text) for text in texts) or "–",
        "<br>".join(_plain(predicted) for _, predicted, _ in rows) or "–",
        _plain(_verdict(judgement.verdict)),
        _plain(judgement.reason),
    )
    return f"| {' | '.join(cells)} |"


def _claim(judgement: Judgement, figure: str | None, made_by: Sequence[str]) -> list[str]:
    claim = judgement.claim
    lines = [
        "",
        f"## {_literal(claim.key)}: {_verdict(judgement.verdict)}",
        "",
        _plain(claim.statement),
        "",
        f"{_plain(judgement.reason[0].upper() + judgement.reason[1:])}.",
        "",
        f"- Whose: {_plain(claim.whose.value)}.",
        f"- Quantifier: {_plain(claim.quantifier.value)}.",
        f"- Judged: {_plain(claim.judged)}.",
        f"- Refuted by: {_plain(claim.refuted)}.",
        f"- Estimator: {_plain(claim.estimator)}.",
        "",
    ]
    if figure is not None:
        lines += [f"![{_plain(claim.statement)}]({figure})", ""]
    if judgement.findings:
        lines += [
            "| quantity | of | measured [95 %] | syst. | predicted | P → ∞ | resolution | away "
            "| verdict | window | seeds | what would decide |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
    for finding in judgement.findings:
        m = finding.measurement
        cells = (
            *(m.quantity, m.model, interval(m)),
            "–" if m.systematic is None else f"± {m.systematic:.2g}",
            prediction(m),
            "–" if m.asymptotic is None else f"{m.asymptotic:.4g}",
            "–" if not m.resolution else f"± {m.resolution:.2g}",
            "–" if finding.distance is None else f"{finding.distance:.1f} σ",
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
    return [f"**Mixed provenance:** the versions of the runs differ: {_literal(what)}.", ""]


def _verdict(verdict: Verdict) -> str:
    return f"{MARKS[verdict]} {verdict.value}"


def _plain(text: str) -> str:
    """Return text on one line, in symbols that Markdown does not change."""
    return _literal(as_text(text))


def _literal(text: str) -> str:
    """Return a name or a command on one line, so that Markdown shows it literally."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(command: str) -> list[str]:
    # Indented code has no closing mark that a command could contain.
    return [f"    {' '.join(command.split())}", ""]
