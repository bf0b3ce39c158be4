"""Files of users as tables of cells. Nothing in them is evaluated, decompressed or guessed."""

import csv
import hashlib
import io
import json
import math
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perceptron_sim.errors import InputError

# More would take gigabytes to check; 100,000 runs take 0.7 GB.
MAX_BYTES = 256 << 20
MAX_ROWS = 200_000

Cell = str | int | float | bool | None

# First bytes of common files, and how to make a table of them.
_FOREIGN = {
    b"\x1f\x8b": "compressed by gzip: unpack it first (gunzip)",
    b"BZh": "compressed by bzip2: unpack it first (bunzip2)",
    b"\xfd7zXZ": "compressed by xz: unpack it first (unxz)",
    b"\x28\xb5\x2f\xfd": "compressed by zstd: unpack it first (unzstd)",
    b"PK\x03\x04": "a zip archive (.zip, .npz, .xlsx, .pt): write its runs as CSV",
    b"PAR1": "Parquet: write it as CSV (for example pandas.read_parquet(...).to_csv(...))",
    b"\x89HDF": "HDF5 or NetCDF: write its runs as CSV",
    b"\x93NUMPY": "a NumPy array: write its runs as CSV, with a header",
    b"\x80": "a pickle, which could run any program when read: write its runs as CSV where they "
    "were made (docs/import.md shows how)",
}


@dataclass(frozen=True)
class Table:
    """The cells of a file of runs, unchanged.

    Attributes:
        path: path of the file.
        sha256: hash of its content, 64 hex digits.
        names: names of its columns, all different.
        rows: one tuple of cells per run, in the order of ``names``; None for an empty cell.
    """

    path: Path
    sha256: str
    names: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def read_table(path: Path) -> Table:
    """Read a file of runs: CSV with a header, a JSON list of flat objects, or one object per line.

    Raises:
        InputError: if it is absent, no plain file, larger than ``MAX_BYTES`` or ``MAX_ROWS``, not
            UTF-8, or no such table.
    """
    content = _content(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 (byte {error.start}): write it again in that encoding, for "
            "example with iconv -t UTF-8"
        ) from None
    if "\0" in text:
        raise InputError(f"{path} is not text (it holds zero bytes): write its runs as CSV or JSON")
    if not text.strip():
        raise InputError(f"{path} is empty: give a file with a header and one row per run")
    names, rows = (_json if text.lstrip()[0] in "[{" else _csv)(path, text)
    if not rows:
        raise InputError(f"{path} has a header and no runs: give a file with one row per run")
    if len(rows) > MAX_ROWS:
        raise InputError(
            f"{path} has {len(rows):,} rows: allowed are up to {MAX_ROWS:,}; import it in parts"
        )
    return Table(path, hashlib.sha256(content).hexdigest(), names, rows)


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a plain file: give files of runs, CSV or JSON")
        if status.st_size > MAX_BYTES:
            raise InputError(
                f"{path} has {status.st_size:,} bytes: allowed are up to {MAX_BYTES:,}; leave out "
                "columns that are not imported, or import it in parts"
            )
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give files of runs, CSV or JSON"
        ) from None
    for start, what in _FOREIGN.items():
        if content.startswith(start):
            raise InputError(f"{path} is {what}")
    return content


def _csv(path: Path, text: str) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    try:
        # Cells are read as text, and become numbers where the column is known. Readers that guess
        # types or fill short rows would hide errors.
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise InputError(
            f"{path} is not CSV ({error}): give a header and as many cells in every row, "
            "separated by commas"
        ) from None
    names = tuple(name.strip() for name in lines[0])
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        raise InputError(f"{path} is not separated by commas: write it again as CSV")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        shown = ", ".join(repr(name[:40]) for name in repeated[:3])
        raise InputError(f"{path} has more than one column {shown}: leave one")
    for number, row in enumerate(lines[1:], 1):
        if len(row) != len(names):
            raise InputError(
                f"{path}, row {number} has {len(row)} cells and the header {len(names)}: leave a "
                "cell empty where there is not a value, and write the file anew if it was cut short"
            )
    if "\n" in text and not text.endswith(("\n", "\r")):
        raise InputError(
            f"{path} has no end of line after its last row: it may be cut short or still be "
            "written; add the end of line if it is complete"
        )
    return names, [tuple(cell.strip() or None for cell in row) for row in lines[1:]]


def _json(path: Path, text: str) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    try:
        if text.lstrip()[0] == "[":
            found = json.loads(text, object_pairs_hook=_flat)
        else:
            lines = [line for line in text.splitlines() if line.strip()]
            found = [json.loads(line, object_pairs_hook=_flat) for line in lines]
    except RecursionError:
        raise InputError(f"{path} is nested too deeply: give a list of flat objects") from None
    except ValueError as error:
        raise InputError(
            f"{path} is not a JSON table ({error}): give a list of flat objects, one per run, or "
            "one object per line"
        ) from None
    names: dict[str, None] = {}
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise InputError(
                f"{path}, row {number} is not an object: give a list of flat objects, one per run"
            )
        for name, value in row.items():
            if isinstance(value, list | dict):
                raise InputError(
                    f"{path}, row {number}, column {name[:40]!r} is nested: give one value, a "
                    "number or a name, or leave the column out"
                )
        names.update(dict.fromkeys(row))
    return tuple(names), [tuple(row.get(name) for name in names) for row in found]


def _flat(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def is_missing(cell: Cell) -> bool:
    """Tell whether a cell is empty."""
    return cell is None or cell == ""


def is_not_finite(cell: Cell) -> bool:
    """Tell whether a cell holds NaN or an infinity, in any usual spelling."""
    if isinstance(cell, str):
        return cell.lower().lstrip("+-") in ("nan", "inf", "infinity", "na", "n/a", "null", "none")
    return isinstance(cell, float) and not math.isfinite(cell)
