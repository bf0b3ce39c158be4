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
def command(out: Path, device: str, data_dir: Path | None, as_json: bool, **options: Any) -> int:
    """Train one net until every sample is fitted: table of checkpoints.

    Here T = eta / (B h). Defaults: digits by parity, mlp of 3 hidden layers of 64, P 256, B 16,
    T 2^-5, alpha 2^15, seed 0.
    """
    from cli.output import finite, print_json, print_table
    from nets.config import NetConfig
    from nets.records import record_of
    from nets.training import check_request, train
    from perceptron_sim.experiments.records import versions_text
    from perceptron_sim.experiments.store import ParquetStore

    config = NetConfig(**given(**options))
    check_request([config], device, data_dir)
    store = ParquetStore(out)
    run = train([config], device, data_dir=data_dir)[0]
    record = record_of(run, versions_text(("torch",)))
    stored = store.keys()
    if record["key"] not in stored:
        store.append([record])
    if as_json:
        print_json({name: finite(value) for name, value in record.items()})
    else:
        course = run.checkpoints
        assert course is not None
        columns = (course.t, course.dw, course.unfitted, course.train_loss)
        cells = [
            [str(course.step[i]), *(f"{column[i]:.5g}" for column in columns)]
            for i in range(len(course.step))
        ]
        net = f"{config.arch}, depth {config.depth}, width {config.width}, {config.act}"
        print_table(
            f"{config.data}, {net}, P = {config.P}, B = {config.B}, T = {config.T:g}, "
            f"alpha = {config.alpha:g}, seed = {config.seed}",
            ["step", "t", "||w - w0||", "unfitted", "loss"],
            cells,
        )
        click.echo(
            f"{run.status}: t* = {run.t_star:.6g}, {run.steps} steps, {run.updates} updates, "
            f"||w - w0|| = {run.dw:.6g}, ||w0|| = {run.w0_norm:.6g}, "
            f"test error {run.test_error:.4g}, {run.wall_s:.3g} s"
        )
    if run.status != "fitted":
        click.echo(run.message, err=True)
    return 0 if run.status == "fitted" else 1
