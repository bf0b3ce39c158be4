"""``perceptron-sim export``: runs for other programs."""

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="perceptron-sim-scan")
@click.option(
    "--format", "kind", type=click.Choice(["csv", "netcdf"]), default="csv", show_default=True
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File.  [default: FOLDER/runs.*]"
)
@click.option("--checkpoints", is_flag=True, help="CSV with one row a checkpoint instead of a run.")
def command(folder: Path, kind: str, output: Path | None, checkpoints: bool) -> int:
    """Write the runs in FOLDER (of scan --out) as CSV, or a complete grid as NetCDF."""
    from perceptron_sim.experiments.export import export_csv, export_netcdf
    from perceptron_sim.experiments.store import ParquetStore

    frame = ParquetStore.existing(folder).frame()
    suffix = {"csv": "checkpoints.csv" if checkpoints else "runs.csv", "netcdf": "runs.nc"}[kind]
    target = output or folder / suffix
    if kind == "csv":
        export_csv(frame, target, checkpoints)
    else:
        export_netcdf(frame, target)
    click.echo(f"{len(frame)} runs: {target}", err=True)
    return 0
