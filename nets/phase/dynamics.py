"""SGD of linearised nets against its cousins, all on the kernels of the same seeds."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.entries import NetDynamicsEnd
from nets.phase.model import DEFAULTS, LAZY, PACKAGES, job_of
from nets.phase.tables import NET
from perceptron_sim.drawing.panels import Chart, Panel, equations
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.dynamics import compared
from perceptron_sim.phase.entries import Paired
from perceptron_sim.phase.perceptron import batch_sizes
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations

_SHARED = ("depth", "width", "P", "alpha")
_OBSERVABLES = ("dw", "t_star", "test_error")
_SYMBOLS = {"dw": "||w - w_0||", "t_star": "t*", "test_error": "test error"}


def _maps(options: dict[str, Any]) -> list[Map]:
    if options["kernel"] != LAZY:
        raise InputError(
            f"kernel {options['kernel']!r}: the dynamics of nets are those of linearised ones, lazy"
        )
    T = axis("T", options["T"])
    return [
        Map(
            {**shared, "dynamics": label},
            *(batch_sizes(options, shared["P"]), T),
            partial(job_of, options, True, dynamics=dynamics, **shared),
            adaptive=False,
        )
        for shared in combinations(options, _SHARED)
        for label, dynamics in compared(options).items()
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    rows = [
        end
        for at, members in cells.groupby([*_SHARED, "T", "B"], sort=True)
        for end in _ends(options, dict(zip((*_SHARED, "T", "B"), at, strict=True)), members)
    ]
    return Conclusion(
        parts={"ends_of_nets": rows},
        tables=[_table(rows)],
        frames={},
        figures={"ends": lambda: _figure(cells, list(compared(options)))},
        more={"data": options["data"]},
    )


def _ends(options: dict[str, Any], at: dict[str, Any], cells: pd.DataFrame) -> list[NetDynamicsEnd]:
    """Return by how much each dynamics ends elsewhere than SGD, in logarithms.

    A dynamics of which a run was not fitted is left out: the others alone would be biased.
    """
    by_name = {row["dynamics"]: row for _, row in cells.iterrows() if row["status"] == FITTED}
    sgd = by_name.pop("SGD", None)
    if sgd is None:
        return []

    def less(row: pd.Series, name: str) -> Paired:
        return Paired.of(np.subtract(row[f"{name}_seeds"], sgd[f"{name}_seeds"]))

    at["B"] = int(at["B"])
    return [
        NetDynamicsEnd(
            **{"data": options["data"], "arch": options["arch"], **at},
            dynamics=label,
            n_seeds=int(row["n_seeds"]),
            dw=less(row, "dw"),
            t_star=less(row, "t_star"),
            test_error=less(row, "test_error"),
        )
        for label, row in by_name.items()
    ]


def _table(rows: list[NetDynamicsEnd]) -> Table:
    return Table.of(
        "end of training of linearised nets, less SGD's on the same kernels",
        rows,
        (
            *(("dynamics", "{dynamics}"), *NET, ("T", "{T:.3g}")),
            *(("ln ||w - w0||", "{dw}"), ("ln t*", "{t_star}"), ("ln error", "{test_error}")),
        ),
        "95 % intervals over seeds. At B = P the SDE is gradient descent in steps of T.",
    )


def _figure(cells: pd.DataFrame, labels: list[str]) -> Chart:
    """Chart ||w - w_0||, t* and test error at the end against B, for the first net and T."""
    from perceptron_sim.phase.figures.dynamics import end_series

    first = cells.iloc[0]
    for name in (*_SHARED, "T"):
        cells = cells[cells[name] == first[name]]
    panels = [
        Panel("", "batch size B", f"{symbol} at the end", end_series(cells, labels, name))
        for name, symbol in _SYMBOLS.items()
    ]
    said = {"L": first["depth"], "h": first["width"], "P": first["P"]}
    said |= {"alpha": first["alpha"], "T": first["T"]}
    title = [*equations(said), "bars: 95 % intervals"]
    return Chart([panels], title, "above", columns=3, width=3.6, height=2.9)


PLANE = Plane(
    defaults={
        **DEFAULTS,
        "depth": (3,),
        "width": (32,),
        "P": (256,),
        "B": (1, 4, 16, 64, 256),
        "alpha": (2.0**15,),
        "T": (2.0**-7,),
        "seeds": 8,
        "max_steps": 100_000,
        "dynamics": ("shuffled", "sde", "sde-uncentred", "poisson"),
        "kernel": LAZY,
    },
    observables=_OBSERVABLES,
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
    packages=PACKAGES,
)
