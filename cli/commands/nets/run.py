"""``perceptron-sim nets run``: one training run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import SingleFloat, SingleInteger, given, json_option, net_options, out_option

if TYPE_CHECKING:
    from nets.config import NetConfig


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
    T 2^-5, alpha 2^15, seed 0. The same command continues a killed run.
    """
    from cli.output import finite, print_json
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
        # Numbers and arrays of NumPy as Python's.
        plain = {str(name): getattr(v, "tolist", lambda v=v: v)() for name, v in run.items()}
        print_json({name: finite(value) for name, value in plain.items()})
    else:
        _print(config, run)
    written = save(figure_course(run), out, "run")
    if run["status"] != "fitted":
        click.echo(run["message"], err=True)
    click.echo(f"figure: {written[0]}", err=True)
    return 0 if run["status"] == "fitted" else 1


def _print(config: "NetConfig", run: Any) -> None:
    """Print the course of a run, and how it ended."""
    from cli.output import print_table

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
        f"{run['updates']} updates, ||w - w0|| = {run['dw']:.6g}, ||w0|| = {run['w0_norm']:.6g}, "
        f"test error {run['test_error']:.4g}, {run['wall_s']:.3g} s"
    )
