"""SGD against its cousins at one T: shuffled epochs, SDEs, Poisson hits, gradient descent.

All run on the same data, seed by seed, so that differences are paired. The SDE depends on T
alone but for the factor (P - B)/(P - 1), which leaves gradient descent at B = P. Poisson hits have
the mean and the covariance of the uncentred SDE, and jumps: they tell the two apart.
"""

import math
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import LABELS
from perceptron_sim.phase.entries import DynamicsCourse, DynamicsEnd, EndRatio, LoadAtEnd, Paired
from perceptron_sim.phase.perceptron import OBSERVABLES, batch_sizes, job_of, predicted, work_of
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations
from perceptron_sim.theory.flow import flow_to_show

# Numbers of unfitted samples, in units of d, at which courses are compared.
LEVELS = (30.0, 10.0, 5.0, 3.0, 2.0, 1.0)
_SHARED = ("chi", "d", "P", "kappa")


def compared(options: dict[str, Any]) -> dict[str, str]:
    """Return the dynamics that were asked for by their labels, SGD first.

    Raises:
        InputError: if none was asked for but SGD.
    """
    chosen = dict.fromkeys(("sgd", *options["dynamics"]))
    if len(chosen) < 2:
        raise InputError("dynamics: there is nothing to compare SGD with: name another --dynamics")
    return {LABELS[name]: name for name in chosen}


