"""``perceptron-sim nets run``: one training run."""

from pathlib import Path
from typing import Any

import click

from cli.commands.nets.options import net_options
from cli.options import SingleFloat, SingleInteger, given, json_option, out_option


@click.command()
@net_options(SingleFloat(), SingleInteger())
@click.option("--seed", type=SingleInteger(), help="Replica number.  [default: 0]")
@out_option("perceptron-sim-nets-run")
@json_option
def command(
    out: Path,
    device: str,
    engine: str,
    data_dir: Path | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Train one net until every sample is fitted: table of checkpoints, figure against t.

    Here T = eta / (B h). Defaults: digits by parity, mlp of 3 hidden layers of 64, P 256, B 16,
    T 2^-5, alpha 2^15, seed 0. A killed run goes on from where it was, by the same command.
    """
    import numpy as np

    from cli.output import finite, print_json, print_table
    from cli.progress import TerminalProgress
    from cli.reports import say_interrupted
    from nets.config import NetConfig
    from nets.scan import NetWork
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.figures.course import figure_course
    from perceptron_sim.scans.drive import checked, drive
    from perceptron_sim.store.store import ParquetStore

    config = NetConfig(**given(**options))
    request = checked([config], NetWork(device, engine, data_dir), 1)
    store = ParquetStore(out)
    report = drive(request, store, progress=TerminalProgress())
    if report.interrupted:
        say_interrupted(report)
        return 1
    run = store.frame([config.key()]).iloc[0]
    if run["status"] == "failed":
        click.echo(f"the run failed: {run['message']}", err=True)
        return 1
    if run["checkpoint_step"] is None:
        click.echo(f"{out} holds this run without its course: name another --out", err=True)
        return 1
    if as_json:
        record = {
            name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
            for name, value in run.items()
        }
        print_json({str(name): finite(value) for name, value in record.items()})
    else:
        columns = ("t", "dw", "unfitted", "train_loss", "noise_trace", "ntk_change")
        cells = [
            [str(step), *(f"{run[f'checkpoint_{name}'][i]:.5g}" for name in columns)]
            for i, step in enumerate(run["checkpoint_step"])
        ]
        net = f"{config.arch}, depth {config.depth}, width {config.width}, {config.act}"
        print_table(
            f"{config.data}, {net}, P = {config.P}, B = {config.B}, T = {config.T:g}, "
            f"alpha = {config.alpha:g}, seed = {config.seed}",
            ["step", "t", "||w - w0||", "unfitted", "loss", "tr C", "NTK change"],
            cells,
        )
        click.echo(
            f"{run['status']}: t* = {run['t_star']:.6g}, {run['steps']} steps, "
            f"{run['updates']} updates, ||w - w0|| = {run['dw']:.6g}, "
            f"||w0|| = {run['w0_norm']:.6g}, test error {run['test_error']:.4g}, "
            f"{run['wall_s']:.3g} s"
        )
    written = save(figure_course(run), out, "run")
    if run["status"] != "fitted":
        click.echo(run["message"], err=True)
    click.echo(f"figure: {written[0]}", err=True)
    return 0 if run["status"] == "fitted" else 1
