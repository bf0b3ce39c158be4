"""SGD beside its cousins at one T: shuffled epochs, the SDE, gradient descent (claim 6).

All run on the same data, seed by seed, so that differences are paired. The SDE depends on T
alone but for the factor (P - B)/(P - 1), which leaves gradient descent at B = P.
"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.intervals import half_width
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import DYNAMICS
from perceptron_sim.phase.perceptron import (
    axis,
    limits,
    predicted,
)
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane, Table
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import SDE_STEPS
from perceptron_sim.scans.drive import Job
from perceptron_sim.scans.scan import PerceptronWork
from perceptron_sim.theory.flow import flow_to_show

# Numbers of unfitted samples, in units of d, at which courses are compared.
LEVELS = (30.0, 10.0, 5.0, 3.0, 2.0, 1.0)
_SHARED = ("chi", "d", "P", "kappa")


def kernels_of(options: dict[str, Any]) -> dict[str, str]:
    """Return the kernel of each dynamics.

    Raises:
        InputError: if the kernel that was asked for is none of the SDE's.
    """
    chosen = options["kernel"]
    if chosen not in SDE_STEPS:
        raise InputError(
            f"kernel {chosen!r} is no SDE: choose one of {', '.join(SDE_STEPS)} (steps of T/N)"
        )
    return DYNAMICS | {"SDE": chosen}


def _maps(options: dict[str, Any]) -> list[Map]:
    sizes, T = axis("B", options["B"]), axis("T", options["T"])
    maps = []
    for values in itertools.product(*(options[n] for n in _SHARED)):
        shared = dict(zip(_SHARED, values, strict=True))
        possible = tuple(B for B in sizes.values if shared["P"] >= B)
        if not possible:
            raise InputError(f"B: no batch size up to P = {shared['P']}: add smaller ones")
        for name, kernel in kernels_of(options).items():
            work = PerceptronWork(kernel)

            def job(
                B: float,
                T: float,
                seed: int,
                shared: dict[str, Any] = shared,
                work: PerceptronWork = work,
            ) -> Job[Any]:
                config = PerceptronConfig(**shared, B=int(B), T=T, seed=seed, **limits(options))
                return Job(work, config)

            maps.append(Map({**shared, "dynamics": name}, Axis("B", possible), T, job))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.dynamics import figure_dynamics

    kernels = kernels_of(options)
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
        courses.extend(_courses({**shared, "B": smallest}, at_smallest, kernels))
    course_frame = pd.DataFrame(courses)
    return Conclusion(
        summary={"ends": rows, "courses": courses},
        tables=[_end_table(rows), _course_table(courses)],
        frames={"courses": course_frame},
        figures={"ends": lambda: figure_dynamics(cells, runs, kernels)},
    )


def _ends(shared: dict[str, Any], cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Return by how much each dynamics ends elsewhere than SGD, in ln ||w||, ln t*, ln test error.

    ``P_n_over_d``: P/d times the test error at the end, eq. (21) of docs/theory.md, of the dynamics
    and of SGD.
    """
    by_name = {row["dynamics"]: row for _, row in cells.iterrows() if row["status"] == FITTED}
    if "SGD" not in by_name:
        return []
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    found = []
    for name, row in by_name.items():
        if name == "SGD":
            continue
        entry: dict[str, Any] = {
            **shared,
            "B_over_B_star": None if expected is None else shared["B"] / expected.B_star,
            "dynamics": name,
            "n_seeds": int(row["n_seeds"]),
        }
        for quantity in ("w_norm", "t_star", "test_error"):
            ours, theirs = (np.array(r[f"{quantity}_seeds"]) for r in (row, by_name["SGD"]))
            entry[quantity] = _paired(ours - theirs)
        entry["P_n_over_d"] = {
            which: shared["P"] / shared["d"] * math.exp(float(np.mean(r["test_error_seeds"])))
            for which, r in (("measured", row), ("of_SGD", by_name["SGD"]))
        }
        found.append(entry)
    return found


