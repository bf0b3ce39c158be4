"""``perceptron-sim store``: look after folders of runs."""

from dataclasses import asdict
from pathlib import Path

import click

from cli.options import OutFolder, json_option
from perceptron_sim.words import counted

_FOLDER = click.argument("folder", type=click.Path(path_type=Path), default="perceptron-sim-scan")


@click.group("store")
def command() -> None:
    """Check and tidy folders of runs; safe while scans write to them."""


@command.command()
@_FOLDER
@click.option("--repair", is_flag=True, help="Move damaged files to FOLDER/quarantine.")
@json_option
def check(folder: Path, repair: bool, as_json: bool) -> int:
    """Read every byte in FOLDER: find damage, runs stored twice, contradictions.

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
            f"{found.failed} failed, {counted(found.repeated, 'row')} stored again"
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


@command.command()
@_FOLDER
def compact(folder: Path) -> int:
    """Join the files of FOLDER into few, one row per run; may be killed at any time."""
    from perceptron_sim.store.store import ParquetStore
    from perceptron_sim.store.upkeep import compact

    done = compact(ParquetStore.existing(folder))
    files = f"{counted(done.before, 'file')} before, {done.after} after"
    click.echo(f"{counted(done.runs, 'run')}: {files}", err=True)
    return 0


@command.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=OutFolder(), required=True, help="Folder for all the runs, new or existing."
)
def merge(sources: tuple[Path, ...], out: Path) -> int:
    """Copy the runs of SOURCES into one folder; each run counts once."""
    from perceptron_sim.store.store import ParquetStore
    from perceptron_sim.store.upkeep import merge

    copied = merge([ParquetStore.existing(source) for source in sources], out)
    click.echo(f"{counted(copied, 'run')} copied to {out}", err=True)
    return 0
