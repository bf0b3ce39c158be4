"""``perceptron-sim nets lazy``: the deep-net experiments in the limit alpha -> infinity."""

import shlex
from pathlib import Path
from typing import Any

import click

from cli.arguments import arguments_given
from cli.commands.nets.options import net_options
from cli.cost import cost_options, end_of_budget, say_cost, stored_keys
from cli.options import (
    FloatGrid,
    IntegerGrid,
    given,
    json_option,
    out_option,
    workers_of,
    workers_option,
)

# The grid of nets scan, so that the two can be laid side by side; done in seconds.
DEFAULTS: dict[str, Any] = {
    "P": (64, 128, 256, 512, 1024),
    "T": (2.0**-11, 2.0**-9, 2.0**-7),
    "seeds": 12,
}


@click.command()
@net_options(FloatGrid(), IntegerGrid(), trained=False)
@click.option("--seeds", type=int, help="Replicas at each point: seeds 0 .. N-1.  [default: 12]")
@click.option("--checkpoints/--no-checkpoints", default=True, help="Store the course of each run.")
@workers_option
@cost_options
@click.option(
    "--kernels",
    type=click.Path(path_type=Path),
    help="Folder to keep kernels in, to be used again, or where they exceed the memory.",
)
@out_option("perceptron-sim-nets-lazy")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: Path,
    data_dir: Path | None,
    checkpoints: bool,
    workers: int | None,
    scheduler: str | None,
    budget: str | None,
    dry_run: bool,
    kernels: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Simulate nets linearised at their start over a grid; fit delta, gamma, b, chi_eff.

    The limit alpha -> infinity: exact SGD on the net's own kernel, one kernel a seed, computed on
    the CPU. Here T = eta / (B h). Without options: digits by parity, mlp of 3 hidden layers of 64,
    B 16, kappa 2^-15, P 64..1024, T 2^-11..2^-7, 12 seeds. The same command again finds what is
    stored and does only the rest.
    """
    from cli.commands.nets.table import print_density
    from cli.reports import exit_code
    from cli.scanning import carry_out, conclude
    from nets.grid import NetGrid
    from nets.lazy import LazyConfig
    from nets.lazy.config import MAX_STEPS
    from nets.lazy.density import DensityLog, density_row
    from nets.lazy.scan import LazyWork
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked
    from perceptron_sim.scans.executors import slots_of

    values = DEFAULTS | {"max_steps": MAX_STEPS} | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values))
    where = workers_of(ctx, workers, scheduler, packages=("torch",))
    densities = DensityLog(out / "density.json")
    work = LazyWork(data_dir, kernels, checkpoints, densities)
    request = checked(map(LazyConfig, configs), work, where)
    until = end_of_budget(budget)
    if dry_run:
        return say_cost(
            request.left(stored_keys(out)),
            "lazy runs",
            slots_of(where),
            out,
            as_json,
            until=until,
            # Threads share a kernel; workers of a cluster have one each.
            in_flight=slots_of(where) if scheduler else 1,
        )
    frame, failed = carry_out(request, out, until)
    if frame is None:
        return 1
    analysis = analyse(frame)
    fits = densities.of(list(request.runs.values()))
    # One exponent for one kind of net and data.
    kinds = {(c.chi, c.d, c.depth, c.width) for c in configs}
    density = density_row(fits) if fits and len(kinds) == 1 else None
    summary = analysis.summary(
        shlex.join(["perceptron-sim", "nets", "lazy", *arguments_given(ctx, without=("budget",))]),
        ("torch",),
        chi_density=None if density is None else density.as_dict(),
    )
    conclude(analysis, summary, out, as_json)
    if density is not None and not as_json:
        print_density(density, analysis.rows)
    return exit_code(failed)
