"""One Parquet file of runs: published under the hash of its content, verified when read.

Page checksums cover the values, but not the names, types and encodings around them. So the
hash of a whole file is compared with its name first. Older files, whose names are not hashes, have
page checksums only.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError
from perceptron_sim.store.schema import NET_FIELDS, SCHEMA, translated

_HASHED = re.compile(r"[0-9a-f]{40}")
# Columns that earlier versions did not write: those of nets, and what a checkpoint rests on.
_LATER = {"checkpoint_exact", *(name for name, _ in NET_FIELDS)}


class DamagedFile(Exception):
    """A file whose content is not what was written. The message gives the reason in one line."""


def publish(folder: Path, table: pa.Table) -> Path:
    """Write ``table`` (columns of ``SCHEMA``) to a new file in ``folder``; it survives a crash."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    content = sink.getvalue().to_pybytes()
    path = folder / f"{_digest(content)}.parquet"
    write_atomically(path, content)
    return path


def read_whole(path: Path) -> pa.Table:
    """Return all runs of a file in the present schema, its content verified.

    Raises:
        DamagedFile: if the content is not what was written.
        InputError: if a newer version wrote it, or it may not be read.
        FileNotFoundError: if another process has moved it meanwhile.
    """
    with _reading(path):
        content = path.read_bytes()
        hashed = _HASHED.fullmatch(path.stem) is not None
        if hashed and _digest(content) != path.stem:
            raise DamagedFile("its content does not match its name")
        table = _parsed(pa.BufferReader(content), None)
        unknown = set(table.column_names) - set(SCHEMA.names)
        if unknown and hashed:
            raise InputError(
                f"{path} holds {', '.join(sorted(unknown))}, written by a newer version: "
                "upgrade perceptron-sim, or name another folder"
            )
        # The first versions had fewer columns, but no others.
        missing = set(SCHEMA.names) - set(table.column_names)
        if unknown or missing - _LATER:
            names = ", ".join(sorted(unknown | missing))
            raise DamagedFile(f"columns {names} do not belong together")
        for name in missing:
            nothing = pa.nulls(table.num_rows, SCHEMA.field(name).type)
            table = table.append_column(name, nothing)
        return table.select(SCHEMA.names).cast(SCHEMA)


def read_columns(path: Path, columns: list[str]) -> pa.Table:
    """Return some columns of a file, page checksums verified; the rest is not read.

    For a file of version 0.1, ``dynamics`` and ``shared_seeds`` follow from ``kernel``.

    Raises:
        DamagedFile, InputError, FileNotFoundError: as ``read_whole``.
    """
    with _reading(path):
        # Opened here, because Arrow takes a folder called ~ for the user's home.
        return _parsed(path.open("rb"), columns)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Distinguish damage from actions of another process or of the system on a file."""
    try:
        yield
    except (FileNotFoundError, InputError):
        raise
    except OSError as error:
        # Arrow reports damage as an error of the system, but without a number.
        if error.errno is None:
            raise DamagedFile(_reason(error)) from None
        raise InputError(
            f"{path} cannot be read ({error.strerror}): restore access and repeat the command"
        ) from None
    except (ValueError, KeyError, pa.ArrowException) as error:
        raise DamagedFile(_reason(error)) from None


def _parsed(source: Any, columns: list[str] | None) -> pa.Table:
    # Read in this thread: a thread of Arrow that still holds the stream aborts Python while it
    # shuts down.
    with (
        source as stream,
        pq.ParquetFile(stream, pre_buffer=False, page_checksum_verification=True) as file,
    ):
        table = file.read(columns=columns, use_threads=False)
        old = "dynamics" not in file.schema_arrow.names
    if old and "kernel" in table.column_names:
        table = translated(table)
    # If some columns are missing, Arrow returns the others.
    lost = set(columns or ()) - set(table.column_names)
    if lost:
        raise DamagedFile(f"it has no column {', '.join(sorted(lost))}")
    return table


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]


def _reason(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
