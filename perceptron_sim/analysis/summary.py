"""summary.json: what a scan found, in a form other programs read."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from perceptron_sim.analysis.collapse import Collapse
from perceptron_sim.analysis.exponents import ExponentRow, censored_points
from perceptron_sim.atomic import write_atomically
from perceptron_sim.store.schema import versions


def summarise(
    command: str, frame: pd.DataFrame, rows: list[ExponentRow], found: list[Collapse]
) -> dict[str, Any]:
    """Return the summary of the runs in ``frame`` with their fitted exponents and collapses.

    It holds nothing of when or how fast the runs were done, so an interrupted and resumed scan
    ends with the same summary as an undisturbed one.
    """
    return {
        "command": command,
        "runs": len(frame),
        "status": {str(k): int(v) for k, v in frame["status"].value_counts().sort_index().items()},
        "points_left_out": censored_points(frame),
        "exponents": [row.as_dict() for row in rows],
        "collapses": [asdict(collapse) for collapse in found],
        "versions": versions(),
    }


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary to ``path``, atomically."""
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())
