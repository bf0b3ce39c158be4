"""``perceptron-sim store compact``: few files of many."""

from pathlib import Path

import click

from perceptron_sim.words import counted


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="perceptron-sim-scan")
def command(folder: Path) -> int:
    """Rewrite the files of FOLDER as few, one row a run; nothing is lost if it is killed."""
    from perceptron_sim.store.store import ParquetStore
    from perceptron_sim.store.upkeep import compact

    done = compact(ParquetStore.existing(folder))
    click.echo(
        f"{counted(done.runs, 'run')}: {counted(done.before, 'file')} before, {done.after} after",
        err=True,
    )
    return 0
