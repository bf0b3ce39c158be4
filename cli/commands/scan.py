"""``perceptron-sim scan``: the main job."""

import contextlib
import math
import shlex
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.arguments import arguments_given
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
@click.option("--budget", help="Start no run after so long: 90s, 10m, 2h.  [default: none]")
@click.option("--dry-run", is_flag=True, help="Say what there is to do and what it costs; do none.")
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
    chi 0,1,3; d 16; P 640..40960; B 2; T 1/4,1,4; kappa 2^-15; 6 seeds. The same command again
    finds what is stored and does only the rest.
    """
    from cli.progress import TerminalProgress
    from cli.reports import say_interrupted
    from cli.tables import print_collapses, print_exponents
    from perceptron_sim.experiments.collapse import collapses
    from perceptron_sim.experiments.exponent_table import exponent_rows
    from perceptron_sim.experiments.figures import save
    from perceptron_sim.experiments.figures.collapse import figure_collapse
    from perceptron_sim.experiments.figures.scan import figure_on_P, figure_on_T
    from perceptron_sim.experiments.grid import PerceptronGrid
    from perceptron_sim.experiments.scan import check_request, scan
    from perceptron_sim.experiments.store import ParquetStore, QuarantinedError
    from perceptron_sim.experiments.summary import summarise, write_summary

    values = DEFAULTS | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    grid = PerceptronGrid(**values)
    # Every combination is checked before the folder is touched.
    configs = list(grid)
    where = workers_of(ctx, workers, scheduler)
    check_request(configs, kernel, where)
    until = None if budget is None else time.monotonic() + _budget_s(budget)
    if dry_run:
        return _say_cost(configs, kernel, where.slots if scheduler else workers, out, as_json)
    progress = TerminalProgress()
    store = ParquetStore(out, tell=progress.note)
    frame = None
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
        _say_what_was_done(report.found, report.done, report.wall_s, report.not_fitted)
        if report.interrupted:
            say_interrupted(report)
            return 1
        # A damaged file that only a full reading finds is out of the way now: do its runs again.
        with contextlib.suppress(QuarantinedError):
            frame = store.frame(report.keys)
    rows = exponent_rows(frame)
    found = collapses(frame)
    command_line = shlex.join(
        ["perceptron-sim", "scan", *arguments_given(ctx, without=("budget",))]
    )
    summary = summarise(command_line, frame, rows, found)
    write_summary(out / "summary.json", summary)
    written = [
        *save(figure_on_P(frame, rows), out, "scan_on_P"),
        *save(figure_on_T(frame, rows), out, "scan_on_T"),
    ]
    for abscissa, name in (("P/d", "collapse_on_P"), ("kappa/T", "collapse_on_kappa")):
        if any(collapse.abscissa == abscissa for collapse in found):
            written += save(figure_collapse(frame, found, abscissa), out, name)
    if as_json:
        from cli.output import print_json

        print_json(summary)
    else:
        print_exponents(rows, summary["points_left_out"])
        print_collapses(found)
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
    return 0


def _budget_s(text: str) -> float:
    from perceptron_sim.errors import InputError
    from perceptron_sim.experiments.phase.explore import parse_budget

    limit = parse_budget(text)
    if not math.isfinite(limit.seconds):
        raise InputError(f"--budget {text!r} counts runs: a scan takes a time, 90s, 10m or 2h")
    return limit.seconds


def _say_cost(
    configs: list[Any], kernel: str, workers: int | None, out: Path, as_json: bool
) -> int:
    from cli.progress import duration
    from perceptron_sim.experiments.cost import estimate
    from perceptron_sim.experiments.executors import default_workers
    from perceptron_sim.experiments.memory import format_bytes
    from perceptron_sim.experiments.simulate import resolve_kernel
    from perceptron_sim.experiments.store import ParquetStore

    stored = ParquetStore.existing(out).keys() if (out / "store.json").exists() else set()
    threads = workers or default_workers()
    found = estimate(configs, resolve_kernel(kernel), stored)
    left = found.runs - found.found
    wall_s = found.wall_s(threads)
    memory = min(threads, left) * found.bytes_a_run
    if as_json:
        from cli.output import finite, print_json

        facts = {name: finite(value) for name, value in asdict(found).items()}
        print_json(facts | {"workers": threads, "wall_s": wall_s, "memory_bytes": memory})
        return 0
    click.echo(f"{found.runs} runs: {found.found} stored in {out}, {left} to do")
    if wall_s is None or found.core_s is None or found.longest_s is None:
        click.echo(f"time: not measured for kernel {kernel}")
    else:
        click.echo(
            f"time: about {duration(wall_s)} with {threads} workers, {duration(found.core_s)} of "
            f"one core, good to a factor {found.factor:.2g} (1 s.d.) on a core as calibrated; "
            f"the longest run about {duration(found.longest_s)}"
        )
    click.echo(f"memory: at most about {format_bytes(memory)} for the runs in flight")
    return 0


def _say_what_was_done(found: int, done: int, wall_s: float, not_fitted: dict[str, int]) -> None:
    text = f"{found} runs found, {done} simulated in {wall_s:.1f} s"
    if not done:
        text = f"all {found} runs found: nothing to simulate"
    for status, count in sorted(not_fitted.items()):
        text += f"; {count} ended {status}"
    click.echo(text, err=True)
