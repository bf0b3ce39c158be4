"""When noise acts in nets, from stored courses: as ``perceptron_sim.phase.late_noise`` says."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.entries import NetDelay
from nets.phase.lazy_law import fit_lazy_law
from nets.phase.model import DEFAULTS, LAZY, PACKAGES, SHARED, job_of, kinds_of
from nets.phase.tables import NET
from perceptron_sim.drawing.panels import Chart, thinned
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED, cell_of
from perceptron_sim.phase.late_noise import delay_table, noise_delay
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations

# Nets that a figure shows at most.
_COLUMNS = 3
_OF_RUNS = ("model", "data", "arch", *SHARED, "P", "alpha")


def delays_of(runs: pd.DataFrame) -> list[NetDelay]:
    """Return when noise acts in the nets of each alpha.

    T_c is that of ||w - w_0|| = A (1 + T/T_c) in the same runs.

    Args:
        runs: of nets, as stored; those without a course are left out.
    """
    found = []
    with_course = runs[runs["checkpoint_dw"].notna()]
    for at, members in with_course.groupby(list(_OF_RUNS), sort=True):
        shared: dict[str, Any] = dict(zip(_OF_RUNS, at, strict=True))
        alpha = float(shared["alpha"])
        cells = [
            {"T": T, "alpha": alpha, **cell_of(same, ("dw_rel",))}
            for T, same in members.groupby("T", sort=True)
        ]
        law = fit_lazy_law(pd.DataFrame(cells))
        delay = None if law is None else noise_delay(members, law.tau_c.value / alpha)
        if delay is not None:
            found.append(NetDelay(**vars(delay), **shared))
    return found


def net_delay_table(delays: list[NetDelay]) -> Table:
    """Return the delays, each with its net."""
    return delay_table(delays, (("", "{model}"), *NET, ("alpha", "{alpha:.4g}")))


def _maps(options: dict[str, Any]) -> list[Map]:
    T = axis("T", options["T"])
    if len(T.values) < 2:
        raise InputError("T has one value: give at least two, up to T_c, to see what T does")
    maps = []
    for shared in combinations(options, (*SHARED, "P", "alpha")):
        alpha = axis("alpha", (shared.pop("alpha"),))
        for kind in kinds_of(options):
            job = partial(job_of, options, kind == LAZY, checkpoints=True, **shared)
            maps.append(Map({"model": kind, **shared}, T, alpha, job, adaptive=False))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    late, fitted = delays_of(runs), bool((runs["status"] == FITTED).any())
    return Conclusion(
        parts={"noise_delay_of_nets": late},
        tables=[net_delay_table(late)],
        frames={},
        figures={"curves": lambda: _figure(runs, late)} if fitted else {},
        more={"data": options["data"]},
    )


def _figure(runs: pd.DataFrame, late: list[NetDelay]) -> Chart:
    """Chart courses of the first nets, linearised and trained."""
    from perceptron_sim.phase.figures.late_noise import course_panels

    columns = []
    names = list(_OF_RUNS)
    for at, members in runs[runs["status"] == FITTED].groupby(names, sort=True):
        shared = dict(zip(names, at, strict=True))
        rows = [row for row in late if all(getattr(row, n) == v for n, v in shared.items())]
        marks = [
            {"T": T, "t_sep": row.t_noise}
            for row in rows
            for T in members["T"].unique()
            if row.T_c >= T
        ]
        sizes = f"{shared['depth']}, h = {shared['width']}, P = {shared['P']}"
        title = f"{shared['model']}, L = {sizes}, alpha = {shared['alpha']:g}"
        columns.append(course_panels(members, marks, title, "||w - w_0||"))
    shown = thinned(columns, _COLUMNS)
    return Chart(list(zip(*shown, strict=True)), legend="above", columns=3, width=4.2)


PLANE = Plane(
    defaults={
        **DEFAULTS,
        "depth": (3,),
        "width": (32,),
        "P": (256,),
        "B": (16,),
        "alpha": (64.0,),
        "T": tuple(2.0 ** np.arange(-12, -2)),
        "seeds": 12,
        "max_steps": 100_000,
        "kernel": "auto",
    },
    observables=("dw_rel", "t_star", "test_error"),
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
    packages=PACKAGES,
)
