"""``perceptron-sim store check``: is every byte what was written?"""

from dataclasses import asdict
from pathlib import Path

import click

from cli.options import json_option
from perceptron_sim.words import counted


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="perceptron-sim-scan")
@click.option("--repair", is_flag=True, help="Move damaged files to FOLDER/quarantine.")
@json_option
def command(folder: Path, repair: bool, as_json: bool) -> int:
    """Read every byte in FOLDER: damage, runs stored twice, results that contradict.

    Exit code 1 if anything is damaged or contradicts.
    """
    from perceptron_sim.store.store import ParquetStore
    from perceptron_sim.store.upkeep import check

    found = check(ParquetStore.existing(folder), repair)
    if as_json:
        from cli.output import print_json

        print_json(asdict(found))
    else:
        click.echo(
            f"{counted(found.runs, 'run')} in {counted(found.files, 'file')}; "
            f"{found.failed} failed, "
            f"{counted(found.repeated, 'row')} stored again"
        )
    for line in found.damaged:
        click.echo(line, err=True)
    for key in found.contradictions:
        click.echo(f"run {key} is stored with different results: do not trust either", err=True)
    if found.damaged and not repair:
        click.echo(
            "repeat the command that made the runs, or add --repair: damaged files are set aside",
            err=True,
        )
    return 1 if found.damaged or found.contradictions else 0
