"""Cells of a map: what the runs at one point say together."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.refine import Sample
from perceptron_sim.status import Status

FITTED = "fitted"
UNFITTED = "unfitted"
OVER_BUDGET = "over budget"
DIVERGED = "diverged"
FAILED = "failed"
# A cell is as good as its worst run.
STATUSES = (FITTED, UNFITTED, OVER_BUDGET, DIVERGED, FAILED)

_OF_RUN = {
    Status.FITTED: FITTED,
    Status.MAX_STEPS: UNFITTED,
    Status.MAX_UPDATES: OVER_BUDGET,
    Status.DIVERGED: DIVERGED,
}


def cell_of(runs: pd.DataFrame, observables: Sequence[str]) -> dict[str, Any]:
    """Return a row for the runs of one cell: status, seeds, and ln of each observable.

    ``NAME_ln`` is the mean over seeds of ln NAME, ``NAME_se`` its standard error (NaN for one
    seed), NaN where some run was not fitted, as the mean would be biased. ``NAME_seeds`` are the
    values themselves, in the order of the seeds, NaN for a run that was not fitted and where the
    observable is 0 by definition. A test error of 0 is taken for half of what one test sample
    would make of it.

    Args:
        runs: rows as in ``records.SCHEMA``, one or more.
        observables: columns, positive where fitted.
    """
    worst = max((_OF_RUN.get(s, FAILED) for s in runs["status"]), key=STATUSES.index)
    row: dict[str, Any] = {
        "status": worst,
        "n_seeds": len(runs),
        "n_fitted": int((runs["status"] == FITTED).sum()),
    }
    ordered = runs.sort_values("seed")
    for name in observables:
        logs = np.where(ordered["status"] == FITTED, _logs(ordered, name), np.nan)
        row[f"{name}_ln"] = float(np.mean(logs))
        few = len(logs) < 2
        row[f"{name}_se"] = math.nan if few else float(np.std(logs, ddof=1) / math.sqrt(len(logs)))
        row[f"{name}_seeds"] = logs.tolist()
    return row


def _logs(runs: pd.DataFrame, name: str) -> FloatArray:
    if name == "alignment":
        # Signal over noise of the outputs on the test set, as w_1/|w_perp| of the perceptron.
        values = (runs["test_signal"] / runs["test_spread"]).to_numpy(dtype=np.float64)
    else:
        values = runs[name].to_numpy(dtype=np.float64)
    if name == "test_error" and "P_test" in runs:
        # Null for the perceptron, whose test error is known exactly and never 0.
        values = np.fmax(values, 0.5 / runs["P_test"].to_numpy(dtype=np.float64, na_value=np.nan))
    return np.log(np.where(values > 0.0, values, np.nan))


def sample_of(cell: dict[str, Any], observable: str) -> Sample:
    """Return a cell as what the refinement of a map needs to know of it."""
    error = cell[f"{observable}_se"]
    return Sample(
        value=cell[f"{observable}_ln"],
        error=error if math.isfinite(error) else 0.0,
        status=cell["status"],
    )
