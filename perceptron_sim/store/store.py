"""Append-only store of runs: Parquet files that appear whole or not at all.

Every file is written under a temporary name, fsynced and renamed, so a kill at any moment
leaves either no file or a complete one. No locks are needed: files never change, and a run stored
by two drivers counts once.
"""

import contextlib
import functools
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Protocol, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from perceptron_sim import parameters
from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError
from perceptron_sim.places import check_writable, make_folder, writing
from perceptron_sim.status import Status
from perceptron_sim.store.files import DamagedFile, publish, read_columns, read_whole
from perceptron_sim.store.schema import NET_FIELDS, PERCEPTRON, SCHEMA, Record

R = TypeVar("R")

_MARKER = "store.json"
_VERSION = 1
_IDENTITY = {"format": "perceptron-sim store", "version": _VERSION}
# How often a folder is listed again if files were gone before they were read.
_LOOKS = 20
# Folder for damaged files, next to the runs.
QUARANTINE = "quarantine"


class QuarantinedError(InputError):
    """Damaged files were found while reading results, and set aside. Their runs are missing."""


class Store(Protocol):
    """The methods of a store that the driver needs."""

    @property
    def unfinished(self) -> Path | None:
        """The folder for states of unfinished runs, made where needed; None if there is none."""

    def keys(self) -> set[str]:
        """Return the keys of all stored runs except failed ones, which may be tried again."""

    def append(self, records: Sequence[Record]) -> None:
        """Store records; on return they will survive a crash."""

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs, one row per key, sorted by key; all, or those in ``keys``."""


class MemoryStore:
    """A store in memory, which ends with the process. Tests compare other stores with it.

    >>> from perceptron_sim import MemoryStore, PerceptronGrid, scan
    >>> store = MemoryStore()
    >>> scan(PerceptronGrid(chi=1, d=4, P=16, seeds=3), store).done
    3
    >>> store.frame()["status"].tolist()
    ['fitted', 'fitted', 'fitted']
    """

    def __init__(self) -> None:
        """Start empty."""
        self.unfinished: Path | None = None
        self._records: list[Record] = []

    def keys(self) -> set[str]:
        """Return the keys of all stored runs but the failed ones."""
        return {record["key"] for record in self._records if record["status"] != Status.FAILED}

    def append(self, records: Sequence[Record]) -> None:
        """Keep the records."""
        self._records.extend(records)

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs, one row per key, sorted by key; all, or those in ``keys``."""
        wanted = None if keys is None else set(keys)
        kept = [record for record in self._records if wanted is None or record["key"] in wanted]
        return _tidy(pa.Table.from_pylist(kept, schema=SCHEMA))


