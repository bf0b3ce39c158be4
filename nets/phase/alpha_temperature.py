"""The plane of alpha and T: lazy and feature learning, T_opt and T_max (claims 1 and 2)."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from nets.phase.crossings import crossing_of, fitted_stretch, optimum, table_of
from nets.phase.jackknife import Measured, line
from nets.phase.lazy_law import boundary_T, corner, fit_lazy_law
from nets.phase.model import DEFAULTS, LAZY, SHARED, TRAINED, job_of
from nets.phase.tables import boundary_table, exponent_table, opposition_table
from perceptron_sim.analysis.exponents import span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import axis
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane
from perceptron_sim.scans.drive import Job

# The lazy regime ends where the weights have moved by this fraction of ||w_0||.
LAZY_LEVEL = 0.1
# T/kappa of the runs that predict this boundary: T_c lies inside.
_LAZY_TAU = tuple(2.0 ** np.arange(-8, 11, 2))
# Power laws in alpha are those of alpha -> 0: sought at this fraction of the lazy boundary.
_FEATURE = 1.0 / 16.0
# What counts as far from the lazy boundary, and how far beyond it slopes of the test error reach.
_FAR, _ACROSS = 4.0, 64.0


def _maps(options: dict[str, Any]) -> list[Map]:
    alpha, T = axis("alpha", options["alpha"]), axis("T", options["T"])
    maps = []
    for depth, width, P, B in itertools.product(
        *(options[n] for n in ("depth", "width", "P", "B"))
    ):
        shared = {"depth": depth, "width": width, "P": P, "B": B}

        def job(
            alpha: float,
            T: float,
            seed: int,
            shared: dict[str, Any] = shared,
        ) -> Job[Any]:
            return job_of(options, lazy=False, **shared, alpha=alpha, T=T, seed=seed)

        def linearised(
            alpha: float,
            T: float,
            seed: int,
            shared: dict[str, Any] = shared,
        ) -> Job[Any]:
            return job_of(options, lazy=True, **shared, alpha=alpha, T=T, seed=seed)

        at_one = Axis("alpha", (1.0,)), Axis("T", _LAZY_TAU)
        maps.append(Map({"model": LAZY, **shared}, *at_one, linearised, adaptive=False))
        maps.append(Map({"model": TRAINED, **shared}, alpha, T, job))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from nets.phase.figures import figure_alpha_T

    found = []
    for _, members in cells.groupby([*SHARED, "P"], sort=True):
        shared = {n: members[n].iloc[0].item() for n in (*SHARED, "P")}
        trained = members[members["model"] == TRAINED]
        if len(trained):
            law = fit_lazy_law(members[members["model"] == LAZY])
            found.append({**shared, **_regimes(trained, law, shared["depth"])})
    shown = [{**row} for row in found]
    for row in found:
        del row["law"], row["predicted_boundary"]
    return Conclusion(
        summary={"data": options["data"], "lazy_level": LAZY_LEVEL, "regimes": found},
        tables=[exponent_table(found), boundary_table(found, LAZY_LEVEL), opposition_table(found)],
        frames={name: _frame(shown, name) for name in ("rows", "boundary")},
        figures={"map": lambda: figure_alpha_T(cells, shown, observable, options)},
    )


def _frame(found: list[dict[str, Any]], name: str) -> pd.DataFrame:
    return pd.DataFrame(
        [{n: row[n] for n in (*SHARED, "P")} | entry for row in found for entry in row[name]]
    )


def _regimes(cells: pd.DataFrame, law: LawFit | None, depth: int) -> dict[str, Any]:
    """Return what the cells of one net say."""
    rows = [_row(at.sort_values("T")) for _, at in cells.groupby("alpha", sort=True)]
    boundary = _boundary(cells)
    expected = None if law is None else corner(law, LAZY_LEVEL)
    measured = {
        "T": _middle(boundary, "T", expected),
        "alpha": _middle(boundary, "alpha", expected),
    }
    ends = dict(zip(("T", "alpha"), expected or (None, None), strict=True))
    ends |= {name: found["value"] for name, found in measured.items() if found is not None}
    T_lazy, alpha_lazy = ends["T"], ends["alpha"]
    theory = (depth - 1) / (depth + 1)
    below = [r for r in rows if alpha_lazy and r["alpha"] <= _FEATURE * alpha_lazy]
    return {
        "window_T": f"T {span(cells['T'].tolist())}",
        "n_seeds": int(cells["n_seeds"].min()),
        "status": {str(k): int(v) for k, v in cells["status"].value_counts().items()},
        "k_predicted": theory,
        "k_of_T_opt": _exponent(below, "T_opt", theory),
        "k_of_T_max": _exponent(below, "T_max", theory),
        "lazy_boundary": {
            "T_at_large_alpha": measured["T"],
            "alpha_at_small_T": measured["alpha"],
            "T_predicted": None if expected is None else expected[0],
            "alpha_predicted": None if expected is None else expected[1],
        },
        "opposition": _opposition(cells, alpha_lazy, T_lazy),
        "rows": rows,
        "boundary": boundary,
        "law": law,
        "predicted_boundary": _predicted(law, cells),
    }


def _row(row: pd.DataFrame) -> dict[str, Any]:
    """Return T_max and T_opt of a row of cells at one alpha."""
    stretch, after = fitted_stretch(row)
    best = optimum(stretch)
    bracketed = len(stretch) > 0 and math.isfinite(after)
    hottest = float(row.loc[row["T"] < after, "T"].iloc[-1]) if bracketed else math.nan
    entry: dict[str, Any] = {
        "alpha": float(row["alpha"].iloc[0]),
        "T_max": math.sqrt(hottest * after) if bracketed else None,
        "T_max_fits": hottest if bracketed else None,
        "T_max_fails": after if bracketed else None,
        "fails_as": str(row.loc[row["T"] == after, "status"].iloc[0]) if bracketed else None,
    }
    names = ("value", "ci_low", "ci_high", "error")
    of_best = None if best is None else best.log_T.of_exp()
    entry |= {
        f"T_opt{'' if name == 'value' else '_' + name}": of_best and of_best[name] for name in names
    }
    partly = int((stretch["n_fitted"] < stretch["n_seeds"]).sum())
    at_edge = None if best is None else best.at_edge
    return {**entry, "T_opt_at_T_max": at_edge, "cells_partly_fitted": partly}


def _exponent(rows: list[dict[str, Any]], name: str, theory: float) -> dict[str, Any] | None:
    """Fit ``name`` ~ alpha^k, all rows alike, the error from their scatter.

    ``systematic``: the largest shift on leaving out a third of the rows at either end.
    """
    some = [row for row in rows if row[name] is not None]
    logs = [(math.log(r["alpha"]), math.log(r[name])) for r in some]
    # A step of the lattice in T leaves ln T_max anywhere within it, and T_opt no better known.
    steps = [math.log(r["T_max_fails"] / r["T_max_fits"]) for r in some if r["T_max"] is not None]
    blur = max(steps, default=0.0) / math.sqrt(12.0)
    x, y = [point[0] for point in logs], [point[1] for point in logs]
    found = line(x, y, blur)
    if found is None:
        return None
    third = max(1, len(logs) // 3)
    parts = [line(x[third:], y[third:]), line(x[:-third], y[:-third])]
    shifts = [abs(part.value - found.value) for part in parts if part is not None]
    return {
        "measured": found.value,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "window": f"alpha {span([r['alpha'] for r in some])}",
        "systematic": max(shifts, default=None),
        "n_points": len(some),
        "n_at_T_max": sum(bool(r["T_opt_at_T_max"]) for r in some),
        "agrees": found.ci_low <= theory <= found.ci_high,
    }


def _boundary(cells: pd.DataFrame) -> list[dict[str, Any]]:
    """Return where ||w - w_0|| / ||w_0|| passes the level, along T and along 1/alpha."""
    fitted = cells[cells["status"] == FITTED]
    found = []
    for along, fixed, rising in (("T", "alpha", True), ("alpha", "T", False)):
        for value, members in fitted.groupby(fixed, sort=True):
            at = crossing_of(
                members.sort_values(along, ascending=rising), along, "dw_rel", LAZY_LEVEL
            )
            if at is not None:
                found.append({"along": along, fixed: float(str(value)), **_point(along, at)})
    return found


def _point(along: str, at: Measured) -> dict[str, Any]:
    one = at.of_exp()
    names = {"ci_low": f"{along}_ci_low", "ci_high": f"{along}_ci_high", "error": "error"}
    return {along: one["value"], **{new: one[old] for old, new in names.items()}}


def _middle(
    boundary: list[dict[str, Any]], along: str, expected: tuple[float, float] | None
) -> dict[str, Any] | None:
    """Return T of the boundary for alpha -> infinity, or alpha of it for T -> 0: a mean.

    Of the crossings four times and more beyond the predicted corner; of the outermost four
    without a prediction.
    """
    fixed = "alpha" if along == "T" else "T"
    some = sorted((p for p in boundary if p["along"] == along), key=lambda p: p[fixed])
    outer = some[-4:] if along == "T" else some[:4]
    if expected is not None:
        T_b, alpha_b = expected
        outer = [
            p
            for p in some
            if (p["alpha"] >= _FAR * alpha_b if along == "T" else p["T"] <= T_b / _FAR)
        ]
    if len(outer) < 2:
        return None
    logs = np.log([p[along] for p in outer])
    own = math.sqrt(sum(p["error"] ** 2 for p in outer)) / len(outer)
    error = max(own, float(np.std(logs, ddof=1)) / math.sqrt(len(outer)))
    half = 1.96 * error
    centre = float(np.mean(logs))
    return {
        **{n: math.exp(v) for n, v in _ends(centre, half).items()},
        "error": error,
        "n_points": len(outer),
        "window": f"{fixed} {span([p[fixed] for p in outer])}",
    }


def _ends(centre: float, half: float) -> dict[str, float]:
    return {"value": centre, "ci_low": centre - half, "ci_high": centre + half}


def _predicted(law: LawFit | None, cells: pd.DataFrame) -> list[tuple[float, float]]:
    if law is None:
        return []
    # Down to the alpha at which the plateau alone reaches the level.
    least = max(float(cells["alpha"].min()), law.plateau.value / LAZY_LEVEL)
    alphas = np.geomspace(least * 1.0001, float(cells["alpha"].max()), 200)
    points = [(float(a), boundary_T(law, float(a), LAZY_LEVEL)) for a in alphas]
    low, high = float(cells["T"].min()), float(cells["T"].max())
    return [(a, T) for a, T in points if low <= T <= high]


def _opposition(
    cells: pd.DataFrame, alpha_lazy: float | None, T_lazy: float | None
) -> dict[str, Any] | None:
    """Compare what leaving the lazy regime by raising T and by lowering alpha does to the error.

    raise_T: d ln(test error) / d ln T at fixed alpha, four times and more above the lazy
    boundary, over fitted T from 1/4 of the boundary to 64 times it. lower_alpha: -d ln(test
    error) / d ln alpha at fixed T, four times and more below the boundary, over alpha from 4
    times the boundary down to 1/64 of it.
    """
    if not alpha_lazy or not T_lazy:
        return None
    fitted = cells[cells["status"] == FITTED]
    T, alpha = fitted["T"] / T_lazy, fitted["alpha"] / alpha_lazy
    by_T = fitted[(alpha >= _FAR) & T.between(1.0 / _FAR, _ACROSS)]
    by_alpha = fitted[(T <= 1.0 / _FAR) & alpha.between(1.0 / _ACROSS, _FAR)]
    found: dict[str, Any] = {
        "raise_T": _slope(by_T, "T", "alpha", 1.0),
        "lower_alpha": _slope(by_alpha, "alpha", "T", -1.0),
    }
    signs = []
    for slope in found.values():
        if slope is None or slope["ci_low"] <= 0.0 <= slope["ci_high"]:
            return {**found, "verdict": "undecided"}
        signs.append(slope["measured"] > 0.0)
    return {**found, "verdict": "alike" if signs[0] == signs[1] else "opposite"}


def _slope(cells: pd.DataFrame, on: str, fixed: str, sign: float) -> dict[str, Any] | None:
    if len(cells) == 0:
        return None
    x = cells[on].to_numpy(dtype=np.float64) ** sign
    fit = fit_power_law(x.tolist(), list(table_of(cells, "test_error")), cells[fixed].tolist())
    if fit is None:
        return None
    return {
        "measured": fit.slope,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "window": f"T {span(cells['T'].tolist())}, alpha {span(cells['alpha'].tolist())}",
        "n_points": fit.n_points,
        "chi2_per_dof": fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
    }


PLANE = Plane(
    defaults={
        **DEFAULTS,
        "depth": (1, 3),
        "width": (32,),
        "P": (256,),
        "B": (16,),
        "alpha": tuple(2.0 ** np.arange(-10, 11)),
        "T": tuple(2.0 ** np.arange(-12, 0.1, 0.5)),
        "seeds": 5,
        "max_steps": 20_000,
    },
    observables=("test_error", "dw_rel", "t_star", "ntk_change"),
    maps=_maps,
    conclude=_conclude,
)
