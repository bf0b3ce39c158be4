"""The plane of P and T: T_c(P), where the lazy regime ends (claim 3)."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.collapse import LAZY_BELOW, Grid, by_departure, by_level, grid_of, moved_at
from nets.phase.entries import NetOnsets, OnsetRow
from nets.phase.model import DEFAULTS, LAZY, PACKAGES, SHARED, TRAINED, job_of, kinds_of
from nets.phase.tables import onset_table
from perceptron_sim.analysis.exponents import span
from perceptron_sim.errors import InputError
from perceptron_sim.phase.plane import Conclusion, Map, Plane, axis, combinations

# Fractions of ||w_0||: the weights leave the lazy regime from the first to the last.
LEVELS = (0.1, 0.3, 1.0)


def _maps(options: dict[str, Any]) -> list[Map]:
    kinds = kinds_of(options)
    T, P = axis("T", options["T"]), axis("P", options["P"])
    if P.values[0] < max(options["B"]):
        raise InputError(
            f"P = {P.values[0]:g} is smaller than B = {max(options['B'])}: leave it out"
        )
    return [
        Map({"model": kind, **shared}, T, P, partial(job_of, options, lazy=kind == LAZY, **shared))
        for shared in combinations(options, (*SHARED, "alpha"))
        for kind in kinds
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from nets.phase.onset_figure import figure_onset

    found = []
    for _, members in cells.groupby([*SHARED, "alpha"], sort=True):
        shared = {n: members[n].iloc[0].item() for n in (*SHARED, "alpha")}
        grids = {kind: grid_of(members[members["model"] == kind]) for kind in (LAZY, TRAINED)}
        onsets = tuple(_rows(grids[TRAINED], grids[LAZY]))
        seeds = int(members["n_seeds"].min())
        net = NetOnsets(**shared, data=options["data"], n_seeds=seeds, onsets=onsets)
        found.append((net, grids))
    nets = [net for net, _ in found]
    points = [
        {n: getattr(net, n) for n in (*SHARED, "alpha")}
        | {"by": row.by, "quantity": row.quantity, **at.to_json()}
        for net in nets
        for row in net.onsets
        for at in row.T_c
    ]
    return Conclusion(
        parts={"nets": nets},
        tables=[onset_table(nets)],
        frames={"T_c": pd.DataFrame(points)},
        figures={"onset": lambda: figure_onset([(net.to_json(), g) for net, g in found])},
    )


def _rows(trained: Grid, lazy: Grid) -> list[OnsetRow]:
    rows = []
    windows = {
        kind: f"P {span(grid.P.tolist())}, T {span(grid.T.tolist())}"
        for kind, grid in ((LAZY, lazy), (TRAINED, trained))
        if len(grid.P)
    }
    small = trained.logs["dw_rel"].mean(axis=1) < np.log(LAZY_BELOW) if TRAINED in windows else []
    references = {LAZY: (lazy, lazy), TRAINED: (trained, trained.part(np.array(small, dtype=bool)))}
    for kind, window in windows.items():
        for level in LEVELS:
            onset = by_level(references[kind][0], level, references[kind][1])
            if onset is not None:
                rows.append(onset.row("dw_rel", kind, window, level=level))
    for observable in ("t_star", "test_error") if TRAINED in windows else ():
        departure = by_departure(trained, lazy, observable)
        if departure is not None:
            onset, beta = departure
            moved = moved_at(trained, onset)
            rows.append(onset.row(observable, TRAINED, windows[TRAINED], beta=beta, moved=moved))
    return rows


PLANE = Plane(
    defaults={
        **DEFAULTS,
        "depth": (3,),
        "width": (64,),
        "P": (64, 128, 256, 512),
        "B": (4,),
        "alpha": (2.0**15,),
        "T": tuple(2.0 ** np.arange(-9, 0.1, 0.5)),
        "seeds": 12,
        "max_steps": 20_000,
        "kernel": "auto",
    },
    observables=("dw_rel", "t_star", "test_error"),
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
    packages=PACKAGES,
)
