"""Stored runs in other programs' formats: CSV, and NetCDF for complete grids."""

from pathlib import Path

import pandas as pd

from perceptron_sim.errors import InputError
from perceptron_sim.experiments.atomic import write_atomically

AXES = ["kernel", "chi", "d", "P", "B", "T", "kappa", "seed"]


def export_csv(frame: pd.DataFrame, target: Path, checkpoints: bool = False) -> None:
    """Write one row a run, or one row a checkpoint with the run's key, at full precision."""
    lists = [name for name in frame.columns if name.startswith("checkpoint_")]
    if checkpoints:
        courses = frame[["key", *AXES, *lists]].dropna(subset=lists)
        table = courses.explode(lists, ignore_index=True)
        table = table.rename(columns={name: name.removeprefix("checkpoint_") for name in lists})
    else:
        table = frame.drop(columns=lists)
    _write(target, table.to_csv(index=False).encode())


def export_netcdf(frame: pd.DataFrame, target: Path) -> None:
    """Write the runs as arrays over (kernel, chi, d, P, B, T, kappa, seed).

    Raises:
        InputError: if xarray is not installed, or the runs are not a complete grid.
    """
    try:
        import xarray
    except ImportError:
        raise InputError(
            "NetCDF needs xarray: pip install 'perceptron-sim[netcdf]', or use --format csv"
        ) from None
    complete = 1
    for axis in AXES:
        complete *= max(1, frame[axis].nunique())
    if complete != len(frame) or frame.duplicated(AXES).any():
        raise InputError(
            f"the {len(frame)} runs are not a complete grid (that would be {complete}): "
            "use --format csv"
        )
    lists = [name for name in frame.columns if name.startswith("checkpoint_")]
    table = frame.drop(columns=[*lists, "versions", "message", "model"]).set_index(AXES)
    text = dict.fromkeys(("key", "status"), str)
    dataset = xarray.Dataset.from_dataframe(table.astype(text))
    for name in ("kernel", "key", "status"):
        dataset[name] = dataset[name].astype(str)
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        dataset.to_netcdf(temporary, engine="h5netcdf")
        content = temporary.read_bytes()
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error}): name another -o file") from None
    finally:
        temporary.unlink(missing_ok=True)
    _write(target, content)


def _write(target: Path, content: bytes) -> None:
    try:
        write_atomically(target, content)
    except OSError as error:
        raise InputError(
            f"{target} cannot be written ({error.strerror}): name another file with -o"
        ) from None
