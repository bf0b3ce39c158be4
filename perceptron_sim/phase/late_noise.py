"""When noise begins to matter: training curves at several T that collapse, then separate (4).

Curves of the training loss at equal time t = eta * steps are compared with the coldest one. They
separate where their ratio leaves a factor for good; that time is given in units of t* of the
coldest, with the bootstrap over seeds of both for its error. Medians over
seeds are compared: late means are those of the last run alone.
"""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import span
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.courses import loss_curves
from perceptron_sim.phase.entries import Late, Separation
from perceptron_sim.phase.perceptron import OBSERVABLES, job_of, predicted, work_of
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations

# Curves are apart when the ratio of their losses is beyond this factor.
FACTOR = 2.0
_SHARED = ("chi", "d", "P", "B", "kappa")
_TIMES = 300
_RESAMPLES = 400


def _maps(options: dict[str, Any]) -> list[Map]:
    T = axis("T", options["T"])
    if len(T.values) < 2:
        raise InputError("T has one value: give the coldest and at least one to compare with it")
    job = partial(job_of, options, work_of(options))
    return [
        Map(shared, T, axis("kappa", (shared["kappa"],)), partial(job, **shared))
        for shared in combinations(options, _SHARED)
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.late_noise import figure_late_noise

    rows: list[Separation] = []
    headlines: list[Late] = []
    for _, members in runs[runs["status"] == FITTED].groupby(list(_SHARED), sort=True):
        shared = {n: members[n].iloc[0].item() for n in _SHARED}
        found, headline = separations(members, shared)
        rows.extend(found)
        headlines.extend([headline] if headline else [])
    entries = [row.to_json() for row in rows]
    return Conclusion(
        parts={"separations": rows, "late": headlines},
        tables=[_table(rows), _headline_table(headlines)],
        frames={"separations": pd.DataFrame(entries)},
        figures={"curves": lambda: figure_late_noise(runs, entries)},
    )


def separations(runs: pd.DataFrame, shared: dict[str, Any]) -> tuple[list[Separation], Late | None]:
    """Return when each T separates from the coldest, and the mean over T up to half of T_c.

    Args:
        runs: fitted runs with checkpoints, alike but for T and seed.
        shared: the parameters they share.

    Returns:
        A row for each T but the coldest, with t_sep over t* of the coldest; and the geometric mean
        of that ratio over 2 T <= T_c (as predicted), or None where there is none.
    """
    by_T = {float(str(T)): members for T, members in runs.groupby("T", sort=True)}
    coldest = min(by_T, default=math.nan)
    if len(by_T) < 2 or any(len(members) < 2 for members in by_T.values()):
        return [], None
    latest = max(float(members["t_star"].max()) for members in by_T.values())
    ends = np.log(by_T[coldest]["t_star"].to_numpy(dtype=np.float64))
    rng = np.random.default_rng(0)
    # One resampling of the coldest serves all T, so that their errors are correlated as they are.
    picks = [None, *(rng.integers(len(ends), size=len(ends)) for _ in range(_RESAMPLES))]
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    T_c = shared["kappa"] * expected.T_c_over_kappa if expected is not None else math.nan
    rows, ratios = [], {}
    for T, members in by_T.items():
        if math.isclose(T, coldest):
            continue
        # From the first step on; before it there is nothing to compare.
        t = np.geomspace(T * shared["B"], latest, _TIMES)
        losses, colds = loss_curves(members, t), loss_curves(by_T[coldest], t)
        found = []
        for i, pick in enumerate(picks):
            own = losses if i == 0 else losses[rng.integers(len(losses), size=len(losses))]
            cold = colds if pick is None else colds[pick]
            end = ends if pick is None else ends[pick]
            typical = np.median(own, axis=0), np.median(cold, axis=0)
            found.append(separation(t, *typical) - float(np.median(end)))
        ratios[T] = np.array(found)
        t_sep = math.exp(found[0] + float(np.median(ends)))
        own, cold = np.median(losses, axis=0), np.median(colds, axis=0)
        # Rounding may put the first time apart, where a loss may be 0, before t_sep.
        together = (t < t_sep) & (own > 0.0) & (cold > 0.0)
        apart = np.log(own[together] / cold[together])
        rows.append(
            Separation(
                *_interval(ratios[T]),
                **shared,
                T=T,
                T_coldest=coldest,
                T_over_T_c=None if expected is None else T / T_c,
                n_seeds=len(losses),
                n_seeds_coldest=len(ends),
                t_sep=t_sep,
                decades_together=float(np.log10(t_sep / t[0])),
                rms_before=float(np.sqrt(np.mean(apart**2))) if len(apart) else None,
            )
        )
    mild = [T for T in ratios if T / T_c <= 0.5]
    if not mild:
        return rows, None
    window = f"T/kappa {span([T / shared['kappa'] for T in mild])}"
    return rows, Late(
        *_interval(np.mean([ratios[T] for T in mild], axis=0)),
        **shared,
        quantity="t_sep / t* of the coldest",
        factor=FACTOR,
        window=f"{window} against {coldest / shared['kappa']:.4g}",
        n_T=len(mild),
        n_seeds=min(min(row.n_seeds, row.n_seeds_coldest) for row in rows),
    )


def separation(t: FloatArray, loss: FloatArray, coldest: FloatArray) -> float:
    """Return ln of the time from which two curves stay apart by more than ``FACTOR``.

    The last time of ``t`` if they never do. Once the coldest is at 0 they are apart.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.abs(np.log(loss / coldest)) > math.log(FACTOR)
    # Both at 0 (NaN) compares as together; that is no reunion.
    apart |= (loss <= 0.0) | (coldest <= 0.0)
    together = np.flatnonzero(~apart)
    last = int(together[-1]) if len(together) else 0
    return float(np.log(t[min(last + 1, len(t) - 1)])) if len(together) else float(np.log(t[0]))


def _interval(logs: FloatArray) -> tuple[float, float, float]:
    """Return exp of the first, and of the 2.5 and 97.5 % quantiles of the others."""
    low, high = np.quantile(logs[1:], (0.025, 0.975))
    return math.exp(logs[0]), math.exp(low), math.exp(high)


def _table(rows: list[Separation]) -> Table:
    return Table.of(
        f"when the training loss at T separates by a factor {FACTOR:g} from the coldest",
        rows,
        (
            *(("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}"), ("T", "{T:.4g}")),
            *(("T/T_c", "{T_over_T_c:.2g}"), ("t_sep / t*", "{:.3g}")),
            ("decades together", "{decades_together:.1f}"),
        ),
    )


def _headline_table(headlines: list[Late]) -> Table:
    return Table.of(
        "late noise: geometric mean of t_sep / t* over T up to half of T_c",
        headlines,
        (
            *(("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}"), ("t_sep / t*", "{:.3g}")),
            ("window", "{window}"),
        ),
        "t*: median of the coldest. Before t_sep the curves are one within the factor.",
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
