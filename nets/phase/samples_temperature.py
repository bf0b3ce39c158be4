"""The plane of P and T: T_c(P), where the lazy regime ends (claim 3)."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.collapse import LAZY_BELOW, Grid, as_row, by_departure, by_level, grid_of
from nets.phase.model import DEFAULTS, LAZY, SHARED, TRAINED, job_of
from nets.phase.tables import onset_table
from perceptron_sim.analysis.exponents import span
from perceptron_sim.errors import InputError
from perceptron_sim.phase.perceptron import axis
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane
from perceptron_sim.scans.drive import Job

# Fractions of ||w_0||: the weights leave the lazy regime from the first to the last.
LEVELS = (0.1, 0.3, 1.0)
_KINDS = ("auto", LAZY, TRAINED)


def _maps(options: dict[str, Any]) -> list[Map]:
    if options["kernel"] not in _KINDS:
        raise InputError(
            f"kernel {options['kernel']!r} is no kind of run here: auto (both), lazy or net"
        )
    T = axis("T", options["T"])
    kinds = (LAZY, TRAINED) if options["kernel"] == "auto" else (options["kernel"],)
    maps = []
    for depth, width, B, alpha in itertools.product(
        *(options[n] for n in ("depth", "width", "B", "alpha"))
    ):
        if min(options["P"]) < B:
            raise InputError(f"P = {min(options['P'])} is smaller than B = {B}: leave it out")
        sizes = Axis("P", axis("P", options["P"]).values)
        shared = {"depth": depth, "width": width, "B": B, "alpha": alpha}
        for kind in kinds:

            def job(
                T: float,
                P: float,
                seed: int,
                shared: dict[str, Any] = shared,
                kind: str = kind,
            ) -> Job[Any]:
                return job_of(options, lazy=kind == LAZY, **shared, P=int(P), T=T, seed=seed)

            maps.append(Map({"model": kind, **shared}, T, sizes, job))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from nets.phase.onset_figure import figure_onset

    found = []
    for _, members in cells.groupby([*SHARED, "alpha"], sort=True):
        shared = {n: members[n].iloc[0].item() for n in (*SHARED, "alpha")}
        grids = {kind: grid_of(members[members["model"] == kind]) for kind in (LAZY, TRAINED)}
        entry = {**shared, "data": options["data"], "n_seeds": int(members["n_seeds"].min())}
        rows = _rows(grids[TRAINED], grids[LAZY])
        found.append(({**entry, "onsets": rows}, grids))
    nets = [entry for entry, _ in found]
    return Conclusion(
        summary={"nets": nets},
        tables=[onset_table(nets)],
        frames={
            "T_c": pd.DataFrame(
                [
                    {**{n: net[n] for n in (*SHARED, "alpha")}, "by": row["by"]}
                    | {"quantity": row["quantity"], **at}
                    for net in nets
                    for row in net["onsets"]
                    for at in row["T_c"]
                ]
            )
        },
        figures={"onset": lambda: figure_onset(found)},
    )


def _rows(trained: Grid, lazy: Grid) -> list[dict[str, Any]]:
    rows = []
    if len(trained.P):
        small = trained.logs["dw_rel"].mean(axis=1) < np.log(LAZY_BELOW)
        still_lazy = trained.part(small)
    for name, grid in ((LAZY, lazy), (TRAINED, trained)):
        if not len(grid.P):
            continue
        reference = lazy if name == LAZY else still_lazy
        window = f"P {span(grid.P.tolist())}, T {span(grid.T.tolist())}"
        for level in LEVELS:
            onset = by_level(grid, level, reference)
            if onset is not None:
                rows.append(as_row("dw_rel", name, onset, level=level, window=window))
    for observable in ("t_star", "test_error"):
        departure = by_departure(trained, lazy, observable) if len(trained.P) else None
        if departure is not None:
            onset, beta = departure
            window = f"P {span(trained.P.tolist())}, T {span(trained.T.tolist())}"
            rows.append(as_row(observable, TRAINED, onset, beta=beta, window=window))
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
)
