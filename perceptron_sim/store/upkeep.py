"""Verify every byte of stores, join many files into few, and merge folders.

All of it may happen while scans run. Files are published before those they replace are removed, and
a run that is stored twice counts once.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import pandas as pd
import pyarrow as pa

from perceptron_sim.errors import InputError
from perceptron_sim.status import Status
from perceptron_sim.store.files import DamagedFile, publish, read_columns, read_whole
from perceptron_sim.store.schema import SCHEMA
from perceptron_sim.store.store import ParquetStore

# Bytes in memory at which a file is finished. So files are few, and need little memory.
_FILE_BYTES = 64 << 20
# How often a folder is read again if another process changes it.
_LOOKS = 20
# A temporary file this old belongs to no process that still runs.
_LITTER_S = 3600.0
# What two runs of one key must agree on; a difference means other code or a broken machine.
_RESULTS = ["status", "t_star", "steps", "updates", "hits", "w_norm", "dw"]


@dataclass(frozen=True)
class Checked:
    """The findings of a check of a store.

    Attributes:
        files: number of files read.
        runs: number of distinct runs.
        failed: number of them that ended in an exception and will be tried again.
        repeated: number of rows beyond one per run.
        contradictions: keys of runs stored twice with different results.
        damaged: one line per damaged file.
    """

    files: int
    runs: int
    failed: int
    repeated: int
    contradictions: tuple[str, ...]
    damaged: tuple[str, ...]


def check(store: ParquetStore, repair: bool = False) -> Checked:
    """Read every byte of a store and report on it.

    Args:
        store: what to read.
        repair: move damaged files to ``quarantine``, so that their runs are done again.

    Returns:
        The findings.
    """
    damaged: list[str] = []

    def note(path: Path, error: DamagedFile) -> None:
        moved = f", moved to {store.set_aside(path)}" if repair else ""
        damaged.append(f"{path} is damaged: {error}{moved}")

    columns = ["key", *_RESULTS]
    parts = [table.select(columns).to_pandas() for table in _tables(store.files(), note)]
    rows = pd.concat(parts) if parts else pd.DataFrame(columns=columns)
    done = rows[rows["status"] != Status.FAILED]
    runs, different = rows["key"].nunique(), done.drop_duplicates()
    return Checked(
        files=len(parts),
        runs=runs,
        failed=runs - done["key"].nunique(),
        repeated=len(rows) - runs,
        contradictions=tuple(sorted(set(different.loc[different.duplicated("key"), "key"]))),
        damaged=tuple(damaged),
    )


@dataclass(frozen=True)
class Compacted:
    """Numbers of files before and after a compaction, and of runs kept."""

    before: int
    after: int
    runs: int


def compact(store: ParquetStore) -> Compacted:
    """Rewrite a store as few files, one row per run, without failed runs that were done again.

    A kill at any moment loses nothing: old files are removed after all their rows are on disk.

    Raises:
        InputError: if files are damaged; nothing is changed then.
    """
    old = store.files()
    _verify(old)
    after = _replace(store, old, store.keys())
    for litter in store.runs.glob(".*.tmp"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - litter.stat().st_mtime > _LITTER_S:
                litter.unlink()
    return Compacted(before=len(old), after=after, runs=len(store.keys()))


def settle(store: ParquetStore) -> None:
    """Leave one row per run, for readers that do not use this program.

    A run is stored twice if two drivers did it, or if it failed and was done again. Another driver
    may settle the folder at the same time. So this repeats until no run is stored twice.
    """
    for _ in range(_LOOKS):
        try:
            parts = []
            for path in store.files():
                with contextlib.suppress(DamagedFile):
                    table = read_columns(path, ["key", "status"])
                    parts.append(table.to_pandas().assign(path=path))
            if not parts:
                return
            rows = pd.concat(parts)
            repeated = rows.loc[rows.duplicated("key", keep=False), "path"]
            if repeated.empty:
                return
            done = set(rows.loc[rows["status"] != Status.FAILED, "key"])
            _replace(store, sorted(set(repeated)), done)
        except (FileNotFoundError, InputError):
            # Another process was faster.
            continue


def _replace(store: ParquetStore, old: Sequence[Path], done: set[str]) -> int:
    """Rewrite some files of a store, one row per run; return the number of new ones."""
    new = [publish(store.runs, table) for table in _merged(old, done, set())]
    for path in old:
        if path not in new:
            path.unlink(missing_ok=True)
    return len(new)


def merge(sources: Sequence[ParquetStore], out: str | PathLike[str]) -> int:
    """Copy into the store in ``out``, new or not, the runs of ``sources`` that it lacks.

    Returns:
        The number of runs copied.

    Raises:
        InputError: if files are damaged, or ``out`` cannot be a store. Nothing is written then.
    """
    files = [path for source in sources for path in source.files()]
    _verify(files)
    target = ParquetStore(out)
    _verify(target.files())
    present = target.keys()
    done = present.union(*(source.keys() for source in sources))
    copied = 0
    for table in _merged(files, done, set(present)):
        publish(target.runs, table)
        copied += table.num_rows
    return copied


def _verify(files: Sequence[Path]) -> None:
    """Refuse damaged files before anything is written."""
    deque(_tables(files, _refuse), maxlen=0)


def _merged(files: Sequence[Path], done: set[str], seen: set[str]) -> Iterator[pa.Table]:
    """Yield tables of file size with the runs of ``files``, one row per key not in ``seen``.

    Rows of failed runs are left out if their key is in ``done``.
    """
    waiting: list[pa.Table] = []
    size = 0
    for table in _tables(files, _refuse):
        keep = []
        for key, status in zip(table["key"].to_pylist(), table["status"].to_pylist(), strict=True):
            keep.append(key not in seen and not (status == Status.FAILED and key in done))
            if keep[-1]:
                seen.add(key)
        chosen = table.filter(pa.array(keep, pa.bool_()))
        waiting.append(chosen)
        size += chosen.nbytes
        if size >= _FILE_BYTES:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting, size = [], 0
    if any(table.num_rows for table in waiting):
        yield pa.concat_tables([SCHEMA.empty_table(), *waiting]).combine_chunks()


def _tables(
    files: Iterable[Path], damaged: Callable[[Path, DamagedFile], None]
) -> Iterator[pa.Table]:
    for path in files:
        try:
            yield read_whole(path)
        except DamagedFile as error:
            damaged(path, error)
        except FileNotFoundError:
            raise InputError(
                f"{path} vanished before it was read, because another process tidies the folder: "
                "repeat the command when that is done"
            ) from None


def _refuse(path: Path, error: DamagedFile) -> None:
    raise InputError(
        f"{path} is damaged ({error}): run perceptron-sim store check --repair "
        f"{path.parent.parent} first"
    )
