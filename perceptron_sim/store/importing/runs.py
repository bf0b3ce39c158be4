"""From the cells of a file to rows of the store. If one cell is wrong, no row is taken."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any
from urllib.parse import quote

import pandas as pd

from perceptron_sim import parameters
from perceptron_sim.errors import InputError
from perceptron_sim.names import as_text
from perceptron_sim.status import Status
from perceptron_sim.store.importing.columns import Mapping
from perceptron_sim.store.importing.reading import Cell, Table, read_table
from perceptron_sim.store.importing.row import IDENTITY, POINT, Row
from perceptron_sim.store.schema import PERCEPTRON, Record
from perceptron_sim.store.store import ParquetStore
from perceptron_sim.version import __version__

# Columns that differ between the runs of one fit.
_WITHIN = ("P", "T", "kappa", "seed")


@dataclass(frozen=True)
class Imported:
    """Runs of other programs, checked.

    Attributes:
        records: rows of the store, in the order of the files.
        sources: for summary.json: file name, SHA-256 and number of runs of each file.
        ignored: columns of the files that were not read, for a note.
    """

    records: list[Record]
    sources: list[dict[str, Any]]
    ignored: tuple[str, ...]


def import_runs(
    paths: Sequence[str | PathLike[str]],
    mapping: Mapping | None = None,
    *,
    shared_seeds: bool = False,
) -> Imported:
    """Read and check the runs of some files; docs/import.md lists the columns.

    Args:
        paths: CSV or JSON files.
        mapping: names and constants that make their columns ours.
        shared_seeds: runs of one seed share data or initial weights, so that seeds, not runs, are
            independent. Rows with a true column ``shared_seeds`` are always taken that way.

    Raises:
        InputError: for the first error; it names file, row, column and remedy.
    """
    chosen = mapping or Mapping()
    records: list[Record] = []
    origin: dict[str, str] = {}
    sources: list[dict[str, Any]] = []
    ignored: dict[str, None] = {}
    for path in [parameters.path("paths", path) for path in paths]:
        table = read_table(path)
        ignored.update(dict.fromkeys(chosen.ignored(table)))
        sources.append(
            {"file": as_text(path.name), "sha256": table.sha256, "runs": len(table.rows)}
        )
        source = quote(os.fsencode(path.name))
        provenance = f"perceptron_sim={__version__} sha256={table.sha256} source={source}"
        for where, record in _records(table, chosen, shared_seeds):
            if record["key"] in origin:
                point = ", ".join(f"{name} = {record[name]}" for name in (*POINT, "seed"))
                raise InputError(
                    f"{where} is the same run as {origin[record['key']]} ({point}): leave one "
                    "out, or tell them apart by seed or model"
                )
            origin[record["key"]] = where
            records.append(record | {"versions": provenance})
    _check_observable(records)
    _check_seeds(records)
    return Imported(records, sources, tuple(ignored))


def store_runs(imported: Imported, store: ParquetStore) -> pd.DataFrame:
    """Put the runs into a store that is empty or holds the same runs, and return them.

    Raises:
        InputError: if the store holds other runs, or other results for these.
    """
    keys = {record["key"] for record in imported.records}
    stored = store.frame()
    if not set(stored["key"]) <= keys:
        raise InputError(
            f"{store.folder} holds other runs: name a new folder with --out, or import all files "
            "in one command"
        )
    table = {record["key"]: record for record in imported.records}
    for row in stored.to_dict("records"):
        for name in ("status", "t_star", "w_norm", "dw", "dw_rel", "shared_seeds"):
            if not _alike(row.get(name), table[row["key"]].get(name)):
                raise InputError(
                    f"{store.folder} holds another {name} of a run of these files: they have "
                    "changed since; name a new folder with --out"
                )
    present = set(stored["key"])
    new = [record for record in imported.records if record["key"] not in present]
    if new:
        store.append(new)
    return store.frame(keys)


def _alike(one: Any, other: Any) -> bool:
    return bool((pd.isna(one) and pd.isna(other)) or one == other)


def _records(table: Table, mapping: Mapping, shared_seeds: bool) -> Iterator[tuple[str, Record]]:
    places = mapping.places(table)
    constants: dict[str, Cell] = dict(mapping.constants)
    for number, row in enumerate(table.rows, 1):
        where = f"{table.path}, row {number}"
        cells = constants | {name: row[place] for name, place in places.items()}
        yield where, Row(where, cells).record(shared_seeds)


def _check_observable(records: Sequence[Record]) -> None:
    """Refuse nets of which some have only dw and some only dw_rel, since no fit can use both."""
    nets = [r for r in records if r["model"] != PERCEPTRON and r["status"] == Status.FITTED]
    if any(r["dw"] is None for r in nets) and any(r["dw_rel"] is None for r in nets):
        raise InputError(
            "some nets have dw and no dw_rel, others dw_rel and no dw: give dw for all, or w0_norm "
            "too"
        )


def _check_seeds(records: Sequence[Record]) -> None:
    """If runs share seeds, treat all runs of their fit so, and refuse missing seeds."""
    if not any(record["shared_seeds"] for record in records):
        return
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        fixed = [n for n in IDENTITY[record["model"] == PERCEPTRON] if n not in _WITHIN]
        groups.setdefault(tuple(record[name] for name in fixed), []).append(record)
    for members in groups.values():
        if not any(record["shared_seeds"] for record in members):
            continue
        for record in members:
            record["shared_seeds"] = True
        # Fits leave out a point at which some run was not fitted.
        points = pd.DataFrame(members).groupby(["P", "T", "kappa"], sort=False)
        whole = {
            point: set(runs["seed"])
            for point, runs in points
            if (runs["status"] == Status.FITTED).all()
        }
        every = set().union(*whole.values())
        for (P, T, kappa), seeds in whole.items():
            if seeds != every:
                raise InputError(
                    f"seed {min(every - seeds)} is missing at P = {P}, T = {T:g}, kappa = "
                    f"{kappa:g}: runs that share data or weights by seed need the same seeds at "
                    "every point; add the run, or leave that seed out everywhere"
                )
