"""``perceptron-sim phase``: maps of the regimes, with their boundaries."""

import math
import shlex
import time
from pathlib import Path
from typing import Any

import click

from cli.arguments import arguments_given
from cli.commands.nets.options import net_options
from cli.cost import say_cost, stored_keys
from cli.options import (
    FloatGrid,
    IntegerGrid,
    given,
    json_option,
    out_option,
    workers_of,
    workers_option,
)
from perceptron_sim.words import counted

_INTEGERS = IntegerGrid()


@click.command()
@click.option("--plane", "plane_name", default="B-eta", show_default=True, help="Which plane.")
@net_options(FloatGrid(), _INTEGERS)
@click.option("--seeds", type=int, help="Replicas of a cell: seeds 0 .. N-1.")
@click.option("--max-updates", type=int, help="Budget of a run, in steps that change w.")
@click.option("--budget", help="Budget of the map: 90s, 10min, 2h or 800runs.  [default: none]")
@click.option("--dry-run", is_flag=True, help="Say what there is to do and what it costs; do none.")
@click.option("--uniform", is_flag=True, help="Fill the full grid instead of refining.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0, min_open=True),
    default=0.1,
    show_default=True,
    help="Refine where ln of the observable is off straight lines by more.",
)
@click.option("--observable", help="What is mapped and refined.  [default: w_norm]")
@workers_option
@click.option(
    "--kernel",
    help="auto, event, reference, shuffled, sde, sde/4, sde/16; dynamics: an SDE; nets: lazy, net.",
)
@out_option("perceptron-sim-phase")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plane_name: str,
    seeds: int | None,
    budget: str | None,
    dry_run: bool,
    uniform: bool,
    tolerance: float,
    observable: str | None,
    workers: int | None,
    scheduler: str | None,
    out: Path,
    as_json: bool,
    device: str,
    engine: str,
    **options: Any,
) -> int:
    """Map a plane of the phase diagram; fit its boundaries; draw both beside theory.

    \b
    B-eta       ||w|| over batch size and learning rate: noise, first step,
                gradient descent; T_c ~ kappa and B* ~ P^x.
    T-kappa     ||w|| over temperature and margin: plateau, T_c, noise branch.
    late-noise  Training curves at several T: when they separate.
    dynamics    SGD beside shuffled epochs and the SDE of its noise.
    alpha-T     Nets: test error over alpha and T, lazy boundary, T_max, T_opt.
    P-T         Nets: T_c(P), where the lazy regime ends, by training and linearised.

    The maps B-eta, T-kappa and alpha-T start coarse and are refined where straight lines in
    logarithms do not tell what is between, until done or out of --budget. The same command again
    goes on where it stopped.
    """
    import nets.phase
    from cli.progress import TerminalProgress
    from cli.reports import exit_code
    from cli.scanning import say_written
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.errors import InputError
    from perceptron_sim.phase import plane
    from perceptron_sim.phase.explore import check_maps, explore, jobs_of, parse_budget
    from perceptron_sim.phase.output import settings_of, write_cells, write_report
    from perceptron_sim.scans.drive import estimate_jobs
    from perceptron_sim.scans.executors import slots_of
    from perceptron_sim.store.store import ParquetStore

    chosen = plane(plane_name, nets.phase.PLANES)
    # Options with a default of their own: "auto" is what every plane does.
    placed = {"device": device, "engine": engine}
    options |= {name: value for name, value in placed.items() if value != "auto"}
    values = settings_of(chosen, plane_name, given(**options))
    limit = parse_budget(budget) if budget is not None else None
    mapped = observable or chosen.observables[0]
    if mapped not in chosen.observables:
        raise InputError(
            f"observable {mapped!r} is unknown here: choose one of {', '.join(chosen.observables)}"
        )
    maps = chosen.maps(values)
    replicas = seeds if seeds is not None else values["seeds"]
    packages = ("torch",) if plane_name in nets.phase.PLANES else ()
    where = workers_of(ctx, workers, scheduler, packages=packages, gpu=device == "cuda")
    check_maps(maps, replicas, where)
    if dry_run:
        found = estimate_jobs(jobs_of(maps, replicas), stored_keys(out))
        adaptive = chosen.adaptive and not uniform
        note = "at most: the map is refined only where it changes" if adaptive else None
        until = None
        if limit is not None and math.isfinite(limit.seconds):
            until = time.monotonic() + limit.seconds
        elif limit is not None:
            note = f"at most {limit.runs:g} of them: the budget"
        return say_cost(
            found, "some of its runs", slots_of(where), out, as_json, note=note, until=until
        )
    explored = explore(
        chosen,
        maps,
        ParquetStore(out),
        seeds=replicas,
        observable=mapped,
        uniform=uniform or not chosen.adaptive,
        tolerance=tolerance,
        budget=limit,
        workers=where,
        progress=TerminalProgress(),
    )
    click.echo(
        f"{counted(explored.found, 'run')} found, {explored.done} simulated in "
        f"{explored.wall_s:.1f} s: {len(explored.cells)} of {explored.cells_possible} cells",
        err=True,
    )
    if explored.interrupted:
        click.echo("interrupted: repeat the command to go on where it stopped", err=True)
        return 1
    if not explored.complete:
        click.echo("out of budget: repeat the command to go on, or raise --budget", err=True)
    if len(explored.cells) == 0:
        raise InputError("the budget suffices for no cell: raise --budget, or use fewer --seeds")
    conclusion = chosen.conclude(values, explored.cells, explored.runs, mapped)
    write_cells(out, explored.cells, conclusion)
    command_line = shlex.join(["perceptron-sim", "phase", *arguments_given(ctx)])
    summary = write_report(out, command_line, plane_name, explored, conclusion)
    if as_json:
        from cli.output import print_json

        print_json(summary)
    else:
        from cli.output import print_table

        for table in conclusion.tables:
            print_table(table.title, table.columns, table.rows)
            if table.note:
                click.echo(table.note)
    charts = conclusion.figures.items()
    written = [save(chart(), out, f"{plane_name}_{name}") for name, chart in charts]
    say_written([path for paths in written for path in paths], out)
    return exit_code(explored.failed)
