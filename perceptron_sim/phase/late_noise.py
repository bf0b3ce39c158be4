"""When noise acts: the part of the weights that is due to T, against the weights themselves (4).

At equal time t = eta * steps the mean size W of the weights (||w||, of nets ||w - w_0||) answers
to the temperature as W(t; T) = W_0(t) + T R(t) for T up to T_c, where the end follows eq. (22) of
docs/theory.md. The time of the weights is the mean of ln t over the growth of W_0, that of noise
the mean of ln t over the growth of R. Their difference, the delay, is 0 if noise raises the
weights by the same factor at all times, and positive if it acts late. It is a property of T -> 0:
it depends on no other T, no factor and no unit of time.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import span
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import size_curves
from perceptron_sim.phase.entries import Delay, NoiseDelay
from perceptron_sim.phase.jackknife import jackknife
from perceptron_sim.phase.perceptron import OBSERVABLES, job_of, predicted, work_of
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations

_SHARED = ("chi", "d", "P", "B", "kappa")
_TIMES = 400


def _maps(options: dict[str, Any]) -> list[Map]:
    T = axis("T", options["T"])
    if len(T.values) < 2:
        raise InputError("T has one value: give at least two, up to T_c, to see what T does")
    job = partial(job_of, options, work_of(options))
    return [
        Map(shared, T, axis("kappa", (shared["kappa"],)), partial(job, **shared))
        for shared in combinations(options, _SHARED)
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.late_noise import figure_late_noise

    rows: list[NoiseDelay] = []
    for _, members in runs.groupby(list(_SHARED), sort=True):
        shared = {n: members[n].iloc[0].item() for n in _SHARED}
        expected = predicted(shared["chi"], shared["P"], shared["d"])
        T_c = math.nan if expected is None else shared["kappa"] * expected.T_c_over_kappa
        found = noise_delay(members, T_c)
        if found is not None:
            rows.append(NoiseDelay(**vars(found), **shared))
    marks = [
        row.to_json() | {"T": T, "t_sep": row.t_noise}
        for row in rows
        for T in runs["T"].unique()
        if row.T_c >= T
    ]
    return Conclusion(
        parts={"noise_delay": rows},
        tables=[delay_table(rows, (("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}")))],
        frames={"courses": pd.DataFrame(_frame(rows, runs))},
        figures={"curves": lambda: figure_late_noise(runs, marks)},
    )


def noise_delay(runs: pd.DataFrame, T_c: float) -> Delay | None:
    """Return by how much noise acts later than the weights grow.

    A temperature at which some run was not fitted is left out whole: the others are biased.

    Args:
        runs: with checkpoints, which differ only in T and seed.
        T_c: temperature up to which runs enter.

    Returns:
        The delay with its jackknife error over seeds, or None below two temperatures or two seeds
        at which all runs fitted, or where noise adds nothing to the weights at the end.
    """
    found = answers(runs, T_c)
    if found is None:
        return None
    t, T, sizes, ends = found

    def statistic(keep: list[int]) -> FloatArray:
        learned, noise = line_in_T(T, sizes[:, keep].mean(axis=1))
        end, _ = line_in_T(T, ends[:, keep].mean(axis=1, keepdims=True))
        of_noise, of_weights = mean_time(t, noise), mean_time(t, learned)
        return np.array([of_noise - of_weights, of_noise - end[0], of_noise, noise[-1]])

    delay, before_end, of_noise, at_end = jackknife(statistic, sizes.shape[1])
    if not (delay and before_end and of_noise and at_end) or at_end.ci_low <= 0.0:
        return None
    return Delay(
        **vars(delay.interval()),
        after_t_star=before_end.interval(),
        t_noise=math.exp(of_noise.value),
        T_c=T_c,
        window=f"T/T_c {span((T / T_c).tolist())}",
        n_T=len(T),
        n_seeds=sizes.shape[1],
    )


def answers(
    runs: pd.DataFrame, T_c: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray] | None:
    """Return times, temperatures up to T_c, sizes (T, seeds, times) and ln t* (T, seeds)."""
    seeds = sorted(runs["seed"].unique())
    members = [
        at.sort_values("seed")
        for T, at in runs[runs["T"] <= T_c * (1.0 + 1e-9)].groupby("T", sort=True)
        if (at["status"] == FITTED).all() and sorted(at["seed"]) == seeds
    ]
    if len(members) < 2 or len(seeds) < 2:
        return None
    first = min(float(course[1]) for at in members for course in at["checkpoint_t"])
    last = max(float(at["t_star"].max()) for at in members)
    t = np.geomspace(first, last, _TIMES)
    T = np.array([float(at["T"].iloc[0]) for at in members])
    ends = np.log([at["t_star"].to_numpy(dtype=np.float64) for at in members])
    return t, T, np.array([size_curves(at, t) for at in members]), ends


def line_in_T(T: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return intercept and slope of values (T, n) on T, each of shape (n,)."""
    centred = T - T.mean()
    slope = centred @ values / (centred @ centred)
    return values.mean(axis=0) - slope * T.mean(), slope


def mean_time(t: FloatArray, growth: FloatArray) -> float:
    """Return the mean of ln t over what grows from 0 to ``growth[-1]``."""
    log_t = np.log(t)
    middle = np.append(log_t[0], 0.5 * (log_t[1:] + log_t[:-1]))
    return float(np.sum(middle * np.diff(growth, prepend=0.0)) / growth[-1])


def _frame(rows: Sequence[NoiseDelay], runs: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the courses behind the delays: shares of the end that the weights and noise reach."""
    points = []
    for row in rows:
        shared = {name: getattr(row, name) for name in _SHARED}
        members = runs
        for name, value in shared.items():
            members = members[members[name] == value]
        found = answers(members, row.T_c)
        assert found is not None
        learned, noise = line_in_T(found[1], found[2].mean(axis=1))
        columns = zip(found[0], learned / learned[-1], noise / noise[-1], strict=True)
        points += [{**shared, "t": t, "weights": a, "noise": b} for t, a, b in columns]
    return points


def delay_table(rows: Sequence[Delay], shared: Sequence[tuple[str, str]]) -> Table:
    """Return the delays, each with what its runs share."""
    return Table.of(
        "when noise acts: later than the weights grow by a factor e^delay",
        rows,
        (
            *(*shared, ("delay", "{:.2f}"), ("ln(t_noise / t*)", "{after_t_star:.2f}")),
            *(("T_c", "{T_c:.3g}"), ("window", "{window}"), ("seeds", "{n_seeds}")),
        ),
        "t: means of ln t over the growth of the weights and of what T adds to them. Intervals: "
        "95 %, jackknife over seeds. t*: for T -> 0.",
    )


PLANE = Plane(
    defaults={
        "chi": (0.0, 1.0),
        "d": (32,),
        "P": (1024,),
        "B": (2,),
        "T": tuple(2.0 ** np.arange(-5, 6)),
        "kappa": (1.0,),
        "seeds": 24,
        "dynamics": ("sgd",),
        "kernel": "auto",
    },
    observables=OBSERVABLES,
    maps=_maps,
    conclude=_conclude,
    adaptive=False,
)
