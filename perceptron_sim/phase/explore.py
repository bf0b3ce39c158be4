"""Fill the maps of a plane within a budget, from the store where it can."""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import cell_of, sample_of
from perceptron_sim.phase.plane import Map, Plane
from perceptron_sim.phase.refine import (
    OUTSIDE,
    Node,
    Sample,
    fill_adaptively,
    fill_uniform,
)
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.scans.drive import Job, check_jobs, drive_jobs
from perceptron_sim.scans.executors import Workers
from perceptron_sim.store.store import Store

_BUDGET = re.compile(r"^([0-9.]+)\s*(s|m|min|h|runs)$")
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NO_CELL = Sample(math.nan, 0.0, OUTSIDE)


@dataclass(frozen=True)
class Budget:
    """What a map may cost.

    Attributes:
        seconds: of this call; runs in progress are finished.
        runs: in all, those found in the store included, so that a repeated call ends as before.
    """

    seconds: float = math.inf
    runs: float = math.inf


def parse_budget(text: str) -> Budget:
    """Return the budget that ``text`` stands for: 90s, 10m or 10min, 2h or 800runs.

    Raises:
        InputError: if it stands for none.
    """
    match = _BUDGET.match(text.strip())
    try:
        amount = float(match.group(1)) if match else 0.0
    except ValueError:
        amount = 0.0
    if match is None or not 0.0 < amount < math.inf:
        raise InputError(
            f"--budget {text!r} is not a budget: write a time, 90s, 10min or 2h; phase also 800runs"
        )
    unit = match.group(2)
    return Budget(runs=amount) if unit == "runs" else Budget(seconds=amount * _SECONDS[unit])


@dataclass(frozen=True, eq=False)
class Explored:
    """What was done.

    Attributes:
        cells: a row a cell: parameters shared by its map, x, y, and as ``cells.cell_of``.
        runs: the runs behind them, as in ``records.SCHEMA``.
        found: runs that were stored already.
        done: runs done now.
        failed: of those, how many ended with an error.
        cells_possible: nodes of all lattices that exist.
        complete: whether every map was finished within the budget.
        interrupted: whether a person ended it.
        wall_s: seconds it took.
    """

    cells: pd.DataFrame
    runs: pd.DataFrame
    found: int
    done: int
    failed: int
    cells_possible: int
    complete: bool
    interrupted: bool
    wall_s: float


def jobs_of(maps: Sequence[Map], seeds: int) -> list[Job[Any]]:
    """Return the jobs of every cell there is: all that adaptive maps could ask for.

    Raises:
        InputError: on a cell that is out of range.
    """
    return [
        job for plane_map in maps for at in _points(plane_map) for job in plane_map.jobs(*at, seeds)
    ]


def check_maps(maps: Sequence[Map], seeds: int, workers: Workers) -> None:
    """Refuse what cannot run, before any work.

    Raises:
        InputError: on a cell that is out of range or would not fit into memory, or no cell.
    """
    if seeds < 1:
        raise InputError(f"seeds = {seeds}: allowed is an integer >= 1")
    existing = jobs_of(maps, 1)
    if not existing:
        raise InputError("no cell of this plane exists: widen its axes")
    check_jobs(existing, workers)


