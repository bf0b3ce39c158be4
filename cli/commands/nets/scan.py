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
    outputs_option,
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
@outputs_option
@click.option(
    "--test-checkpoints",
    is_flag=True,
    help="Evaluate the test error at each checkpoint too.",
)
@click.option(
    "--with-lazy",
    is_flag=True,
    help="Also simulate the linearisation of each run: lines in the figures, the T where nets "
    "depart from it, and ||w - w0|| and gamma as its kernel predicts them.",
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
    keep_outputs: bool,
    test_checkpoints: bool,
    with_lazy: bool,
    **options: Any,
) -> int:
    """Train nets over a grid until fitted; fit delta, gamma, b, chi_eff; draw the figures.

    Here T = eta / (B h). Without options: digits by parity, mlp of 3 hidden layers of 64, B 16,
    alpha 2^15, P 64..1024, T 2^-11..2^-7, 12 seeds. The same command again finds what is stored
    and does only the rest.
    """
    import pandas as pd

    from cli.reports import exit_code
    from cli.scanning import Scanning
    from cli.tables import print_averages, print_law, print_parting
    from nets.averages import average_rows
    from nets.config import NetGrid
    from nets.lazy import LazyConfig
    from nets.lazy.norms import NormLog
    from nets.lazy.parting import parting_rows
    from nets.lazy.scan import LazyWork
    from nets.max_margin.figure import figure_max_margin
    from nets.max_margin.law import law_of, with_predictions
    from nets.phase.late_noise import delays_of
    from nets.scan import NetWork
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked

    scanning = Scanning(ctx, options)
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values_of(DEFAULTS, options)))
    where = scanning.where(packages=("torch",), gpu=device == "cuda")
    work = NetWork(device, engine, data_dir, checkpoints, keep_outputs, test_checkpoints)
    request = checked(configs, work, where)
    linearised, lazy = None, None
    margins = NormLog(scanning.out / "max_margin.json")
    if with_lazy:
        paired = (LazyConfig(config, paired=True) for config in configs)
        lazily = LazyWork(data_dir, checkpoints=checkpoints, logs=(margins,))
        linearised = checked(paired, lazily, where)
    if scanning.dry_run:
        what = f"{configs[0].arch} on this device and engine"
        return scanning.say_cost(what, request, linearised)
    frame = scanning.carry_out(request, "trained")
    if frame is not None and linearised is not None:
        lazy = scanning.carry_out(linearised)
    if frame is None or (with_lazy and lazy is None):
        return 1
    averages = average_rows(frame)
    more: dict[str, Any] = {"averages": [asdict(row) for row in averages]} if averages else {}
    late = delays_of(frame)
    more |= {"noise_delay_of_nets": [row.to_json() for row in late]} if late else {}
    if linearised is None or lazy is None:
        if scanning.conclude(analyse(frame), ("torch",), **more):
            print_averages(averages)
        return exit_code(scanning.failed)
    norms = margins.of(list(linearised.runs.values()))
    law, parting = law_of(pd.concat([frame, lazy]), norms), parting_rows(frame, lazy)
    more |= {"parting": [asdict(row) for row in parting], **law.to_json()}
    charts = {"max_margin": figure_max_margin(law.points)} if law.points else {}
    analysis = analyse(with_predictions(frame, norms))
    if scanning.conclude(analysis, ("torch",), lazy=lazy, charts=charts, **more):
        print_parting(parting)
        print_law(law)
        print_averages(averages)
    return exit_code(scanning.failed)
