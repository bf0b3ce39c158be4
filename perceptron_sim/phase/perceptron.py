"""What planes of perceptrons share: their runs, series of cells and the law of the crossovers."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.entries import Boundary, systematic
from perceptron_sim.phase.law import LawFit, fit_law
from perceptron_sim.phase.plane import Axis, axis
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.scans.drive import Job
from perceptron_sim.scans.scan import PerceptronWork
from perceptron_sim.theory.crossovers import Crossovers, crossovers
from perceptron_sim.theory.exponents import is_solvable
from perceptron_sim.theory.minimal_signal import CAPACITY
from perceptron_sim.theory.prediction import doubt_about_size

OBSERVABLES = ("w_norm", "t_star", "test_error")
_LIMITS = ("max_steps", "max_updates")


def job_of(options: dict[str, Any], work: PerceptronWork, **point: Any) -> Job[Any]:
    """Return the run at ``point``, with the limits of ``options``."""
    point["B"] = int(point["B"])
    limits = {name: options[name] for name in _LIMITS if options.get(name) is not None}
    return Job(work, PerceptronConfig(**point, **limits))


def work_of(
    options: dict[str, Any], checkpoints: str | None = "log", dynamics: str | None = None
) -> PerceptronWork:
    """Return the work of a plane: of ``dynamics``, by default the one of its options.

    Raises:
        InputError: if the options have several, or a kernel that the dynamics does not have.
    """
    if dynamics is None and len(options["dynamics"]) != 1:
        raise InputError("this plane has one dynamics: give --dynamics once")
    return PerceptronWork(options["kernel"], checkpoints, dynamics or options["dynamics"][0])


def batch_sizes(options: dict[str, Any], P: int) -> Axis:
    """Return the axis of those batch sizes that P samples allow.

    Raises:
        InputError: if there is none.
    """
    possible = tuple(B for B in axis("B", options["B"]).values if P >= B)
    if not possible:
        raise InputError(f"B: no batch size up to P = {P}: add smaller ones")
    return Axis("B", possible)


def predicted(chi: float, P: int, d: int) -> Crossovers | None:
    """Return the predicted crossovers, or None where no signal is needed or none is predicted."""
    return crossovers(chi, P, d) if CAPACITY * (d - 1) < P and is_solvable(chi) else None


def series(
    cells: pd.DataFrame, shared: Sequence[str], *, first_step: bool
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, LawFit | None]]:
    """Yield (values of ``shared``, cells, the law fitted to ||w|| in those that fitted)."""
    for _, members in cells.groupby(list(shared), sort=True):
        fit = fit_cells(members[members["status"] == FITTED], first_step=first_step)
        yield {name: members[name].iloc[0].item() for name in shared}, members, fit


def distinct_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells less those whose runs are those of another cell in other units.

    Runs of one seed, B and kappa/T are one trajectory (docs/theory.md (M2)). The cell with the
    most seeds stays.
    """
    n_seeds = cells["w_norm_seeds"].map(len)
    ordered = cells.loc[n_seeds.sort_values(ascending=False, kind="stable").index]
    T = ordered["T"] if "T" in ordered else ordered["eta"] / ordered["B"]
    copies = ordered[["B"]].assign(ratio=(ordered["kappa"] / T).map("{:.9e}".format)).duplicated()
    return cells.drop(index=ordered.index[copies])


def fit_cells(cells: pd.DataFrame, *, first_step: bool) -> LawFit | None:
    """Fit the law of the crossovers to ||w|| / kappa, all kappa together: the collapse on T/kappa.

    Args:
        cells: fitted cells; those that are copies of another count once.
        first_step: as in ``fit_law``.
    """
    if len(cells) == 0:
        return None
    cells = distinct_cells(cells)
    kappa = cells["kappa"].to_numpy(dtype=np.float64)
    B = cells["B"].to_numpy(dtype=np.float64)
    T = cells["T"] if "T" in cells else cells["eta"] / B
    logs = [np.array(v) - math.log(k) for v, k in zip(cells["w_norm_seeds"], kappa, strict=True)]
    return fit_law(np.asarray(T, np.float64) / kappa, B, logs, first_step=first_step)


def fit_windows(
    cells: pd.DataFrame,
    crossovers: Mapping[str, float],
    fit: Callable[[pd.DataFrame], LawFit | None],
) -> list[LawFit | None]:
    """Fit the law again without the outer third of the range on either side of a crossover.

    Args:
        cells: fitted cells.
        crossovers: columns of the cells, and where in their range regimes meet.
        fit: of the law to cells.
    """
    fits = []
    for name, at in crossovers.items():
        x = np.log(cells[name].to_numpy(dtype=np.float64) / at)
        for kept in (x >= 2.0 / 3.0 * min(x.min(), 0.0), x <= 2.0 / 3.0 * max(x.max(), 0.0)):
            fits.append(fit(cells[kept]))
    return fits


def common(
    shared: dict[str, Any],
    fitted: pd.DataFrame,
    fit: LawFit,
    expected: Crossovers | None,
    windows: Sequence[LawFit | None],
) -> dict[str, Any]:
    """Return what rows of all maps say: what the cells share, crossover, plateau and misfit.

    ``windows``: the fit in parts of the window.
    """
    parts = [part for part in windows if part is not None]
    d = shared["d"]
    known = (expected.T_c_over_kappa, expected.plateau) if expected else (None, None)
    return {
        **shared,
        "n_seeds": int(fitted["n_seeds"].min()),
        "n_cells": fit.n_cells,
        "T_c_over_kappa": Boundary.of(fit.tau_c, known[0], d),
        "plateau_over_kappa": Boundary.of(fit.plateau, known[1], d),
        "misfit_ln": fit.rms,
        "scatter_ln": fit.scatter,
        "T_c_systematic": systematic(fit.tau_c, [part.tau_c for part in parts]),
        "plateau_systematic": systematic(fit.plateau, [part.plateau for part in parts]),
        "trusted": not doubt_about_size(shared["chi"], shared["P"], d),
    }
