"""The common part of scan, nets scan, nets lazy and import, from a request to its output."""

import contextlib
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.arguments import command_text
from cli.dry_run import end_of_budget, say_cost, stored_keys
from cli.options import workers_of
from cli.reports import say_interrupted
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from perceptron_sim.analysis.analyse import Analysis
    from perceptron_sim.drawing.panels import Chart
    from perceptron_sim.scans.drive import Request, ScanReport
    from perceptron_sim.scans.executors import Workers


class Scanning:
    """One command that scans: options that all of them take, and what they do with them.

    Attributes:
        ctx: of the command.
        out: the folder of the runs.
        dry_run: whether to print only the cost.
        failed: number of runs that failed so far.
    """

    def __init__(self, ctx: click.Context, options: dict[str, Any]) -> None:
        """Take the common options out of ``options``, which is left with those of the grid."""
        self.ctx = ctx
        self.out: Path = options.pop("out")
        self.dry_run: bool = options.pop("dry_run")
        self.failed = 0
        self._as_json: bool = options.pop("as_json")
        self._budget: str | None = options.pop("budget")
        self._place = (options.pop("workers"), options.pop("scheduler"))

    @functools.cached_property
    def until(self) -> float | None:
        """The time.monotonic() after which no run starts, or None; first asked at the start."""
        return end_of_budget(self._budget)

    def where(self, *, packages: tuple[str, ...] = (), gpu: bool = False) -> "Workers":
        """Return where runs are done, as ``workers_of``."""
        found: Workers = workers_of(self.ctx, *self._place, packages=packages, gpu=gpu)
        return found

    def say_cost(
        self, what: str, *requests: "Request[Any] | None", in_flight: int | None = None
    ) -> int:
        """Print what the requests would cost, as ``dry_run.say_cost``; return the exit code."""
        from perceptron_sim.scans.executors import slots_of

        until, stored = self.until, stored_keys(self.out)
        asked = [request for request in requests if request is not None]
        first, *others = (request.left(stored) for request in asked)
        found = functools.reduce(lambda a, b: a + b, others, first)
        place = (slots_of(asked[0].workers), self.out, self._as_json)
        return say_cost(found, what, *place, until=until, in_flight=in_flight)

    def carry_out(self, request: "Request[Any]", done: str = "simulated") -> "pd.DataFrame | None":
        """Do a request, say how it ended, and return its runs; None if they are not complete.

        Args:
            request: what to do.
            done: what becomes of runs, in a word.
        """
        from cli.progress import TerminalProgress
        from perceptron_sim.scans.drive import drive
        from perceptron_sim.store.store import ParquetStore, QuarantinedError

        until, progress = self.until, TerminalProgress()
        store = ParquetStore(self.out, tell=progress.note)
        while True:
            report = drive(request, store, progress=progress, until=until)
            self.failed += report.failed
            click.echo(_what_was_done(report, done), err=True)
            if report.interrupted:
                say_interrupted(report)
                return None
            # A damaged file that only a full reading finds is out of the way: do its runs again.
            with contextlib.suppress(QuarantinedError):
                return store.frame(report.keys)

    def conclude(
        self,
        analysis: "Analysis",
        packages: tuple[str, ...] = (),
        lazy: "pd.DataFrame | None" = None,
        charts: "Mapping[str, Chart] | None" = None,
        **more: Any,
    ) -> bool:
        """Write and print what the runs say; return whether tables were printed.

        Args:
            analysis: of the runs.
            packages, more: as in ``Analysis.summary``.
            lazy: as in ``Analysis.figures``.
            charts: further figures, by the names of their files.
        """
        summary = analysis.summary(command_text(self.ctx), packages, **more)
        conclude(analysis, summary, self.out, self._as_json, charts, lazy=lazy)
        return not self._as_json


def _what_was_done(report: "ScanReport", done: str) -> str:
    found = f"{counted(report.found, 'run')} found"
    text = f"{found}, {report.done} {done} in {report.wall_s:.1f} s"
    if not (report.done or report.interrupted):
        text = f"all {found}: nothing to simulate"
    return text + "".join(f"; {n} ended {name}" for name, n in sorted(report.not_fitted.items()))


def conclude(
    analysis: "Analysis",
    summary: dict[str, Any],
    out: Path,
    as_json: bool,
    charts: "Mapping[str, Chart] | None" = None,
    **drawn: Any,
) -> None:
    """Write summary.json and figures, and print the tables or, instead, the summary.

    Args:
        analysis: of the runs.
        summary: ``analysis.summary`` of them.
        out: the folder to write to.
        as_json: print the summary.
        charts: further figures, by the names of their files.
        drawn: options of ``analysis.figures``.
    """
    from cli.output import print_json
    from cli.tables import print_collapses, print_exponents, print_limits, print_local
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary

    write_summary(out / "summary.json", summary)
    # Numbers come first, since drawing takes longer.
    if as_json:
        print_json(summary)
    else:
        print_exponents(analysis.rows, analysis.left_out, analysis.copies)
        print_limits(analysis.limits)
        print_local(analysis.local)
        print_collapses(analysis.collapses)
    figures = {**analysis.figures(**drawn), **(charts or {})}
    say_written([path for name, figure in figures.items() for path in save(figure, out, name)], out)


def say_written(written: list[Path], out: Path) -> None:
    """Print where the figures and the summary of a command are."""
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
