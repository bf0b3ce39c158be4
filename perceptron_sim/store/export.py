"""Stored runs in other programs' formats: CSV, Parquet, and NetCDF for complete grids."""

import itertools
import math
import tempfile
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim import parameters
from perceptron_sim.arrays import FloatArray
from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError
from perceptron_sim.extras import require
from perceptron_sim.words import counted

# Columns that identify a run, in this order; empty columns are left out.
AXES = (
    *("dynamics", "kernel", "shared_seeds", "model", "data", "arch", "depth", "width", "act"),
    *("dtype", "P_test"),
    *("chi", "d", "P", "B", "T", "kappa", "max_steps", "max_updates", "seed"),
)
# A coordinate only where runs differ in it, else an attribute.
_SHARED = (
    *("dynamics", "shared_seeds", "model", "data", "arch", "act", "dtype", "P_test"),
    *("max_steps", "max_updates"),
)
_CHECKPOINT = "checkpoint_"
# Columns that only Parquet can hold.
_BYTES = ["test_outputs"]

# Endings of file names, by the format they promise.
SUFFIXES = {"csv": (".csv", ".txt", ".dat"), "netcdf": (".nc", ".nc4"), "parquet": (".parquet",)}


def format_of(target: str | PathLike[str], wanted: str | None = None) -> str:
    """Return the format of a file: the one wanted, or that of its name, or CSV.

    Args:
        target: name of the file, "-" for standard output.
        wanted: "csv", "netcdf", "parquet" or None.

    Raises:
        InputError: if the name promises another format than that wanted, or one not written here.
    """
    suffix = parameters.path("target", target).suffix.lower()
    promised = next((kind for kind, known in SUFFIXES.items() if suffix in known), None)
    if suffix and promised is None:
        raise InputError(
            f"{target}: no format ends in {suffix}: name a file in .csv, .parquet or .nc (NetCDF)"
        )
    if wanted is not None and promised not in (None, wanted):
        raise InputError(
            f"{target} promises {promised}, and --format says {wanted}: leave one of them out"
        )
    return wanted or promised or "csv"


def content(frame: pd.DataFrame, kind: str, checkpoints: bool = False) -> bytes:
    """Return the bytes of a file of runs.

    Args:
        frame: as ``Store.frame`` gives it.
        kind: "csv", "netcdf" or "parquet".
        checkpoints: whether to include courses. CSV then has one row per checkpoint instead of per
            run, and NetCDF a dimension "checkpoint", padded with NaN. Parquet always has lists.

    Raises:
        InputError: if an extra is missing, or the runs are not a complete grid (NetCDF).
    """
    if kind == "netcdf":
        return _netcdf(frame, checkpoints)
    if kind == "parquet":
        return bytes(frame.to_parquet(index=False))
    return _csv(frame, checkpoints).to_csv(index=False).encode()


def write(path: Path, data: bytes) -> None:
    """Write a file that the user named.

    Raises:
        InputError: if it cannot be written.
    """
    try:
        write_atomically(path, data)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}): name another file with -o"
        ) from None


def _courses(frame: pd.DataFrame) -> list[str]:
    """Return the columns of checkpoints that hold something."""
    lists = [name for name in frame.columns if name.startswith(_CHECKPOINT)]
    return [name for name in lists if frame[name].notna().any()]


def _csv(frame: pd.DataFrame, checkpoints: bool) -> pd.DataFrame:
    frame = frame.drop(columns=_BYTES, errors="ignore")
    if not checkpoints:
        return frame.drop(columns=[n for n in frame.columns if n.startswith(_CHECKPOINT)])
    lists = _courses(frame)
    axes = [name for name in AXES if name in frame]
    if not lists:
        return frame[["key", *axes]].iloc[:0]
    parts = []
    # Runs of different kinds have different observables.
    for _, runs in frame.groupby("model", sort=False):
        own = _courses(runs)
        courses = runs.loc[runs[own].notna().all(axis=1) if own else [], ["key", *axes, *own]]
        parts.append(courses.explode(own, ignore_index=True) if own else courses)
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return table.rename(columns={name: name.removeprefix(_CHECKPOINT) for name in lists})


def _netcdf(frame: pd.DataFrame, checkpoints: bool) -> bytes:
    require("NetCDF", "xarray", "h5netcdf", "h5py")
    import xarray

    known = [name for name in AXES if name in frame and frame[name].notna().any()]
    several = frame["dynamics"].nunique() > 1
    if set(frame["model"]) == {"net"} or (
        several and frame.groupby("dynamics")["kernel"].nunique().max() == 1
    ):
        # For nets it is the engine, which does not distinguish runs; nor does it next to dynamics.
        known.remove("kernel")
    if frame[known].isna().any(axis=None):
        raise InputError("runs of different models do not fit into one grid: use --format csv")
    axes = [name for name in known if name not in _SHARED or frame[name].nunique() > 1]
    complete = math.prod(frame[axis].nunique() for axis in axes)
    if complete != len(frame) or frame.duplicated(axes).any():
        raise InputError(
            f"{counted(len(frame), 'run')} are not a complete grid (that would be {complete}): "
            "use --format csv"
        )
    table = frame.sort_values(axes, ignore_index=True)
    coordinates = {axis: _plain(table[axis].drop_duplicates().sort_values()) for axis in axes}
    shape = [len(values) for values in coordinates.values()]
    dropped = {*known, "versions", "message"}
    values: dict[str, Any] = {}
    for name in table.columns.difference(sorted(dropped), sort=False):
        lists = table[name].map(np.ndim).max() > 0
        if not lists and table[name].notna().any():
            values[name] = (axes, _plain(table[name]).reshape(shape))
        elif lists and checkpoints and name.startswith(_CHECKPOINT):
            values[name] = ([*axes, "checkpoint"], _padded(table[name]).reshape(*shape, -1))
    shared = {name: str(table[name].iloc[0]) for name in known if name not in axes}
    dataset = xarray.Dataset(values, coords=coordinates, attrs=shared)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "runs.nc"
        dataset.to_netcdf(file, engine="h5netcdf")
        return file.read_bytes()


def _padded(column: "pd.Series[Any]") -> FloatArray:
    """Return lists as rows of one array, shape (runs, longest), with NaN after their ends."""
    rows = [() if row is None else row for row in column]
    return np.array(list(itertools.zip_longest(*rows, fillvalue=np.nan)), np.float64).T


def _plain(column: "pd.Series[Any]") -> Any:
    return column.to_numpy() if column.dtype.kind in "biuf" else column.astype(str).to_numpy(str)
