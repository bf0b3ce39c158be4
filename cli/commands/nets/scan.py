"""``perceptron-sim nets scan``: the deep-net experiments of the paper."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.options import (
    FloatGrid,
    IntegerGrid,
    json_option,
    net_options,
    out_option,
    scan_options,
    seeds_option,
    values_of,
)

# Lazy and noise-dominated throughout; done in well under three minutes on two cores.
DEFAULTS: dict[str, Any] = {
    "P": (64, 128, 256, 512, 1024),
    "T": (2.0**-11, 2.0**-9, 2.0**-7),
    "seeds": 12,
}


@click.command()
@net_options(FloatGrid(), IntegerGrid())
@seeds_option(DEFAULTS["seeds"])
@scan_options
@click.option(
    "--with-lazy",
    is_flag=True,
    help="Also simulate the linearisation of each run and compare.",
)
@out_option("perceptron-sim-nets-scan")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    device: str,
    engine: str,
    data_dir: Path | None,
    checkpoints: bool,
    with_lazy: bool,
    **options: Any,
) -> int:
    """Train nets over a grid until fitted; fit delta, gamma, b, chi_eff; draw the figures.

    Here T = eta / (B h). Without options: digits by parity, mlp of 3 hidden layers of 64, B 16,
    alpha 2^15, P 64..1024, T 2^-11..2^-7, 12 seeds. The same command again finds what is stored
    and does only the rest.
    """
    from cli.reports import exit_code
    from cli.scanning import Scanning
    from cli.tables import print_parting
    from nets.config import NetGrid
    from nets.lazy import LazyConfig
    from nets.lazy.parting import parting_rows
    from nets.lazy.scan import LazyWork
    from nets.scan import NetWork
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked

    scanning = Scanning(ctx, options)
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values_of(DEFAULTS, options)))
    where = scanning.where(packages=("torch",), gpu=device == "cuda")
    request = checked(configs, NetWork(device, engine, data_dir, checkpoints), where)
    linearised, lazy = None, None
    if with_lazy:
        paired = (LazyConfig(config, paired=True) for config in configs)
        linearised = checked(paired, LazyWork(data_dir, checkpoints=checkpoints), where)
    if scanning.dry_run:
        what = f"{configs[0].arch} on this device and engine"
        return scanning.say_cost(what, request, linearised)
    frame = scanning.carry_out(request, "trained")
    if frame is not None and linearised is not None:
        lazy = scanning.carry_out(linearised)
    if frame is None or (with_lazy and lazy is None):
        return 1
    parting = None if lazy is None else parting_rows(frame, lazy)
    more = {} if parting is None else {"parting": [asdict(row) for row in parting]}
    if scanning.conclude(analyse(frame), ("torch",), lazy=lazy, **more) and parting is not None:
        print_parting(parting)
    return exit_code(scanning.failed)
