"""Append-only store of runs: Parquet files that appear whole or not at all.

Every file is written under a temporary name, fsynced and renamed, so a kill at any moment
leaves either no file or a complete one. No locks are needed: names are unique, and only the
driving process writes.
"""

import json
import os
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from perceptron_sim.errors import InputError
from perceptron_sim.experiments.records import FAILED, NET_FIELDS, SCHEMA, Record

_MARKER = "store.json"
_IDENTITY = {"format": "perceptron-sim store", "version": 1}


class Store(Protocol):
    """What the driver needs of a store."""

    def keys(self) -> set[str]:
        """Return the keys of all stored runs but the failed ones, which may be tried again."""

    def append(self, records: Sequence[Record]) -> None:
        """Store records; on return they will survive a crash."""

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs, one row a key, sorted by key; all, or those in ``keys``."""


class MemoryStore:
    """A store that lives and dies with the process; the oracle for the others."""

    def __init__(self) -> None:
        """Start empty."""
        self._records: list[Record] = []

    def keys(self) -> set[str]:
        """Return the keys of all stored runs but the failed ones."""
        return {record["key"] for record in self._records if record["status"] != FAILED}

    def append(self, records: Sequence[Record]) -> None:
        """Keep the records."""
        self._records.extend(records)

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs as ``Store.frame`` says."""
        table = pa.Table.from_pylist(self._records, schema=SCHEMA)
        return _tidy(table, keys)


class ParquetStore:
    """Runs in ``folder/runs/*.parquet``, readable by pandas, polars and DuckDB without us."""

    def __init__(self, folder: Path) -> None:
        """Open or found the store in ``folder``.

        Raises:
            InputError: if ``folder`` is a file, cannot be written, or holds something else.
        """
        self.folder = folder
        self._runs = folder / "runs"
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file: name a folder with --out")
        marker = folder / _MARKER
        if folder.is_dir() and not marker.exists() and any(folder.iterdir()):
            raise InputError(
                f"{folder} holds something else: name a new or empty folder with --out"
            )
        if marker.exists():
            _check_identity(marker)
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
            if not marker.exists():
                write_atomically(marker, (json.dumps(_IDENTITY) + "\n").encode())
            if not os.access(self._runs, os.W_OK | os.X_OK):
                raise PermissionError(f"no permission to write to {self._runs}")
        except OSError as error:
            reason = error.strerror or error
            raise InputError(
                f"{folder} cannot be written ({reason}): name another folder with --out"
            ) from None

    @classmethod
    def existing(cls, folder: Path) -> "ParquetStore":
        """Open a store that must be there already.

        Raises:
            InputError: if there is none.
        """
        if not (folder / _MARKER).is_file():
            raise InputError(f"{folder} holds no runs: name a folder that scan --out has written")
        return cls(folder)

    def keys(self) -> set[str]:
        """Return the keys of all stored runs but the failed ones."""
        found: set[str] = set()
        for path in self._files():
            table = _read(path, ["key", "status"])
            found.update(table.filter(pc.field("status") != FAILED)["key"].to_pylist())
        return found

    def append(self, records: Sequence[Record]) -> None:
        """Publish one file that holds ``records``; on return it will survive a crash."""
        table = pa.Table.from_pylist(list(records), schema=SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
        name = f"{uuid.uuid4().hex}.parquet"
        write_atomically(self._runs / name, sink.getvalue().to_pybytes())

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs as ``Store.frame`` says."""
        tables = [_read(path, None) for path in self._files()]
        table = pa.concat_tables([SCHEMA.empty_table(), *tables])
        return _tidy(table, keys)

    def _files(self) -> list[Path]:
        return sorted(self._runs.glob("[!.]*.parquet"))


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a crash leaves the old file or the new one."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _check_identity(marker: Path) -> None:
    try:
        identity = json.loads(marker.read_text())
    except (OSError, ValueError):
        identity = None
    if identity != _IDENTITY:
        raise InputError(
            f"{marker} is not of a store this version can read: name another folder with --out"
        )


def _read(path: Path, columns: list[str] | None) -> pa.Table:
    try:
        table = pq.read_table(
            path, columns=columns, page_checksum_verification=True, partitioning=None
        )
        return table if columns else _conformed(table)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} is damaged ({reason}): move it away and repeat the command, "
            "its runs will be done again"
        ) from None


def _conformed(table: pa.Table) -> pa.Table:
    """Return ``table`` in the present schema: files from before nets lack the columns of nets."""
    for name, kind in NET_FIELDS:
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    return table.select(SCHEMA.names).cast(SCHEMA)


def _tidy(table: pa.Table, keys: Iterable[str] | None) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    if keys is not None:
        frame = frame[frame["key"].isin(set(keys))]
    if not frame["model"].isin(["net", "lazy"]).any():
        frame = frame.drop(columns=[name for name, _ in NET_FIELDS])
    # A run that failed and was done again counts as done.
    frame["_failed"] = frame["status"] == FAILED
    frame = frame.sort_values(["key", "_failed"], kind="stable", ignore_index=True)
    return frame.drop_duplicates("key", ignore_index=True).drop(columns="_failed")
