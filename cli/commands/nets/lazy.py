"""``perceptron-sim nets lazy``: the deep-net experiments in the limit alpha -> infinity."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.commands.nets.scan import DEFAULTS
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


@click.command()
@net_options(FloatGrid(), IntegerGrid(), trained=False)
@seeds_option(DEFAULTS["seeds"])
@scan_options
@outputs_option
@click.option(
    "--kernels",
    type=click.Path(path_type=Path),
    help="Folder for kernels: to use them again, or if they exceed the memory.",
)
@out_option("perceptron-sim-nets-lazy")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    data_dir: Path | None,
    checkpoints: bool,
    keep_outputs: bool,
    kernels: Path | None,
    **options: Any,
) -> int:
    """Simulate nets linearised at their start over a grid; fit delta, gamma, b, chi_eff.

    ||w - w0|| and gamma are predicted from each kernel by the max-margin law.

    The limit alpha -> infinity: exact SGD on the net's own kernel, one kernel per seed, on the
    CPU. Here T = eta / (B h). Without options: digits by parity, mlp of 3 hidden layers of 64,
    B 16, kappa 2^-15, P 64..1024, T 2^-11..2^-7, 12 seeds. The same command again finds what is
    stored and does only the rest.
    """
    from cli.reports import exit_code
    from cli.scanning import Scanning
    from cli.tables import print_averages, print_density, print_law
    from nets.averages import average_rows
    from nets.config import NetGrid
    from nets.lazy import LazyConfig
    from nets.lazy.config import MAX_STEPS
    from nets.lazy.density import DensityLog, density_row
    from nets.lazy.norms import NormLog
    from nets.lazy.scan import LazyWork
    from nets.max_margin.figure import figure_max_margin
    from nets.max_margin.law import law_of, with_predictions
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.cluster import Cluster
    from perceptron_sim.scans.drive import checked

    scanning = Scanning(ctx, options)
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values_of(DEFAULTS | {"max_steps": MAX_STEPS}, options)))
    where = scanning.where(packages=("torch",))
    densities = DensityLog(scanning.out / "density.json")
    margins = NormLog(scanning.out / "max_margin.json")
    work = LazyWork(data_dir, kernels, checkpoints, keep_outputs, (densities, margins))
    request = checked(map(LazyConfig, configs), work, where)
    if scanning.dry_run:
        # Threads share a kernel; workers of a cluster have one each.
        in_flight = None if isinstance(where, Cluster) else 1
        return scanning.say_cost("lazy runs", request, in_flight=in_flight)
    frame = scanning.carry_out(request)
    if frame is None:
        return 1
    runs = list(request.runs.values())
    norms = margins.of(runs)
    analysis, law = analyse(with_predictions(frame, norms)), law_of(frame, norms)
    fits = densities.of(runs)
    # One exponent for one kind of net and data.
    kinds = {(c.chi, c.d, c.depth, c.width) for c in configs}
    density = density_row(fits) if fits and len(kinds) == 1 else None
    entry = None if density is None else asdict(density)
    averages = average_rows(frame)
    charts = {"max_margin": figure_max_margin(law.points)} if law.points else {}
    more: dict[str, Any] = {"chi_density": entry, **law.to_json()}
    more |= {"averages": [asdict(row) for row in averages]} if averages else {}
    if scanning.conclude(analysis, ("torch",), charts=charts, **more):
        if density is not None:
            print_density(density, analysis.rows)
        print_law(law)
        print_averages(averages)
    return exit_code(scanning.failed)