def _courses(
    shared: dict[str, Any], runs: pd.DataFrame, kernels: dict[str, str]
) -> list[dict[str, Any]]:
    """Return ln ||w|| and ln n of each dynamics, less SGD's, at equal times on the way.

    Times are those at which fresh samples would leave so many of P unfitted; eq. (11) of
    docs/theory.md. ``ended``: fraction of the runs, of the dynamics, that are over by then.
    """
    found: list[dict[str, Any]] = []
    tables = {
        name: runs[(runs["kernel"] == kernel) & (runs["status"] == FITTED)].sort_values("seed")
        for name, kernel in kernels.items()
    }
    if any(len(table) < 2 for table in tables.values()):
        return found
    latest = float(tables["SGD"]["t_star"].max())
    t = np.geomspace(shared["T"] * shared["B"], 1e3 * latest, 400)
    flow = flow_to_show(t, **{n: shared[n] for n in ("chi", "d", "T", "kappa", "B")})
    if flow is None:
        return found
    for level in LEVELS:
        share = level * shared["d"] / shared["P"]
        if not flow.unfitted[-1] < share < 0.5:
            continue
        at = float(np.exp(np.interp(-math.log(share), -np.log(flow.unfitted), np.log(t))))
        values = {name: _at_time(table, at) for name, table in tables.items()}
        for name in DYNAMICS:
            if name != "SGD" and len(values[name]) == len(values["SGD"]):
                difference = values[name] - values["SGD"]
                found.append(
                    {
                        **shared,
                        "dynamics": name,
                        "unfitted_over_d": level,
                        "t": at,
                        "w_norm": _paired(difference[:, 0]),
                        "unfitted": _paired(difference[:, 1]),
                        "ended": float(np.mean(tables[name]["t_star"] <= at)),
                    }
                )
    return found


def _at_time(runs: pd.DataFrame, t: float) -> FloatArray:
    """Return (ln ||w||, ln n) of every run at time ``t``, shape (runs, 2); n at least half of 1/P.

    Linear interpolation in logarithms between checkpoints; nothing changes after the end.
    """
    rows = []
    for _, run in runs.iterrows():
        # The start, at t = 0, has no logarithm.
        log_t = np.log(run["checkpoint_t"][1:])
        w = np.hypot(run["checkpoint_w1"][1:], run["checkpoint_w_perp"][1:])
        n = np.maximum(run["checkpoint_unfitted"][1:], 0.5 / run["P"])
        rows.append([float(np.interp(math.log(t), log_t, np.log(v))) for v in (w, n)])
    return np.array(rows)


def _paired(differences: FloatArray) -> dict[str, float | None]:
    """Return mean and 95 % interval of paired differences; a single one has no interval."""
    mean = float(np.mean(differences))
    if len(differences) < 2:
        return {"measured": mean, "ci_low": None, "ci_high": None}
    half = half_width(differences)
    return {"measured": mean, "ci_low": mean - half, "ci_high": mean + half}


def _text(entry: dict[str, Any]) -> str:
    if entry["ci_low"] is None:
        return f"{entry['measured']:+.3f} +- ?"
    half = 0.5 * (entry["ci_high"] - entry["ci_low"])
    return f"{entry['measured']:+.3f} +- {half:.3f}"


def _end_table(rows: list[dict[str, Any]]) -> Table:
    return Table(
        "end of training, less SGD's on the same data",
        ("dynamics", "chi", "d", "P", "B", "B/B*", "ln ||w||", "ln t*", "ln n", "P n/d"),
        [
            [
                *(row["dynamics"], f"{row['chi']:g}", str(row["d"]), str(row["P"]), str(row["B"])),
                "-" if row["B_over_B_star"] is None else f"{row['B_over_B_star']:.2g}",
                *(_text(row[name]) for name in ("w_norm", "t_star", "test_error")),
                f"{row['P_n_over_d']['measured']:.3g}",
            ]
            for row in rows
        ],
        "95 % intervals over seeds. SDE: t of the Euler-Maruyama solution; B* as predicted; n: "
        "test error at the end.",
    )


def _course_table(courses: list[dict[str, Any]]) -> Table:
    return Table(
        "on the way, at the smallest B: less SGD's at equal times",
        ("dynamics", "chi", "d", "P", "unfitted / d", "t", "ln ||w||", "ln unfitted", "over"),
        [
            [
                *(row["dynamics"], f"{row['chi']:g}", str(row["d"]), str(row["P"])),
                *(f"{row['unfitted_over_d']:g}", f"{row['t']:.3g}"),
                *(_text(row["w_norm"]), _text(row["unfitted"]), f"{100 * row['ended']:.0f} %"),
            ]
            for row in courses
        ],
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
        "kernel": "sde",
    },
    observables=("w_norm", "t_star", "test_error"),
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
)
