"""``perceptron-sim scan``: the main job."""

import shlex
from pathlib import Path
from typing import Any

import click

from cli.arguments import arguments_given
from cli.cost import cost_options, end_of_budget, say_cost, stored_keys
from cli.options import (
    FloatGrid,
    IntegerGrid,
    given,
    json_option,
    method_options,
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
@method_options
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
    dynamics: str,
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
    from cli.reports import exit_code
    from cli.scanning import carry_out, conclude
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked
    from perceptron_sim.scans.executors import slots_of
    from perceptron_sim.scans.grid import PerceptronGrid
    from perceptron_sim.scans.scan import PerceptronWork

    values = DEFAULTS | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    where = workers_of(ctx, workers, scheduler)
    work = PerceptronWork(kernel, "log" if checkpoints else None, dynamics)
    # Every combination is checked before the folder is touched.
    request = checked(PerceptronGrid(**values), work, where)
    until = end_of_budget(budget)
    if dry_run:
        found = request.left(stored_keys(out))
        what = f"dynamics {dynamics}, kernel {kernel}"
        return say_cost(found, what, slots_of(where), out, as_json, until=until)
    frame, failed = carry_out(request, out, until)
    if frame is None:
        return 1
    analysis = analyse(frame)
    command_line = shlex.join(
        ["perceptron-sim", "scan", *arguments_given(ctx, without=("budget",))]
    )
    conclude(analysis, analysis.summary(command_line), out, as_json)
    return exit_code(failed)
