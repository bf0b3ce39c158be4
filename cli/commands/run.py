"""``perceptron-sim run``: one trajectory."""

from pathlib import Path
from typing import Any

import click

from cli.options import (
    SingleFloat,
    SingleInteger,
    given,
    json_option,
    method_options,
    out_option,
    point_options,
)


@click.command()
@point_options(SingleFloat(), SingleInteger())
@click.option("--seed", type=SingleInteger(), help="Replica number.  [default: 0]")
@method_options
@out_option("perceptron-sim-run")
@json_option
def command(out: Path, dynamics: str, kernel: str, as_json: bool, **options: Any) -> int:
    """Train one perceptron until fitted: table of checkpoints, figure against t.

    Defaults: chi 1, d 16, P 1024, B 2, T 1, kappa 2^-15, seed 0. The closed-form test error is
    checked on fresh samples.
    """
    from cli.output import finite, print_json, print_table
    from cli.progress import TerminalProgress
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.figures.course import figure_run
    from perceptron_sim.runs.config import PerceptronConfig
    from perceptron_sim.runs.snapshots import Snapshots
    from perceptron_sim.scans.scan import PerceptronWork
    from perceptron_sim.scans.watched_run import measured_test_error, watched_run
    from perceptron_sim.store.schema import code_identity, record_of
    from perceptron_sim.store.store import ParquetStore

    config = PerceptronConfig(**given(**options))
    PerceptronWork(kernel, dynamics=dynamics).check([config], 1)
    store = ParquetStore(out)
    progress = TerminalProgress()
    identity = {**code_identity(), "checkpoints": "log"}
    snapshots = Snapshots(store.unfinished, identity, progress.note)
    run = watched_run(config, kernel, dynamics, progress, snapshots)
    record = record_of(run)
    stored = store.keys()
    if run.status != "interrupted" and record["key"] not in stored:
        store.append([record])
    snapshots.sweep(store.keys())
    check = measured_test_error(run)
    written = save(figure_run(run, check), out, "run")
    if as_json:
        print_json({name: finite(value) for name, value in record.items()})
    else:
        course = run.checkpoints
        assert course is not None
        fresh = dict.fromkeys(range(len(course.step)), "-")
        for i, measured, error in zip(check.index, check.measured, check.error, strict=True):
            fresh[int(i)] = f"{measured:.4g} +- {error:.1g}"
        columns = (course.t, course.w1, course.w_perp, course.unfitted, course.test_error)
        cells = [
            [f"{course.step[i]}", *(f"{c[i]:.5g}" for c in columns), text]
            for i, text in fresh.items()
        ]
        print_table(
            f"chi = {config.chi:g}, d = {config.d}, P = {config.P}, B = {config.B}, "
            f"T = {config.T:g}, kappa = {config.kappa:g}, seed = {config.seed}",
            ["step", "t", "w_1", "|w_perp|", "unfitted", "test error", "on fresh samples"],
            cells,
        )
        click.echo(
            f"{run.status}: t* = {run.t_star:.6g}, {run.steps} steps, {run.updates} updates, "
            f"{run.hits} hits, ||w|| = {run.w_norm:.6g}, {run.wall_s:.3g} s"
        )
    if run.status != "fitted":
        click.echo(run.message, err=True)
    click.echo(f"figure: {written[0]}", err=True)
    return 0 if run.status == "fitted" else 1
