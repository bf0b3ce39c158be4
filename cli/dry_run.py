"""The cost of a command, printed before it does anything; and its budget."""

import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.scans.run_time import Estimate


def end_of_budget(budget: str | None) -> float | None:
    """Return the time.monotonic() after which no run starts, or None.

    Raises:
        InputError: if the text is not a time.
    """
    from perceptron_sim.errors import InputError
    from perceptron_sim.phase.explore import parse_budget

    if budget is None:
        return None
    limit = parse_budget(budget)
    if not math.isfinite(limit.seconds):
        raise InputError(f"--budget {budget!r} counts runs: a scan takes a time, 90s, 10m or 2h")
    return time.monotonic() + limit.seconds


def stored_keys(out: Path) -> set[str]:
    """Return the keys of the runs in a folder, which need not exist.

    Raises:
        InputError: if runs could not be stored there.
    """
    from perceptron_sim.store.store import ParquetStore, check_place

    check_place(out)
    return ParquetStore.existing(out).keys() if (out / "store.json").exists() else set()


def say_cost(
    found: "Estimate",
    what: str,
    workers: int,
    out: Path,
    as_json: bool,
    *,
    note: str | None = None,
    until: float | None = None,
    in_flight: int | None = None,
) -> int:
    """Print an estimate; return the exit code.

    Args:
        found: the estimate.
        what: name of the kernel or device, for times that were never measured.
        workers: number of runs done at a time.
        out: the folder of the runs.
        as_json: print facts.
        note: a line on what the estimate leaves out.
        until: the time.monotonic() after which no run starts.
        in_flight: number of runs in memory at a time; by default ``workers``.
    """
    from cli.progress import duration
    from perceptron_sim.runs.memory import format_bytes

    left = found.runs - found.found
    wall_s = found.wall_s(workers)
    if until is not None:
        wall_s = min(until - time.monotonic(), math.inf if wall_s is None else wall_s)
    memory = min(workers if in_flight is None else in_flight, left) * found.bytes_a_run
    if as_json:
        from cli.output import finite, print_json

        facts = {name: finite(value) for name, value in asdict(found).items()}
        print_json(facts | {"workers": workers, "wall_s": wall_s, "memory_bytes": memory})
        return 0
    click.echo(f"{counted(found.runs, 'run')}: {found.found} stored in {out}, {left} to do")
    if found.core_s is None or found.longest_s is None:
        only = f", but runs start for {duration(wall_s)} only" if wall_s is not None else ""
        click.echo(f"time: not measured for {what}{only}")
    else:
        click.echo(
            f"time: about {duration(wall_s or 0.0)} with {counted(workers, 'worker')}, "
            f"{duration(found.core_s)} of one core, "
            f"within a factor {found.factor:.2g} (1 s.d.) on a core like that of the fit; "
            f"the longest run about {duration(found.longest_s)}"
        )
        if found.outside:
            click.echo(
                f"{found.outside} of the runs are outside the window of the fit: their time may be "
                "wrong by a factor of 100"
            )
    click.echo(f"memory: at most about {format_bytes(memory)} for the runs in progress")
    if note:
        click.echo(note)
    return 0
