"""What scan, nets scan, nets lazy and import have in common, from a request to what is shown."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.reports import say_interrupted
from perceptron_sim.words import counted

if TYPE_CHECKING:
    import pandas as pd

    from perceptron_sim.analysis.analyse import Analysis
    from perceptron_sim.scans.drive import Request, ScanReport


def carry_out(
    request: "Request[Any]", out: Path, until: float | None, done: str = "simulated"
) -> "tuple[pd.DataFrame | None, int]":
    """Do a request and say how it ended.

    Args:
        request: what to do.
        out: the folder of the runs.
        until: the time.monotonic() after which no run starts, or None.
        done: what becomes of runs, in a word.

    Returns:
        The runs, None if they are not complete, and how many failed.
    """
    from cli.progress import TerminalProgress
    from perceptron_sim.scans.drive import drive
    from perceptron_sim.store.store import ParquetStore, QuarantinedError

    progress = TerminalProgress()
    store = ParquetStore(out, tell=progress.note)
    failed = 0
    while True:
        report = drive(request, store, progress=progress, until=until)
        failed += report.failed
        click.echo(_what_was_done(report, done), err=True)
        if report.interrupted:
            say_interrupted(report)
            return None, failed
        # A damaged file that only a full reading finds is out of the way now: do its runs again.
        with contextlib.suppress(QuarantinedError):
            return store.frame(report.keys), failed


def _what_was_done(report: "ScanReport", done: str) -> str:
    found = f"{counted(report.found, 'run')} found"
    text = f"{found}, {report.done} {done} in {report.wall_s:.1f} s"
    if not (report.done or report.interrupted):
        text = f"all {found}: nothing to simulate"
    return text + "".join(f"; {n} ended {name}" for name, n in sorted(report.not_fitted.items()))


def conclude(
    analysis: "Analysis", summary: dict[str, Any], out: Path, as_json: bool, **drawn: Any
) -> None:
    """Write summary.json and figures, and print the tables or, instead, the summary.

    Args:
        analysis: of the runs.
        summary: ``analysis.summary`` of them.
        out: the folder to write to.
        as_json: print the summary.
        drawn: options of ``analysis.figures``.
    """
    from cli.output import print_json
    from cli.tables import print_collapses, print_exponents
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary

    write_summary(out / "summary.json", summary)
    # Numbers first: drawing takes longer.
    if as_json:
        print_json(summary)
    else:
        print_exponents(analysis.rows, analysis.left_out)
        print_collapses(analysis.collapses)
    figures = analysis.figures(**drawn).items()
    say_written([path for name, figure in figures for path in save(figure, out, name)], out)


def say_written(written: list[Path], out: Path) -> None:
    """Say where the figures and the summary of a command are."""
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
