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
from perceptron_sim.words import counted

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
    from cli.commands.nets.table import print_exponents, print_parting
    from cli.progress import TerminalProgress
    from cli.reports import exit_code, say_interrupted
    from nets.exponents import exponent_rows, points_left_out
    from nets.figures import figure_scan
    from nets.grid import NetGrid
    from nets.lazy import LazyConfig
    from nets.ntk import check_kernel_memory
    from nets.run_time import estimate_lazy, estimate_nets
    from nets.scan import scan
    from nets.training import check_request
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary
    from perceptron_sim.scans.executors import slots_of
    from perceptron_sim.store.schema import versions
    from perceptron_sim.store.store import ParquetStore

    values = DEFAULTS | given(**options)
    if "eta" in values and options["T"] is None:
        del values["T"]
    # Every combination is checked before the folder is touched.
    configs = list(NetGrid(**values))
    where = workers_of(ctx, workers, scheduler, packages=("torch",), gpu=device == "cuda")
    check_request(
        *(configs, device, data_dir), engine=engine, workers=where, checkpoints=checkpoints
    )
    linearised = [LazyConfig(config, paired=True) for config in configs] if with_lazy else []
    if with_lazy:
        check_kernel_memory(max(config.P for config in configs))
    until = end_of_budget(budget)
    if dry_run:
        stored = stored_keys(out)
        found = estimate_nets(configs, stored, device, engine, data_dir)
        if with_lazy:
            found += estimate_lazy(linearised, stored, data_dir)
        what = f"{configs[0].arch} on this device and engine"
        return say_cost(found, what, slots_of(where), out, as_json, until=until)
    store = ParquetStore(out)
    report = scan(
        configs,
        store,
        device=device,
        data_dir=data_dir,
        engine=engine,
        checkpoints=checkpoints,
        workers=where,
        progress=TerminalProgress(),
        until=until,
    )
    done = "".join(f"; {count} ended {name}" for name, count in sorted(report.not_fitted.items()))
    click.echo(
        f"{counted(report.found, 'run')} found, {report.done} trained in "
        f"{report.wall_s:.1f} s{done}",
        err=True,
    )
    if report.interrupted:
        say_interrupted(report)
        return 1
    frame, failed = store.frame(report.keys), report.failed
    lazy, parting = None, []
    if with_lazy:
        from nets.lazy.scan import scan_lazy
        from nets.parting import parting_rows

        lazy_report = scan_lazy(
            configs,
            store,
            paired=True,
            data_dir=data_dir,
            checkpoints=checkpoints,
            workers=where,
            progress=TerminalProgress(),
            until=until,
        )
        if lazy_report.interrupted:
            say_interrupted(lazy_report)
            return 1
        failed += lazy_report.failed
        lazy = store.frame(run.key() for run in linearised)
        parting = parting_rows(frame, lazy)
    rows = exponent_rows(frame)
    summary: dict[str, Any] = {
        "command": shlex.join(
            ["perceptron-sim", "nets", "scan", *arguments_given(ctx, without=("budget",))]
        ),
        "runs": len(frame),
        "status": {str(k): int(v) for k, v in frame["status"].value_counts().sort_index().items()},
        "points_left_out": points_left_out(frame),
        "exponents": [row.as_dict() for row in rows],
        **({"parting": [row.as_dict() for row in parting]} if with_lazy else {}),
        "versions": versions(("torch",)),
    }
    write_summary(out / "summary.json", summary)
    written = [
        *save(figure_scan(frame, rows, "T", lazy), out, "nets_on_T"),
        *save(figure_scan(frame, rows, "P", lazy), out, "nets_on_P"),
    ]
    if as_json:
        from cli.output import print_json

        print_json(summary)
    else:
        print_exponents(rows, summary["points_left_out"])
        if with_lazy:
            print_parting(parting)
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
    return exit_code(failed)
