"""What every scan says at its end."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from perceptron_sim.scans.drive import ScanReport
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.claims import Judgement

INTERVALS = (
    "95 % interval: statistical, Student t over seeds. syst.: largest shift when a third "
    "of the window is left out."
)
NOTHING_TO_FIT = (
    "nothing to fit: that takes two values of T or of P at which every run is fitted, of two seeds"
)


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
    """Return the exit code of a command that did all runs: 1, said in a line, if any failed."""
    if failed:
        click.echo(
            f"{counted(failed, 'run')} failed (reasons above): repeat the command to try again",
            err=True,
        )
    return 1 if failed else 0


def say_left_out(left_out: int) -> None:
    """Say how many grid points took no part in the fits."""
    if left_out:
        click.echo(f"{left_out} grid points left out of the fits: some run there was not fitted.")


def say_verdicts(judgements: "Sequence[Judgement]") -> None:
    """Print how each claim stands, and why."""
    from cli.output import print_table
    from perceptron_sim.drawing.notation import as_text
    from perceptron_sim.report.markdown import MARKS

    print_table(
        "what the runs say",
        ["claim", "verdict", "statement", "why"],
        [
            [
                judgement.claim.key,
                f"{MARKS[judgement.verdict]} {judgement.verdict.value}",
                as_text(judgement.claim.statement),
                as_text(judgement.reason),
            ]
            for judgement in judgements
        ],
        text_columns=4,
    )