class ParquetStore:
    """Runs in ``folder/runs/*.parquet``, which pandas, polars and DuckDB can read directly.

    Attributes:
        folder: folder of the store.
        runs: its folder of files.
        unfinished: its folder of states of unfinished runs.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        *,
        tell: Callable[[str], None] | None = None,
        read_only: bool = False,
    ) -> None:
        """Open the store in ``folder``, or make one there.

        Args:
            folder: folder of the store.
            tell: gets one line about every damaged file that was set aside; default stderr.
            read_only: open a store that must exist, in a folder that need not be writable.

        Raises:
            InputError: if ``folder`` is a file, cannot be written, or holds something else.
        """
        folder = parameters.path("folder", folder)
        self.folder = folder
        self.runs = folder / "runs"
        self.unfinished = folder / "unfinished"
        self._tell = tell or functools.partial(print, file=sys.stderr)
        self._read_only = read_only
        if read_only:
            _check_identity(folder / _MARKER)
            return
        check_place(folder)
        marker = folder / _MARKER
        make_folder(folder, "--out")
        # This comes first, since without it another driver takes the folder for a foreign one.
        if not marker.exists():
            with writing(folder, "--out"):
                write_atomically(marker, (json.dumps(_IDENTITY) + "\n").encode())
        make_folder(self.runs, "--out")

    @classmethod
    def existing(
        cls, folder: str | PathLike[str], *, tell: Callable[[str], None] | None = None
    ) -> "ParquetStore":
        """Open the store that must exist in ``folder``, if only to read it; ``tell`` as above.

        Raises:
            InputError: if there is none.
        """
        folder = parameters.path("folder", folder)
        if not (folder / _MARKER).is_file():
            raise InputError(f"{folder} holds no runs: name a folder that scan --out has written")
        return cls(folder, tell=tell, read_only=True)

    def keys(self) -> set[str]:
        """Return the keys of all stored runs except failed ones.

        It reads two columns of each file. Damaged files go to ``quarantine``, or are skipped if the
        store is only read. Their runs count as not done.
        """

        def done(path: Path) -> list[str]:
            table = read_columns(path, ["key", "status"])
            keys: list[str] = table["key"].filter(_is_done(table)).to_pylist()
            return keys

        return set(itertools.chain.from_iterable(self._each(done)[0]))

    def append(self, records: Sequence[Record]) -> None:
        """Publish one file that holds ``records``; on return it will survive a crash."""
        publish(self.runs, pa.Table.from_pylist(list(records), schema=SCHEMA))

    def frame(self, keys: Iterable[str] | None = None) -> pd.DataFrame:
        """Return the stored runs, one row per key, sorted by key; all, or those in ``keys``.

        Raises:
            QuarantinedError: if files were damaged. They are set aside, unless only read.
        """
        wanted = None if keys is None else pa.array(sorted(set(keys)), pa.string())

        def chosen(path: Path) -> pa.Table:
            table = read_whole(path)
            return table if wanted is None else table.filter(pc.is_in(table["key"], wanted))

        tables, damaged = self._each(chosen)
        if damaged:
            raise QuarantinedError(
                f"{'; '.join(damaged)}: repeat the command that made it, its runs will be "
                "done again"
            )
        return _tidy(pa.concat_tables([SCHEMA.empty_table(), *tables]))

    def _each(self, read: Callable[[Path], R]) -> tuple[list[R], list[str]]:
        """Return the results of ``read`` for every file, and messages on those set aside."""
        for _ in range(_LOOKS):
            found: list[R] = []
            damaged: list[str] = []
            # Another process may have compacted the folder or set a file aside. Then look again.
            with contextlib.suppress(FileNotFoundError):
                for path in self.files():
                    try:
                        found.append(read(path))
                    except DamagedFile as error:
                        damaged.append(self._set_aside(path, error))
                return found, damaged
        raise InputError(
            f"files in {self.runs} are listed but not there: remove links that lead nowhere, or "
            "repeat the command when no other process tidies the folder"
        )

    def files(self) -> list[Path]:
        """Return the files of runs, sorted by name."""
        return sorted(self.runs.glob("[!.]*.parquet"))

    def set_aside(self, path: Path) -> Path:
        """Move the damaged file ``path`` to ``quarantine`` and return its new place."""
        target = self.folder / QUARANTINE / path.name
        target.parent.mkdir(exist_ok=True)
        # Another process may have been quicker.
        with contextlib.suppress(FileNotFoundError):
            path.replace(target)
        return target

    def _set_aside(self, path: Path, error: DamagedFile) -> str:
        text = f"{path} is damaged ({error})"
        if not self._read_only:
            text += f" and was moved to {self.set_aside(path)}"
        self._tell(f"{text}; its runs will be done again")
        return text


def _is_done(table: pa.Table) -> pa.ChunkedArray:
    return pc.not_equal(table["status"], Status.FAILED)


def check_place(folder: Path) -> None:
    """Refuse a folder that cannot become a store, and write nothing.

    Raises:
        InputError: as ``check_writable``, or if it holds something else, or a store of a newer
            version.
    """
    check_writable(folder, "--out")
    marker = folder / _MARKER
    if folder.is_dir() and _is_foreign(folder) and not marker.exists():
        raise InputError(f"{folder} holds something else: name a new or empty folder with --out")
    if marker.exists():
        _check_identity(marker)


def _is_foreign(folder: Path) -> bool:
    """Tell whether a folder holds more than another driver leaves there while it makes a store."""
    return any(not entry.name.startswith(f".{_MARKER}.") for entry in folder.iterdir())


def _check_identity(marker: Path) -> None:
    try:
        identity = json.loads(marker.read_text())
    except (OSError, ValueError):
        identity = None
    if identity == _IDENTITY:
        return
    known = identity if isinstance(identity, dict) else {}
    version = known.get("version")
    ours = known.get("format") == _IDENTITY["format"]
    if ours and isinstance(version, int) and version > _VERSION:
        raise InputError(
            f"{marker.parent} was written by a newer version (store {version}, known here is "
            f"{_VERSION}): upgrade perceptron-sim, or name another folder"
        )
    raise InputError(
        f"{marker} does not describe a store that this version can read: name another folder, "
        "or restore the file from a backup"
    )


def _tidy(table: pa.Table) -> pd.DataFrame:
    if set(pc.unique(table["model"]).to_pylist()) <= {PERCEPTRON}:
        table = table.drop_columns([name for name, _ in NET_FIELDS])
    frame: pd.DataFrame = table.to_pandas()
    # A run that failed and was done again counts as done.
    frame["_failed"] = frame["status"] == Status.FAILED
    frame = frame.sort_values(["key", "_failed"], kind="stable", ignore_index=True)
    return frame.drop_duplicates("key", ignore_index=True).drop(columns="_failed")


# Columns that distinguish runs, except limits. Nets by another engine are the same runs.
_APART = (
    *("model", "dynamics", "kernel", "shared_seeds", "data", "chi", "d", "arch", "depth", "width"),
    *("act", "P_test", "dtype"),
    *("P", "B", "T", "kappa", "seed"),
)


def standing(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of ``frame`` without those that were repeated with larger limits.

    Of runs that differ only in max_steps and max_updates, one remains: a fitted one if there is
    one, else the one with the largest limits.
    """
    own = pd.DataFrame({name: frame[name] for name in _APART if name in frame})
    own["kernel"] = own["kernel"].where(own["model"] != "net")
    own["unfitted"] = frame["status"] != Status.FITTED
    own["failed"] = frame["status"] == Status.FAILED
    order = own.assign(limit=-frame["max_steps"], last=-frame["max_updates"].fillna(0)).sort_values(
        ["unfitted", "failed", "limit", "last"], kind="stable"
    )
    again = order.duplicated([name for name in _APART if name in own])
    return frame[~again.reindex(frame.index)].reset_index(drop=True)


def open_store(folder: str | PathLike[str]) -> ParquetStore:
    """Open the store in ``folder``, or make one there; ``open_store(...).frame()`` reads it.

    Raises:
        InputError: if ``folder`` is a file, cannot be written, or holds something else.

    >>> from tempfile import TemporaryDirectory
    >>> from perceptron_sim import PerceptronGrid, open_store, scan
    >>> with TemporaryDirectory() as folder:
    ...     report = scan(PerceptronGrid(chi=1, d=4, P=(16, 32), seeds=2), folder)
    ...     print(report.done, len(open_store(folder).frame()))
    4 4
    """
    return ParquetStore(folder)
