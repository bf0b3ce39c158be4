"""``perceptron-sim scan``: the main job."""

import contextlib
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.arguments import arguments_given
from cli.cost import cost_options, end_of_budget, say_cost, stored_keys
from cli.options import (
    FloatGrid,
    IntegerGrid,
    given,
    json_option,
    out_option,
    point_options,
    workers_of,
    workers_option,
)
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.scans.scan import ScanReport

# Chosen so that the exponents of three chi come out in under a minute on two cores, the first
# compilation included.
DEFAULTS: dict[str, Any] = {
    "chi": (0.0, 1.0, 3.0),
    "d": (16,),
    "P": (640, 1810, 5120, 14482, 40960),
    "B": (2,),
    "T": (0.25, 1.0, 4.0),
    "seeds": 6,
}


@click.command()
@point_options(FloatGrid(), IntegerGrid())
@click.option("--seeds", type=int, help="Replicas at each point: seeds 0 .. N-1.  [default: 6]")
@workers_option
@click.option(
    "--kernel",
    default="auto",
    show_default=True,
    help="auto, event, reference, shuffled, sde, sde/4, sde/16.",
)
@cost_options
@click.option("--checkpoints/--no-checkpoints", default=True, help="Store the course of each run.")
@out_option("perceptron-sim-scan")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: Path,
    workers: int | None,
    scheduler: str | None,
    kernel: str,
    budget: str | None,
    dry_run: bool,
    checkpoints: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Train perceptrons over a grid until fitted; fit delta, gamma, b; draw the figures.

    Grids are lists (0,1,3), powers (2^-5) or geometric ranges (2^-13:2^2:16). Without options:
    chi 0,1,3; d 16; P 640..40960; B 2; T 0.25,1,4; kappa 2^-15; 6 seeds. The same command again
    finds what is stored and does only the rest.
    """
    from cli.progress import TerminalProgress
    from cli.reports import exit_code, say_interrupted
    from cli.tables import print_collapses, print_exponents
    from perceptron_sim.analysis.collapse import collapses
    from perceptron_sim.analysis.exponents import exponent_rows
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.figures.collapse import figure_collapse
    from perceptron_sim.analysis.figures.scan import figure_on_P, figure_on_T
    from perceptron_sim.analysis.summary import summarise, write_summary
    from perceptron_sim.runs.simulate import resolve_kernel
    from perceptron_sim.scans.executors import slots_of
    from perceptron_sim.scans.grid import PerceptronGrid
    from perceptron_sim.scans.run_time import estimate
    from perceptron_sim.scans.scan import check_request, scan
    from perceptron_sim.store.store import ParquetStore, QuarantinedError

    values = DEFAULTS | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    grid = PerceptronGrid(**values)
    # Every combination is checked before the folder is touched.
    configs = list(grid)
    where = workers_of(ctx, workers, scheduler)
    check_request(configs, kernel, where)
    until = end_of_budget(budget)
    if dry_run:
        found = estimate(configs, resolve_kernel(kernel), stored_keys(out))
        return say_cost(found, f"kernel {kernel}", slots_of(where), out, as_json, until=until)
    progress = TerminalProgress()
    store = ParquetStore(out, tell=progress.note)
    frame, failed = None, 0
    while frame is None:
        report = scan(
            configs,
            store,
            kernel=kernel,
            checkpoints="log" if checkpoints else None,
            workers=where,
            progress=progress,
            until=until,
        )
        failed += report.failed
        _say_what_was_done(report)
        if report.interrupted:
            say_interrupted(report)
            return 1
        # A damaged file that only a full reading finds is out of the way now: do its runs again.
        with contextlib.suppress(QuarantinedError):
            frame = store.frame(report.keys)
    rows = exponent_rows(frame)
    collapsed = collapses(frame)
    command_line = shlex.join(
        ["perceptron-sim", "scan", *arguments_given(ctx, without=("budget",))]
    )
    summary = summarise(command_line, frame, rows, collapsed)
    write_summary(out / "summary.json", summary)
    written = [
        *save(figure_on_P(frame, rows), out, "scan_on_P"),
        *save(figure_on_T(frame, rows), out, "scan_on_T"),
    ]
    for abscissa, name in (("P/d", "collapse_on_P"), ("kappa/T", "collapse_on_kappa")):
        if any(collapse.abscissa == abscissa for collapse in collapsed):
            written += save(figure_collapse(frame, collapsed, abscissa), out, name)
    if as_json:
        from cli.output import print_json

        print_json(summary)
    else:
        print_exponents(rows, summary["points_left_out"])
        print_collapses(collapsed)
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
    return exit_code(failed)


def _say_what_was_done(report: "ScanReport") -> None:
    text = f"{counted(report.found, 'run')} found, {report.done} simulated in {report.wall_s:.1f} s"
    if not (report.done or report.interrupted):
        text = f"all {counted(report.found, 'run')} found: nothing to simulate"
    for status, count in sorted(report.not_fitted.items()):
        text += f"; {count} ended {status}"
    click.echo(text, err=True)
