"""Outputs on the test set that all seeds share: stored, and averaged over the seeds."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import POINT, SHARED, shared_by
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.jackknife import jackknife
from perceptron_sim.status import Status

_HALF = np.dtype("<f2")


def packed(outputs: FloatArray | None) -> dict[str, Any]:
    """Return the columns ``test_outputs`` and ``outputs_rms`` of a row, none for None.

    Args:
        outputs: y (f - f_0) on the test set, shape (P_test,).
    """
    if outputs is None:
        return {}
    with np.errstate(over="ignore", invalid="ignore"):
        rms = float(np.sqrt(np.mean(np.square(outputs)))) or 1.0
        return {"outputs_rms": rms, "test_outputs": (outputs / rms).astype(_HALF).tobytes()}


def outputs_of(runs: pd.DataFrame) -> FloatArray:
    """Return y (f - f_0) on the test set of each run, shape (runs, P_test)."""
    rows = [np.frombuffer(row, _HALF).astype(np.float64) for row in runs["test_outputs"]]
    found: FloatArray = np.array(rows) * runs["outputs_rms"].to_numpy(dtype=np.float64)[:, None]
    return found


def average_seeds(runs: pd.DataFrame) -> FloatArray | None:
    """Return ln of the test error of the average output, a jackknife pseudo-value for each seed.

    Their mean is the error for infinitely many seeds, to first order in one over their number;
    their scatter gives its error. A slope on such values has the seed as its unit.

    Args:
        runs: of one point, in the order of their seeds.

    Returns:
        Shape (seeds,), or None unless two runs or more all fitted and kept outputs on one test set.
    """
    n = len(runs)
    if n < 2 or not _averageable(runs):
        return None
    outputs = outputs_of(runs)
    total = outputs.sum(axis=0)
    # An error of 0 is taken for half of what one test sample would make of it, as in cells.
    least = 0.5 / outputs.shape[1]

    def log_error(summed: FloatArray) -> float:
        return float(np.log(max(least, float(np.mean(~(summed > 0))))))

    without = np.array([log_error(total - one) for one in outputs])
    pseudo: FloatArray = n * log_error(total) - (n - 1) * without
    return pseudo


def _averageable(runs: pd.DataFrame) -> bool:
    kept = (runs["status"] == Status.FITTED) & runs["test_outputs"].notna()
    one_set = bool(runs["shared_seeds"].astype(bool).all()) and runs["P_test"].nunique() == 1
    return bool(kept.all()) and one_set


@dataclass(frozen=True)
class AverageRow:
    """Errors at one grid point: of single runs, and of the average of their outputs.

    Attributes:
        model, data, chi, d, arch, depth, width, act, B, P, T, kappa: what the runs share.
        n_seeds: number of runs.
        mean_error: mean over the runs of the test error.
        average_error: test error of the mean of their outputs.
        ci_low, ci_high: 95 % interval of ``average_error``, jackknife over seeds.
    """

    model: str
    data: str | None
    chi: float | None
    d: int
    arch: str | None
    depth: int | None
    width: int | None
    act: str | None
    B: int
    P: int
    T: float
    kappa: float
    n_seeds: int
    mean_error: float
    average_error: float
    ci_low: float
    ci_high: float


def average_rows(frame: pd.DataFrame) -> list[AverageRow]:
    """Average outputs over seeds at each point where every run fitted and kept them.

    The average of a class of functions errs less than its members, by what varies from seed to
    seed. Only runs that share a test set are averaged.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.
    """
    return list(_rows(frame)) if "test_outputs" in frame else []


def _rows(frame: pd.DataFrame) -> Iterator[AverageRow]:
    point = [*SHARED, *POINT]
    shared = frame[frame["shared_seeds"].astype(bool)]
    for _, runs in shared.groupby(point, sort=True, dropna=False):
        if len(runs) < 2 or not _averageable(runs):
            continue
        outputs = outputs_of(runs)

        def error(keep: list[int], outputs: FloatArray = outputs) -> FloatArray:
            return np.array([np.mean(~(outputs[keep].mean(axis=0) > 0))])

        found = jackknife(error, len(runs))[0]
        assert found is not None
        first = runs.iloc[0]
        yield AverageRow(
            **shared_by(runs),
            P=int(first["P"]),
            T=float(first["T"]),
            kappa=float(first["kappa"]),
            n_seeds=len(runs),
            mean_error=float(runs["test_error"].mean()),
            average_error=found.value,
            ci_low=max(0.0, found.ci_low),
            ci_high=found.ci_high,
        )
