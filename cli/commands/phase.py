"""``perceptron-sim phase``: maps of the regimes, with their boundaries."""

import math
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.arguments import arguments_given
from cli.dry_run import say_cost, stored_keys
from cli.options import (
    DynamicsChoice,
    FloatGrid,
    IntegerGrid,
    KernelChoice,
    budget_option,
    given,
    json_option,
    net_options,
    out_option,
    outputs_option,
    workers_of,
    workers_option,
)
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.phase.explore import Budget, Explored
    from perceptron_sim.phase.plane import Conclusion, Map

_INTEGERS = IntegerGrid()
# Options that mean nothing to perceptrons: with one of them a plane is that of nets.
_OF_NETS = {"data", "arch", "depth", "width", "act", "P_test", "shared_seeds", "dtype", "data_dir"}
_OF_NETS |= {"device", "engine"}


@click.command()
@click.option("--plane", "plane_name", default="B-eta", show_default=True, help="Which plane.")
@net_options(FloatGrid(), _INTEGERS)
@click.option("--seeds", type=int, help="Replicas per cell: seeds 0 .. N-1.")
@click.option("--max-updates", type=int, help="Budget per run, in steps that change w.")
@budget_option("Budget of the map: 90s, 10min, 2h or 800runs.  [default: none]")
@click.option(
    "--dry-run", is_flag=True, help="Print what would be done and what it costs; do nothing."
)
@click.option("--uniform", is_flag=True, help="Fill the full grid instead of refining.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0.0, min_open=True),
    default=0.1,
    show_default=True,
    help="Refine where ln of the observable departs from straight lines by more.",
)
@click.option("--observable", help="Observable to map and refine.  [default: w_norm]")
@workers_option
@click.option(
    "--kernel", type=KernelChoice("lazy", "net"), help="auto, event, reference; nets: lazy, net."
)
@outputs_option
@click.option(
    "--dynamics",
    type=DynamicsChoice(),
    multiple=True,
    help="May be repeated in plane dynamics, which compares with SGD.",
)
@out_option("perceptron-sim-phase")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    plane_name: str,
    budget: str | None,
    dry_run: bool,
    uniform: bool,
    tolerance: float,
    observable: str | None,
    out: Path,
    as_json: bool,
    **options: Any,
) -> int:
    """Map a plane of the phase diagram; fit its boundaries; draw both with theory.

    \b
    B-eta       ||w|| over batch size and learning rate: noise, first step,
                gradient descent; T_c ~ kappa and B* ~ P^x. Of nets too.
    T-kappa     ||w|| over temperature and margin: plateau, T_c, noise branch.
    late-noise  Does noise act later than the weights grow? Of nets too.
    dynamics    SGD against shuffled epochs, SDEs of its noise, and Poisson hits;
                of linearised nets too.
    alpha-T     Nets: test error over alpha and T, lazy boundary, T_max, T_opt.
    P-T         Nets: T_c(P), where the lazy regime ends, by training and linearised.

    Planes of both are those of nets with any of --data, --arch, --depth, --width, --act,
    --test-samples, --shared-seeds, --independent, --dtype, --device, --engine, --data-dir,
    --kernel lazy, --kernel net; else those of perceptrons.

    The maps B-eta, T-kappa and alpha-T start coarse. They are refined where a straight line in
    logarithms misses what lies between, until --budget is spent. The same command again
    continues where it stopped.
    """
    import nets.phase
    from cli.progress import TerminalProgress
    from perceptron_sim.phase import PLANES, plane_of
    from perceptron_sim.phase.explore import Budget, check_maps, explore, parse_budget
    from perceptron_sim.phase.output import observable_of, settings_of
    from perceptron_sim.store.store import ParquetStore

    options["dynamics"] = options["dynamics"] or None
    options["keep_outputs"] = options["keep_outputs"] or None
    gpu, asked = options["device"] == "cuda", [options.pop(n) for n in ("workers", "scheduler")]
    # "auto", a default of the options themselves, is what every plane does.
    chosen = {n: v for n, v in options.items() if n not in ("device", "engine") or v != "auto"}
    chosen = given(**chosen)
    of_nets = bool(_OF_NETS & chosen.keys()) or chosen.get("kernel") in ("lazy", "net")
    plane = plane_of(plane_name, nets.phase.PLANES, of_others=of_nets)
    both = of_nets and plane_name in PLANES.keys() & nets.phase.PLANES.keys()
    named = f"{plane_name} of nets" if both else plane_name
    values = settings_of(plane, named, chosen)
    if "folder" in values:
        values["folder"] = out
    limit = parse_budget(budget) if budget is not None else Budget()
    mapped = observable_of(plane, observable)
    maps, seeds = plane.maps(values), values["seeds"]
    where = workers_of(ctx, *asked, packages=plane.packages, gpu=gpu)
    check_maps(maps, seeds, where)
    uniform = uniform or not plane.adaptive
    if dry_run:
        return _say_cost(maps, seeds, where, out, as_json, limit, uniform)
    how: dict[str, Any] = {"seeds": seeds, "observable": mapped, "uniform": uniform}
    how |= {"tolerance": tolerance, "budget": limit, "workers": where}
    explored = explore(plane, maps, ParquetStore(out), **how, progress=TerminalProgress())
    if not _say_explored(explored):
        return 1
    conclusion = plane.conclude(values, explored.cells, explored.runs, mapped)
    return _write(ctx, plane_name, explored, conclusion, out, as_json)


