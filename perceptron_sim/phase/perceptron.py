"""What planes of perceptrons share: axes, limits, series of cells and the law of the crossovers."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import Estimate, LawFit, fit_law
from perceptron_sim.phase.plane import Axis
from perceptron_sim.theory.crossovers import Crossovers, crossovers
from perceptron_sim.theory.exponents import is_solvable
from perceptron_sim.theory.minimal_signal import CAPACITY
from perceptron_sim.theory.prediction import accuracy


def axis(name: str, values: Sequence[float]) -> Axis:
    """Return an axis with sorted values.

    Raises:
        InputError: if a value is not positive.
    """
    if not all(value > 0.0 for value in values):
        raise InputError(f"{name} = {min(values):g} on a logarithmic axis: allowed is {name} > 0")
    return Axis(name, tuple(sorted(float(value) for value in values)))


def limits(options: dict[str, Any]) -> dict[str, int]:
    """Return the limits of a run that were given, as arguments of a configuration."""
    names = ("max_steps", "max_updates")
    return {name: options[name] for name in names if options.get(name) is not None}


def predicted(chi: float, P: int, d: int) -> Crossovers | None:
    """Return the predicted crossovers, or None where no signal is needed or none is predicted."""
    return crossovers(chi, P, d) if CAPACITY * (d - 1) < P and is_solvable(chi) else None


def series(
    cells: pd.DataFrame, shared: Sequence[str], *, first_step: bool
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, LawFit | None]]:
    """Yield (values of ``shared``, cells, the law fitted to ||w|| in those that fitted)."""
    for _, members in cells.groupby(list(shared), sort=True):
        fitted = members[members["status"] == FITTED]
        fit = fit_cells(fitted, first_step=first_step)
        yield {name: members[name].iloc[0].item() for name in shared}, members, fit


def fit_cells(cells: pd.DataFrame, *, first_step: bool) -> LawFit | None:
    """Fit the law of the crossovers to ||w|| / kappa, all kappa together: the collapse on T/kappa.

    Args:
        cells: fitted cells.
        first_step: as in ``fit_law``.
    """
    if len(cells) == 0:
        return None
    kappa = cells["kappa"].to_numpy(dtype=np.float64)
    B = cells["B"].to_numpy(dtype=np.float64)
    T = cells["T"] if "T" in cells else cells["eta"] / B
    logs = [np.array(v) - math.log(k) for v, k in zip(cells["w_norm_seeds"], kappa, strict=True)]
    return fit_law(np.asarray(T, np.float64) / kappa, B, logs, first_step=first_step)


def as_dict(estimate: Any, **more: Any) -> dict[str, Any]:
    """Return a dataclass and further entries for JSON."""
    return {**dataclasses.asdict(estimate), **more}


def closeness(measured: Estimate, expected: float, d: int) -> dict[str, Any]:
    """Return a prediction beside a measurement, and whether they agree at 95 %.

    The prediction is taken to be as good as that of ln ||w|| (``theory.prediction.accuracy``).
    """
    error = math.hypot(measured.error, accuracy(d)[0])
    return {
        "predicted": expected,
        "prediction_error": accuracy(d)[0],
        "agrees": abs(math.log(measured.value / expected)) <= 1.96 * error,
    }
