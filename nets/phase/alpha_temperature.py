"""The plane of alpha and T: lazy and feature learning, T_opt and T_max (claims 1 and 2)."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from nets.architectures import feature_exponent
from nets.averages import average_seeds
from nets.phase.crossings import crossing_of, fitted_stretch, optimum, table_of
from nets.phase.entries import (
    Crossing,
    End,
    ErrorSlope,
    Exponent,
    LazyBoundary,
    Opposition,
    Regime,
    Row,
)
from nets.phase.late_noise import delays_of, net_delay_table
from nets.phase.lazy_law import boundary_T, corner, fit_lazy_law
from nets.phase.model import DEFAULTS, LAZY, PACKAGES, SHARED, TRAINED, job_of
from nets.phase.tables import boundary_table, exponent_table, opposition_table
from perceptron_sim.analysis.exponents import span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.jackknife import line, measured
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane, axis, combinations

# The lazy regime ends where the weights have moved by this fraction of ||w_0||.
LAZY_LEVEL = 0.1
# T/kappa of the runs that predict this boundary: T_c lies inside.
_LAZY_TAU = tuple(2.0 ** np.arange(-8, 11, 2))
# Power laws in alpha are those of alpha -> 0: sought at this fraction of the lazy boundary.
_FEATURE = 1.0 / 16.0
# What counts as far from the lazy boundary, and how far beyond it slopes of the test error reach.
_FAR, _ACROSS = 4.0, 64.0


def _maps(options: dict[str, Any]) -> list[Map]:
    axes = axis("alpha", options["alpha"]), axis("T", options["T"])
    at_one = Axis("alpha", (1.0,)), Axis("T", _LAZY_TAU)
    maps = []
    for shared in combinations(options, (*SHARED[:2], "P", "B")):
        lazy, trained = (partial(job_of, options, lazy=lazy, **shared) for lazy in (True, False))
        maps.append(Map({"model": LAZY, **shared}, *at_one, lazy, adaptive=False))
        maps.append(Map({"model": TRAINED, **shared}, *axes, trained))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from nets.phase.figures import figure_alpha_T

    found, shown = [], []
    cells = _with_averages(cells, runs)
    late = delays_of(runs[runs["model"] == TRAINED])
    for _, members in cells.groupby([*SHARED, "P"], sort=True):
        shared = {n: members[n].iloc[0].item() for n in (*SHARED, "P")}
        trained = members[members["model"] == TRAINED]
        if len(trained):
            law = fit_lazy_law(members[members["model"] == LAZY])
            found.append(_regime(shared, trained, law, options["arch"]))
            shown.append(found[-1].to_json() | {"predicted_boundary": _predicted(law, trained)})
    return Conclusion(
        parts={"regimes": found, "noise_delay_of_nets": late},
        tables=[
            *(exponent_table(found), boundary_table(found, LAZY_LEVEL), opposition_table(found)),
            net_delay_table(late),
        ],
        frames={name: _frame(shown, name) for name in ("rows", "boundary")} | _averages(cells),
        figures={"map": lambda: figure_alpha_T(cells, shown, observable, options)},
        more={"data": options["data"], "lazy_level": LAZY_LEVEL},
    )


def _with_averages(cells: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with ln of the error of the average output, where outputs were kept."""
    if "test_outputs" not in runs or not runs["test_outputs"].notna().any():
        return cells
    point = [*SHARED, "P", "alpha", "T"]
    trained = runs[runs["model"] == TRAINED].sort_values("seed")
    known = {at: average_seeds(same) for at, same in trained.groupby(point)}
    at_cells = zip(*(cells[name] for name in point), cells["model"] == TRAINED, strict=True)
    seeds = [known.get(tuple(at)) if of_net else None for *at, of_net in at_cells]
    return cells.assign(average_error_seeds=pd.Series(seeds, cells.index, dtype=object))


def _averages(cells: pd.DataFrame) -> "dict[str, pd.DataFrame]":
    """Return the table of ln of both errors at each cell, single nets and average; none if none."""
    if "average_error_seeds" not in cells:
        return {}
    known = cells[cells["average_error_seeds"].notna()]
    table = known[[*SHARED, "P", "alpha", "T", "n_seeds", "test_error_ln", "test_error_se"]]
    of_average = [list(map(float, known["average_error_seeds"].map(f))) for f in (np.mean, _se)]
    return {
        "averages": table.assign(average_error_ln=of_average[0], average_error_se=of_average[1])
    }


def _se(pseudo: FloatArray) -> float:
    return float(np.std(pseudo, ddof=1) / math.sqrt(len(pseudo)))


def _frame(found: list[dict[str, Any]], name: str) -> pd.DataFrame:
    return pd.DataFrame(
        [{n: row[n] for n in (*SHARED, "P")} | entry for row in found for entry in row[name]]
    )