def _say_cost(
    maps: "Sequence[Map]",
    seeds: int,
    where: Any,
    out: Path,
    as_json: bool,
    limit: "Budget",
    uniform: bool,
) -> int:
    """Say what there is to do and what it costs; return the exit code."""
    from perceptron_sim.phase.explore import jobs_of
    from perceptron_sim.scans.drive import estimate_jobs
    from perceptron_sim.scans.executors import slots_of

    note = None if uniform else "at most: the map is refined only where it changes"
    if math.isfinite(limit.runs):
        note = f"at most {limit.runs:g} of them: the budget"
    found = estimate_jobs(jobs_of(maps, seeds), stored_keys(out))
    slots = slots_of(where)
    until = time.monotonic() + limit.seconds if math.isfinite(limit.seconds) else None
    return say_cost(found, "some of its runs", slots, out, as_json, note=note, until=until)


def _say_explored(explored: "Explored") -> bool:
    """Say what was done; return whether there is something to conclude from.

    Raises:
        InputError: if the budget sufficed for no cell.
    """
    from perceptron_sim.errors import InputError

    click.echo(
        f"{counted(explored.found, 'run')} found, {explored.done} simulated in "
        f"{explored.wall_s:.1f} s: {len(explored.cells)} of {explored.cells_possible} cells",
        err=True,
    )
    if explored.interrupted:
        click.echo("interrupted: repeat the command to go on where it stopped", err=True)
    elif not explored.complete:
        click.echo("out of budget: repeat the command to go on, or raise --budget", err=True)
    if len(explored.cells) == 0 and not explored.interrupted:
        raise InputError("the budget is too small for one cell: raise --budget or lower --seeds")
    return not explored.interrupted


def _write(
    ctx: click.Context,
    plane_name: str,
    explored: "Explored",
    conclusion: "Conclusion",
    out: Path,
    as_json: bool,
) -> int:
    """Write numbers, summary and figures, print the tables; return the exit code."""
    from cli.output import print_json, print_table
    from cli.reports import exit_code
    from cli.scanning import say_written
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.phase.output import write_cells, write_report

    write_cells(out, explored.cells, conclusion)
    command_line = shlex.join(["perceptron-sim", "phase", *arguments_given(ctx)])
    summary = write_report(out, command_line, plane_name, explored, conclusion)
    if as_json:
        print_json(summary)
    for table in () if as_json else conclusion.tables:
        print_table(table.title, table.columns, table.rows)
        if table.note:
            click.echo(table.note)
    charts = conclusion.figures.items()
    written = [save(chart(), out, f"{plane_name}_{name}") for name, chart in charts]
    say_written([path for paths in written for path in paths], out)
    return exit_code(explored.failed)