def explore(
    plane: Plane,
    maps: Sequence[Map],
    store: Store,
    *,
    seeds: int,
    observable: str,
    uniform: bool = False,
    tolerance: float = 0.1,
    budget: Budget | None = None,
    workers: Workers = None,
    progress: Progress | None = None,
) -> Explored:
    """Fill every map, adaptively or uniformly, until done or out of budget.

    The same call again goes the same way, finds its runs in the store, and goes on where it
    stopped. Maps share the budget: each may spend an equal part of what is left.

    Args:
        plane: what is mapped.
        maps: its maps.
        store: where runs are looked up and put.
        seeds: replicas a cell, numbered from 0.
        observable: what decides where to refine.
        uniform: fill the full lattices.
        tolerance: as in ``refine.fill_adaptively``, in ln of the observable.
        budget: where to stop; nowhere by default.
        workers: threads, by default one per core, or a cluster.
        progress: watcher.
    """
    limits = budget or Budget()
    started = time.monotonic()
    tally = _Tally()
    complete = []
    for position, plane_map in enumerate(maps):
        left = len(maps) - position
        now = time.monotonic()
        seconds = limits.seconds - (now - started)
        filler = _Filler(
            *(plane, plane_map, store, seeds, observable, tally),
            until=now + seconds / left if math.isfinite(seconds) else None,
            runs=tally.jobs + (limits.runs - tally.jobs) / left,
            workers=workers,
            progress=progress or NoProgress(),
        )
        complete.append(filler.fill(uniform, tolerance))
        if tally.interrupted:
            break
    return Explored(
        cells=pd.DataFrame(tally.rows),
        runs=store.frame(tally.keys),
        found=tally.found,
        done=tally.done,
        failed=tally.failed,
        cells_possible=len(jobs_of(maps, 1)),
        complete=len(complete) == len(maps) and all(complete),
        interrupted=tally.interrupted,
        wall_s=time.monotonic() - started,
    )


def _points(plane_map: Map) -> list[tuple[float, float]]:
    return [(x, y) for x in plane_map.x.values for y in plane_map.y.values]


@dataclass
class _Tally:
    """What all maps together found and did."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    jobs: int = 0
    found: int = 0
    done: int = 0
    failed: int = 0
    interrupted: bool = False


@dataclass(frozen=True)
class _Filler:
    """Fills one map; ``runs`` is the number of jobs of all maps at which it ends."""

    plane: Plane
    map: Map
    store: Store
    seeds: int
    observable: str
    tally: _Tally
    until: float | None
    runs: float
    workers: Workers
    progress: Progress
    cells: dict[Node, dict[str, Any]] = field(default_factory=dict)

    def fill(self, uniform: bool, tolerance: float) -> bool:
        """Measure what there is to be measured; return whether nothing was left out."""
        x, y = self.map.x.logs, self.map.y.logs
        if uniform or not self.map.adaptive:
            filled = fill_uniform((len(x), len(y)), self._measure)
        else:
            filled = fill_adaptively(x, y, self._measure, tolerance)
        self.tally.rows.extend(self.cells[node] for node in sorted(self.cells))
        return filled.complete

    def _measure(self, nodes: list[Node]) -> dict[Node, Sample]:
        """Run the jobs at ``nodes``; leave out nodes for which the budget does not suffice."""
        jobs: dict[Node, list[Job[Any]]] = {}
        samples: dict[Node, Sample] = {}
        for node in nodes:
            wanted = self.map.jobs(*self._at(node), self.seeds)
            if not wanted:
                samples[node] = _NO_CELL
            elif self.tally.jobs + len(wanted) <= self.runs:
                jobs[node] = wanted
                self.tally.jobs += len(wanted)
        if not jobs:
            return samples
        report = drive_jobs(
            [job for at_node in jobs.values() for job in at_node],
            self.store,
            until=self.until,
            workers=self.workers,
            progress=self.progress,
        )
        self.tally.found += report.found
        self.tally.done += report.done
        self.tally.failed += report.failed
        self.tally.interrupted |= report.interrupted and not report.out_of_time
        frame = self.store.frame(report.keys)
        by_key = {key: index for index, key in enumerate(frame["key"])}
        for node, at_node in jobs.items():
            keys = [job.key for job in at_node]
            if all(key in by_key for key in keys):
                self.tally.keys.update(keys)
                cell = cell_of(frame.iloc[[by_key[key] for key in keys]], self.plane.observables)
                at = zip((self.map.x.name, self.map.y.name), self._at(node), strict=True)
                self.cells[node] = {**self.map.shared, **dict(at), **cell}
                samples[node] = sample_of(cell, self.observable)
        return samples

    def _at(self, node: Node) -> tuple[float, float]:
        return self.map.x.values[node[0]], self.map.y.values[node[1]]