def _regime(
    shared: dict[str, Any], cells: pd.DataFrame, law: LawFit | None, arch: str = "mlp"
) -> Regime:
    """Return what the cells of one net say."""
    found = [_row(at.sort_values("T")) for _, at in cells.groupby("alpha", sort=True)]
    rows = [row for row, _ in found]
    boundary = _boundary(cells)
    expected = (None, None) if law is None else corner(law, LAZY_LEVEL)
    ends = _middle(boundary, "T", *expected), _middle(boundary, "alpha", *expected)
    T_lazy, alpha_lazy = (
        predicted if end is None else end.value
        for end, predicted in zip(ends, expected, strict=True)
    )
    theory = feature_exponent(arch, shared["depth"])
    below = [r for r in rows if alpha_lazy and r.alpha <= _FEATURE * alpha_lazy]
    return Regime(
        **shared,
        window_T=f"T {span(cells['T'].tolist())}",
        n_seeds=int(cells["n_seeds"].min()),
        status={str(k): int(v) for k, v in cells["status"].value_counts().items()},
        k_predicted=theory,
        k_of_T_opt=_exponent(below, "T_opt", theory, {row.alpha: by for row, by in found}),
        k_of_T_max=_exponent(below, "T_max", theory),
        lazy_boundary=LazyBoundary(*ends, *expected),
        opposition=_opposition(cells, alpha_lazy, T_lazy),
        opposition_of_average=_opposition(cells, alpha_lazy, T_lazy, "average_error"),
        rows=tuple(rows),
        boundary=tuple(boundary),
        arch=arch,
    )


def _row(row: pd.DataFrame) -> tuple[Row, FloatArray | None]:
    """Return T_max and T_opt of a row of cells at one alpha, and ln T_opt without each seed."""
    stretch, after = fitted_stretch(row)
    best = optimum(stretch)
    bracketed = len(stretch) > 0 and math.isfinite(after)
    hottest = float(row.loc[row["T"] < after, "T"].iloc[-1]) if bracketed else math.nan
    T_opt = {} if best is None else vars(best.log_T.of_exp())
    found = Row(
        alpha=float(row["alpha"].iloc[0]),
        T_max=math.sqrt(hottest * after) if bracketed else None,
        T_max_fits=hottest if bracketed else None,
        T_max_fails=after if bracketed else None,
        fails_as=str(row.loc[row["T"] == after, "status"].iloc[0]) if bracketed else None,
        T_opt=T_opt.get("value"),
        T_opt_ci_low=T_opt.get("ci_low"),
        T_opt_ci_high=T_opt.get("ci_high"),
        T_opt_error=T_opt.get("error"),
        T_opt_at_T_max=None if best is None else best.at_edge,
        cells_partly_fitted=int((stretch["n_fitted"] < stretch["n_seeds"]).sum()),
    )
    return found, None if best is None else best.without


