"""Messages at the end of every scan."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from perceptron_sim.scans.drive import ScanReport
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.claims import Judgement


def say_interrupted(report: ScanReport) -> None:
    """Say how much of an interrupted scan is missing, and how to go on."""
    missing = len(report.keys) - report.found - report.done
    why = "out of budget" if report.out_of_time else "interrupted"
    click.echo(
        f"{why} with {missing} of {len(report.keys)} runs to go: repeat the command "
        "to go on where it stopped",
        err=True,
    )


def exit_code(failed: int) -> int:
    """Return the exit code of a command that did all runs: 1, with a message, if any failed."""
    if failed:
        click.echo(
            f"{counted(failed, 'run')} failed (reasons above): repeat the command to try again",
            err=True,
        )
    return 1 if failed else 0


def say_verdicts(judgements: "Sequence[Judgement]") -> None:
    """Print the verdict of each claim, its numbers and the reason."""
    from cli.output import print_table
    from perceptron_sim.claims.registry import in_tables
    from perceptron_sim.drawing.notation import as_text
    from perceptron_sim.report.markdown import MARKS
    from perceptron_sim.report.numbers import shown

    for title, about, some in in_tables(judgements):
        if not any(judgement.findings for judgement in some):
            rows = [[j.claim.key, j.claim.whose.tag, as_text(j.claim.statement)] for j in some]
            print_table(f"{title}: {about}", ["claim", "whose", "statement"], rows, text_columns=3)
            continue
        rows = []
        for judgement in some:
            claim = judgement.claim
            (measured, predicted, model), *_ = shown(judgement) or [("–", "–", "")]
            rows.append(
                [
                    claim.key,
                    f"{MARKS[judgement.verdict]} {judgement.verdict.value}",
                    f"{claim.whose.tag}, {claim.quantifier.value}",
                    as_text(claim.statement),
                    as_text(f"{model}: {measured}" if model else measured),
                    predicted,
                    as_text(judgement.reason),
                ]
            )
        columns = ["claim", "verdict", "whose", "statement", "measured", "predicted", "why"]
        print_table(title, columns, rows, text_columns=7)
