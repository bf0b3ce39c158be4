"""``perceptron-sim export``: runs for other programs."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="perceptron-sim-scan")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["csv", "netcdf", "parquet"]),
    help="[default: by the name of the file; csv]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File, - for standard output.  [default: FOLDER/runs.*]",
)
@click.option(
    "--checkpoints",
    is_flag=True,
    help="Add checkpoints: one row per checkpoint (CSV), one more dimension (NetCDF).",
)
def command(folder: Path, kind: str | None, output: Path | None, checkpoints: bool) -> int:
    """Write the runs in FOLDER as CSV or Parquet, or a complete grid as NetCDF.

    Of a run repeated with larger limits, the last result is written.
    """
    from perceptron_sim.store.export import SUFFIXES, content, format_of, write
    from perceptron_sim.store.store import ParquetStore, standing
    from perceptron_sim.words import counted

    if output is None:
        chosen = kind or "csv"
        stem = "checkpoints" if checkpoints and chosen == "csv" else "runs"
        output = folder / f"{stem}{SUFFIXES[chosen][0]}"
    else:
        chosen = format_of(output, kind)
    every = ParquetStore.existing(folder).frame()
    frame = standing(every)
    data = content(frame, chosen, checkpoints)
    if str(output) == "-":
        with click.open_file("-", "wb") as stream:
            stream.write(data)
    else:
        write(output, data)
    if len(frame) < len(every):
        left = counted(len(every) - len(frame), "run")
        click.echo(f"{left} left out: repeated with larger limits", err=True)
    click.echo(f"{counted(len(frame), 'run')}: {output}", err=True)
    return 0