def _exponent(
    rows: list[Row],
    name: str,
    theory: float | None,
    without: dict[float, FloatArray | None] | None = None,
) -> Exponent | None:
    """Fit ``name`` ~ alpha^k, with equal weights; the error from scatter or seeds.

    ``systematic``: the largest shift on leaving out a third of the rows at either end.

    Args:
        rows: of the map.
        name: "T_opt" or "T_max".
        theory: the k predicted, or None.
        without: ln of it without each seed, by alpha; rows of a seed may go together, and then
            their scatter says too little.
    """
    some = [row for row in rows if getattr(row, name) is not None]
    x, y = [math.log(r.alpha) for r in some], [math.log(getattr(r, name)) for r in some]
    # A step of the lattice in T leaves ln T_max anywhere within it, and T_opt no better known.
    steps = [math.log(r.T_max_fails / r.T_max_fits) for r in some if r.T_max_fails and r.T_max_fits]
    blur = max(steps, default=0.0) / math.sqrt(12.0)
    found = line(x, y, blur)
    if found is None:
        return None
    parts = [(without or {}).get(row.alpha) for row in some]
    by_seed = [part for part in parts if part is not None]
    if len(by_seed) == len(some):
        slopes = np.polyfit(x, np.array(by_seed), 1)[0]
        error = math.sqrt((len(slopes) - 1) * float(np.var(slopes)))
        if error > found.error:
            found = measured(found.value, error, len(slopes) - 1)
    third = max(1, len(some) // 3)
    ends = [line(x[third:], y[third:]), line(x[:-third], y[:-third])]
    shifts = [abs(end.value - found.value) for end in ends if end is not None]
    return Exponent(
        **vars(found.interval()),
        window=f"alpha {span([r.alpha for r in some])}",
        systematic=max(shifts, default=None),
        n_points=len(some),
        n_at_T_max=sum(bool(r.T_opt_at_T_max) for r in some),
        agrees=None if theory is None else found.ci_low <= theory <= found.ci_high,
    )


def _boundary(cells: pd.DataFrame) -> list[Crossing]:
    """Return where ||w - w_0|| / ||w_0|| passes the level, along T and along 1/alpha."""
    fitted = cells[cells["status"] == FITTED]
    found = []
    for along, fixed, rising in (("T", "alpha", True), ("alpha", "T", False)):
        for value, members in fitted.groupby(fixed, sort=True):
            ordered = members.sort_values(along, ascending=rising)
            at = crossing_of(ordered, along, "dw_rel", LAZY_LEVEL)
            if at is not None:
                one = at.of_exp()
                ends = {f"{along}_ci_low": one.ci_low, f"{along}_ci_high": one.ci_high}
                point = {fixed: float(str(value)), along: one.value, **ends}
                found.append(Crossing(along, error=one.error, **point))
    return found


def _middle(
    boundary: list[Crossing], along: str, T_b: float | None, alpha_b: float | None
) -> End | None:
    """Return T of the boundary for alpha -> infinity, or alpha of it for T -> 0: a mean.

    Of the crossings four times and more beyond the predicted corner (T_b, alpha_b); of the
    outermost four without a prediction. Crossings of one seed may go together, so the error of
    the mean is at most the mean of theirs.
    """
    fixed = "alpha" if along == "T" else "T"
    some = sorted((p for p in boundary if p.along == along), key=lambda p: getattr(p, fixed))
    if T_b is None or alpha_b is None:
        outer = some[-4:] if along == "T" else some[:4]
    elif along == "T":
        outer = [p for p in some if p.alpha >= _FAR * alpha_b]
    else:
        outer = [p for p in some if T_b / _FAR >= p.T]
    if len(outer) < 2:
        return None
    logs = np.log([getattr(p, along) for p in outer])
    own = float(np.mean([p.error for p in outer]))
    error = max(own, float(np.std(logs, ddof=1)) / math.sqrt(len(outer)))
    return End(
        **vars(measured(float(np.mean(logs)), error, len(outer) - 1.0).of_exp()),
        n_points=len(outer),
        window=f"{fixed} {span([getattr(p, fixed) for p in outer])}",
    )


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
    cells: pd.DataFrame,
    alpha_lazy: float | None,
    T_lazy: float | None,
    of: str = "test_error",
) -> Opposition | None:
    """Compare what leaving the lazy regime by raising T and by lowering alpha does to the error.

    raise_T: d ln(test error) / d ln T at fixed alpha, four times and more above the lazy
    boundary, over fitted T from 1/4 of the boundary to 64 times it. lower_alpha: -d ln(test
    error) / d ln alpha at fixed T, four times and more below the boundary, over alpha from 4
    times the boundary down to 1/64 of it.
    """
    if not alpha_lazy or not T_lazy or f"{of}_seeds" not in cells:
        return None
    fitted = cells[(cells["status"] == FITTED) & cells[f"{of}_seeds"].notna()]
    T, alpha = fitted["T"] / T_lazy, fitted["alpha"] / alpha_lazy
    by_T = fitted[(alpha >= _FAR) & T.between(1.0 / _FAR, _ACROSS)]
    by_alpha = fitted[(T <= 1.0 / _FAR) & alpha.between(1.0 / _ACROSS, _FAR)]
    slopes = _slope(by_T, "T", "alpha", 1.0, of), _slope(by_alpha, "alpha", "T", -1.0, of)
    signs = [
        0
        if slope is None or slope.ci_low <= 0.0 <= slope.ci_high
        else math.copysign(1, slope.ci_low)
        for slope in slopes
    ]
    verdict = {1.0: "alike", -1.0: "opposite"}.get(signs[0] * signs[1], "undecided")
    return Opposition(*slopes, verdict)


def _slope(cells: pd.DataFrame, on: str, fixed: str, sign: float, of: str) -> ErrorSlope | None:
    if len(cells) == 0:
        return None
    x = cells[on].to_numpy(dtype=np.float64) ** sign
    logs, groups = list(table_of(cells, of)), cells[fixed].tolist()
    # Cells of a seed may share its data and weights, hence the seed is the unit.
    fit = fit_power_law(x.tolist(), logs, groups, by_seed=True)
    if fit is None:
        return None
    return ErrorSlope(
        *(fit.slope, fit.ci_low, fit.ci_high),
        dof=fit.dof,
        window=f"T {span(cells['T'].tolist())}, alpha {span(cells['alpha'].tolist())}",
        n_points=fit.n_points,
        chi2_per_dof=fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
    )


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
        "keep_outputs": False,
    },
    observables=("test_error", "dw_rel", "t_star", "ntk_change"),
    maps=_maps,
    conclude=_conclude,
    packages=PACKAGES,
)