def _maps(options: dict[str, Any]) -> list[Map]:
    axis("B", options["B"])
    T = axis("T", options["T"])
    return [
        Map(
            {**shared, "dynamics": name},
            *(batch_sizes(options, shared["P"]), T),
            partial(job_of, options, work_of(options, dynamics=dynamics), **shared),
        )
        for shared in combinations(options, _SHARED)
        for name, dynamics in compared(options).items()
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.dynamics import figure_dynamics

    named = compared(options)
    rows, courses = [], []
    keys = [*_SHARED, "T"]
    for _, members in cells.groupby(keys, sort=True):
        shared = {n: members[n].iloc[0].item() for n in keys}
        for B, at in members.groupby("B", sort=True):
            rows.extend(_ends({**shared, "B": int(float(str(B)))}, at))
        alike = runs
        for name in keys:
            alike = alike[alike[name] == shared[name]]
        smallest = int(members["B"].min())
        at_smallest = alike[alike["B"] == smallest]
        courses.extend(_courses({**shared, "B": smallest}, at_smallest, named))
    return Conclusion(
        parts={"ends": rows, "courses": courses},
        tables=[_end_table(rows), _course_table(courses)],
        frames={"courses": pd.DataFrame([course.to_json() for course in courses])},
        figures={"ends": lambda: figure_dynamics(cells, runs, named)},
    )


def _ends(shared: dict[str, Any], cells: pd.DataFrame) -> list[DynamicsEnd]:
    """Return by how much each dynamics ends elsewhere than SGD, in ln ||w||, ln t*, ln test error.

    A dynamics of which a run was not fitted is left out: the others alone would be biased.
    """
    by_name = {row["dynamics"]: row for _, row in cells.iterrows() if row["status"] == FITTED}
    sgd = by_name.pop("SGD", None)
    if sgd is None:
        return []
    expected = predicted(shared["chi"], shared["P"], shared["d"])

    def less(row: pd.Series, quantity: str) -> Paired:
        return Paired.of(np.subtract(row[f"{quantity}_seeds"], sgd[f"{quantity}_seeds"]))

    def load(row: pd.Series) -> float:
        mean = math.exp(float(np.mean(row["test_error_seeds"])))
        return float(shared["P"] / shared["d"] * mean)

    return [
        DynamicsEnd(
            **shared,
            B_over_B_star=shared["B"] / expected.B_star if expected else None,
            dynamics=name,
            n_seeds=int(row["n_seeds"]),
            P_n_over_d=LoadAtEnd(load(row), load(sgd)),
            w_norm=less(row, "w_norm"),
            t_star=less(row, "t_star"),
            test_error=less(row, "test_error"),
        )
        for name, row in by_name.items()
    ]


def _courses(
    shared: dict[str, Any], runs: pd.DataFrame, named: dict[str, str]
) -> list[DynamicsCourse]:
    """Return ln ||w|| and ln n of each dynamics, less SGD's, at equal times on the way.

    Times are those at which fresh samples would leave so many of P unfitted; eq. (11) of
    docs/theory.md. ``ended``: fraction of the runs, of the dynamics, that are over by then.
    """
    tables = {label: runs[runs["dynamics"] == name] for label, name in named.items()}
    # Runs are paired by seed, and those that fitted alone would be biased.
    whole = {
        name: table.sort_values("seed")
        for name, table in tables.items()
        if len(table) >= 2 and (table["status"] == FITTED).all()
    }
    sgd = whole.pop("SGD", None)
    if sgd is None:
        return []
    t = np.geomspace(shared["T"] * shared["B"], 1e3 * float(sgd["t_star"].max()), 400)
    flow = flow_to_show(t, **{n: shared[n] for n in ("chi", "d", "T", "kappa", "B")})
    found: list[DynamicsCourse] = []
    for level in LEVELS:
        share = level * shared["d"] / shared["P"]
        if flow is None or not flow.unfitted[-1] < share < 0.5:
            continue
        at = float(np.exp(np.interp(-math.log(share), -np.log(flow.unfitted), np.log(t))))
        for name, table in whole.items():
            if list(table["seed"]) == list(sgd["seed"]):
                w_norm, unfitted = (_at_time(table, at) - _at_time(sgd, at)).T
                if np.any(np.isnan(w_norm)):
                    # Of Poisson hits there may be none yet.
                    continue
                ended = float(np.mean(table["t_star"] <= at))
                pairs = Paired.of(w_norm), Paired.of(unfitted)
                found.append(
                    DynamicsCourse(
                        **shared,
                        dynamics=name,
                        unfitted_over_d=level,
                        t=at,
                        w_norm=pairs[0],
                        unfitted=pairs[1],
                        ended=ended,
                    )
                )
    return found


def _at_time(runs: pd.DataFrame, t: float) -> FloatArray:
    """Return (ln ||w||, ln n) of every run at time ``t``, shape (runs, 2); n at least half of 1/P.

    Linear interpolation in logarithms between checkpoints; nothing changes after the end. NaN
    before the first hit.
    """
    rows = []
    for _, run in runs.iterrows():
        w = np.hypot(run["checkpoint_w1"], run["checkpoint_w_perp"])
        moved = w > 0.0
        log_t, w = np.log(run["checkpoint_t"][moved]), w[moved]
        n = np.maximum(run["checkpoint_unfitted"][moved], 0.5 / run["P"])
        at = math.log(t)
        rows.append([float(np.interp(at, log_t, np.log(v), left=math.nan)) for v in (w, n)])
    return np.array(rows)


def end_ratios(ends: Iterable[DynamicsEnd]) -> list[EndRatio]:
    """Return how many times SGD's the end of each dynamics is, in ||w||, t* and test error.

    Geometric means over seeds of the ratios on the same data, with 95 % intervals (Student t).
    """
    found = []
    for end in ends:
        where = {name: getattr(end, name) for name in ("dynamics", *_SHARED, "T", "B", "n_seeds")}
        for quantity in OBSERVABLES:
            logs: Paired = getattr(end, quantity)
            if logs.ci_low is not None and logs.ci_high is not None:
                low, middle, high = map(math.exp, (logs.ci_low, logs.measured, logs.ci_high))
                found.append(EndRatio(middle, low, high, quantity=quantity, **where))
    return found


_RUNS = (("dynamics", "{dynamics}"), ("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}"))


def _end_table(rows: list[DynamicsEnd]) -> Table:
    return Table.of(
        "end of training, less SGD's on the same data",
        rows,
        (
            *(*_RUNS, ("B", "{B}"), ("B/B*", "{B_over_B_star:.2g}")),
            *(("ln ||w||", "{w_norm}"), ("ln t*", "{t_star}"), ("ln n", "{test_error}")),
            ("P n/d", "{P_n_over_d.measured:.3g}"),
        ),
        "95 % intervals over seeds. SDE: t of the Euler-Maruyama solution; B* as predicted; n: "
        "test error at the end.",
    )


def _course_table(courses: list[DynamicsCourse]) -> Table:
    return Table.of(
        "on the way, at the smallest B: less SGD's at equal times",
        courses,
        (
            *(*_RUNS, ("unfitted / d", "{unfitted_over_d:g}"), ("t", "{t:.3g}")),
            *(("ln ||w||", "{w_norm}"), ("ln unfitted", "{unfitted}"), ("over", "{ended:.0%}")),
        ),
        "unfitted / d: how many samples fresh ones would leave unfitted at that time; over: runs "
        "that have ended by then.",
    )


PLANE = Plane(
    defaults={
        "chi": (1.0,),
        "d": (16,),
        "P": (1024,),
        "B": tuple(2 ** np.arange(11).astype(int)),
        "T": (1.0,),
        "kappa": (2.0**-7,),
        "seeds": 12,
        "dynamics": ("shuffled", "sde", "sde-uncentred", "poisson"),
        "kernel": "auto",
    },
    observables=OBSERVABLES,
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
)
