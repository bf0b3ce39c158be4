"""``perceptron-sim store merge``: the runs of many folders in one."""

from pathlib import Path

import click

from cli.options import OutFolder
from perceptron_sim.words import counted


@click.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=OutFolder(), required=True, help="Folder that gets the runs.")
def command(sources: tuple[Path, ...], out: Path) -> int:
    """Copy the runs of SOURCES into a new or existing folder; each run counts once."""
    from perceptron_sim.store.store import ParquetStore
    from perceptron_sim.store.upkeep import merge

    opened = [ParquetStore.existing(source) for source in sources]
    copied = merge(opened, out)
    click.echo(f"{counted(copied, 'run')} copied to {out}", err=True)
    return 0
