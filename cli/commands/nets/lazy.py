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
from perceptron_sim.words import counted

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
    from cli.commands.nets.table import print_density, print_exponents
    from cli.progress import TerminalProgress
    from cli.reports import exit_code, say_interrupted
    from nets.exponents import exponent_rows, points_left_out
    from nets.figures import figure_scan
    from nets.grid import NetGrid
    from nets.lazy import LazyConfig, check_request
    from nets.lazy.config import MAX_STEPS
    from nets.lazy.density import DensityLog, density_row
    from nets.lazy.scan import scan_lazy
    from nets.run_time import estimate_lazy
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary
    from perceptron_sim.scans.executors import slots_of
    from perceptron_sim.store.schema import versions
    from perceptron_sim.store.store import ParquetStore

    values = DEFAULTS | {"max_steps": MAX_STEPS} | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values))
    where = workers_of(ctx, workers, scheduler, packages=("torch",))
    runs = [LazyConfig(config) for config in configs]
    check_request(runs, data_dir, kernels, where)
    until = end_of_budget(budget)
    if dry_run:
        found = estimate_lazy(runs, stored_keys(out), data_dir)
        return say_cost(
            found,
            "lazy runs",
            slots_of(where),
            out,
            as_json,
            until=until,
            # Threads share a kernel; workers of a cluster have one each.
            in_flight=slots_of(where) if scheduler else 1,
        )
    store = ParquetStore(out)
    densities = DensityLog(out / "density.json")
    report = scan_lazy(
        configs,
        store,
        data_dir=data_dir,
        folder=kernels,
        checkpoints=checkpoints,
        workers=where,
        progress=TerminalProgress(),
        densities=densities,
        until=until,
    )
    done = "".join(f"; {count} ended {name}" for name, count in sorted(report.not_fitted.items()))
    click.echo(
        f"{counted(report.found, 'run')} found, {report.done} simulated in "
        f"{report.wall_s:.1f} s{done}",
        err=True,
    )
    if report.interrupted:
        say_interrupted(report)
        return 1
    frame = store.frame(report.keys)
    rows = exponent_rows(frame)
    fits = densities.of(runs)
    # One exponent for one kind of net and data.
    kinds = {(c.chi, c.d, c.depth, c.width) for c in configs}
    density = density_row(fits) if fits and len(kinds) == 1 else None
    summary: dict[str, Any] = {
        "command": shlex.join(
            ["perceptron-sim", "nets", "lazy", *arguments_given(ctx, without=("budget",))]
        ),
        "runs": len(frame),
        "status": {str(k): int(v) for k, v in frame["status"].value_counts().sort_index().items()},
        "points_left_out": points_left_out(frame),
        "exponents": [row.as_dict() for row in rows],
        "chi_density": None if density is None else density.as_dict(),
        "versions": versions(("torch",)),
    }
    write_summary(out / "summary.json", summary)
    written = [
        *save(figure_scan(frame, rows, "T"), out, "lazy_on_T"),
        *save(figure_scan(frame, rows, "P"), out, "lazy_on_P"),
    ]
    if as_json:
        from cli.output import print_json

        print_json(summary)
    else:
        print_exponents(rows, summary["points_left_out"])
        if density is not None:
            print_density(density, rows)
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
    return exit_code(report.failed)
