"""``perceptron-sim nets scan``: the deep-net experiments of the paper."""

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

# Lazy and noise-dominated throughout; done in well under three minutes on two cores.
DEFAULTS: dict[str, Any] = {
    "P": (64, 128, 256, 512, 1024),
    "T": (2.0**-11, 2.0**-9, 2.0**-7),
    "seeds": 12,
}


@click.command()
@net_options(FloatGrid(), IntegerGrid())
@click.option("--seeds", type=int, help="Replicas at each point: seeds 0 .. N-1.  [default: 12]")
@workers_option
@cost_options
@click.option("--checkpoints/--no-checkpoints", default=True, help="Store the course of each run.")
@click.option(
    "--with-lazy",
    is_flag=True,
    help="Simulate the linearisation of each run too: lines in the figures, T of parting.",
)
@out_option("perceptron-sim-nets-scan")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: Path,
    device: str,
    engine: str,
    workers: int | None,
    scheduler: str | None,
    data_dir: Path | None,
    budget: str | None,
    dry_run: bool,
    checkpoints: bool,
    with_lazy: bool,
    as_json: bool,
    **options: Any,
) -> int:
    """Train nets over a grid until fitted; fit delta, gamma, b, chi_eff; draw the figures.

    Here T = eta / (B h). Without options: digits by parity, mlp of 3 hidden layers of 64, B 16,
    alpha 2^15, P 64..1024, T 2^-11..2^-7, 12 seeds. The same command again finds what is stored
    and does only the rest.
    """
    from cli.commands.nets.table import print_parting
    from cli.reports import exit_code
    from cli.scanning import carry_out, conclude
    from nets.grid import NetGrid
    from nets.lazy import LazyConfig
    from nets.lazy.scan import LazyWork
    from nets.parting import parting_rows
    from nets.scan import NetWork
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked
    from perceptron_sim.scans.executors import slots_of

    values = DEFAULTS | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values))
    where = workers_of(ctx, workers, scheduler, packages=("torch",), gpu=device == "cuda")
    work = NetWork(device, engine, data_dir, checkpoints)
    request, linearised = checked(configs, work, where), None
    if with_lazy:
        lazy_work = LazyWork(data_dir, checkpoints=checkpoints)
        paired = (LazyConfig(config, paired=True) for config in configs)
        linearised = checked(paired, lazy_work, where)
    until = end_of_budget(budget)
    if dry_run:
        stored = stored_keys(out)
        found = request.left(stored)
        if linearised is not None:
            found += linearised.left(stored)
        what = f"{configs[0].arch} on this device and engine"
        return say_cost(found, what, slots_of(where), out, as_json, until=until)
    frame, failed = carry_out(request, out, until, "trained")
    if frame is None:
        return 1
    lazy, parting = None, []
    if linearised is not None:
        lazy, lazy_failed = carry_out(linearised, out, until)
        if lazy is None:
            return 1
        failed += lazy_failed
        parting = parting_rows(frame, lazy)
    analysis = analyse(frame)
    summary = analysis.summary(
        shlex.join(["perceptron-sim", "nets", "scan", *arguments_given(ctx, without=("budget",))]),
        ("torch",),
        **({"parting": [row.as_dict() for row in parting]} if with_lazy else {}),
    )
    conclude(analysis, summary, out, as_json, lazy=lazy)
    if with_lazy and not as_json:
        print_parting(parting)
    return exit_code(failed)
