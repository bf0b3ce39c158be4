"""What a plane takes and leaves: its options, summary.json and the Parquet behind its figures."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from perceptron_sim.analysis.analyse import counts
from perceptron_sim.analysis.summary import write_summary
from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError
from perceptron_sim.phase.explore import Explored
from perceptron_sim.phase.plane import Conclusion, Plane
from perceptron_sim.store.schema import versions

_LIMITS = ("max_steps", "max_updates")


def settings_of(plane: Plane, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a plane: what was given over its defaults.

    ``alpha`` is taken for kappa, in ascending kappa, and ``eta`` for T.

    Raises:
        InputError: if an option is none of this plane's.
    """
    values = dict(given)
    if "alpha" in values and "kappa" in plane.defaults:
        if "kappa" in values:
            raise InputError("both kappa and alpha are given: give one, kappa = 1 / alpha")
        if not all(0.0 < alpha < math.inf for alpha in values["alpha"]):
            raise InputError("alpha is out of range: allowed is 0 < alpha < inf")
        values["kappa"] = tuple(sorted(1.0 / alpha for alpha in values.pop("alpha")))
    if "eta" in values and "T" in plane.defaults:
        values["T"] = _temperatures(plane, values)
    for option in values:
        if option not in plane.defaults and option not in _LIMITS:
            raise InputError(
                f"plane {name} takes no {option}: choose from {', '.join(plane.defaults)}"
            )
    return plane.defaults | values


def observable_of(plane: Plane, name: str | None) -> str:
    """Return the column to be mapped, by default the first that the plane offers.

    Raises:
        InputError: if the plane does not offer it.
    """
    mapped = name or plane.observables[0]
    if mapped not in plane.observables:
        raise InputError(
            f"observable {mapped!r} is unknown here: choose one of {', '.join(plane.observables)}"
        )
    return mapped


def _temperatures(plane: Plane, values: dict[str, Any]) -> tuple[float, ...]:
    """Return T for the learning rates in ``values``: eta / B, of nets eta / (B h)."""
    if "T" in values:
        raise InputError("both T and eta are given: give one, they are tied by T = eta / B")
    factor = 1.0
    for name in ("B", "width"):
        chosen = values.get(name, plane.defaults.get(name, (1,)))
        if chosen is None or len(chosen) != 1:
            raise InputError(f"eta stands for T at one {name} alone: give one {name}, or T")
        factor *= chosen[0]
    return tuple(eta / factor for eta in values.pop("eta"))


def write_cells(folder: Path, cells: pd.DataFrame, conclusion: Conclusion) -> None:
    """Write the numbers behind the figures: ``cells.parquet`` and further tables."""
    for name, frame in {"cells": cells, **conclusion.frames}.items():
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), sink)
        write_atomically(folder / f"{name}.parquet", sink.getvalue().to_pybytes())


def write_report(
    folder: Path, command: str, plane: str, explored: Explored, conclusion: Conclusion
) -> dict[str, Any]:
    """Write summary.json and return it; it holds no dates and no durations."""
    summary = {
        "command": command,
        "plane": plane,
        "runs": len(explored.runs),
        "cells": len(explored.cells),
        "cells_possible": explored.cells_possible,
        "complete": explored.complete,
        "status": counts(explored.cells),
        **conclusion.more,
        **{name: [row.to_json() for row in rows] for name, rows in conclusion.parts.items()},
        "versions": versions(),
    }
    write_summary(folder / "summary.json", summary)
    return summary
