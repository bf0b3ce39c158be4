"""The plane of T and kappa: gradient descent below T_c ~ kappa, noise above (claims 5 and 6)."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import NOISE_DOMINATED, span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.entries import Constancy, Crossover, NoiseSlope, OfKappa
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import (
    OBSERVABLES,
    common,
    distinct_cells,
    fit_cells,
    fit_windows,
    job_of,
    predicted,
    series,
    work_of,
)
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations
from perceptron_sim.scans.drive import Job

# Below this T/kappa SGD is gradient descent, at a cost that grows as kappa/T.
_COLDEST = 2.0**-4
_CONSTANT = 0.15
_SHARED = ("chi", "d", "P", "B")


def _maps(options: dict[str, Any]) -> list[Map]:
    axes = axis("T", options["T"]), axis("kappa", options["kappa"])
    work = work_of(options, None)

    def job(**point: Any) -> Job[Any] | None:
        cold = point["kappa"] * _COLDEST > point["T"] * (1.0 + 1e-9)
        return None if cold else job_of(options, work, **point)

    shared = combinations(options, _SHARED)
    return [Map(values, *axes, partial(job, **values)) for values in shared]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.crossover import figure_crossover
    from perceptron_sim.phase.figures.maps import figure_maps, of_perceptrons

    rows: list[Crossover] = []
    fits: list[tuple[dict[str, Any], LawFit | None]] = []
    for shared, members, fit in series(cells, _SHARED, first_step=False):
        fits.append((shared, fit))
        if fit is None:
            continue
        fitted = members[members["status"] == FITTED]
        expected = predicted(shared["chi"], shared["P"], shared["d"])
        tau = fitted.assign(tau=fitted["T"] / fitted["kappa"])
        windows = fit_windows(tau, {"tau": fit.tau_c.value}, partial(fit_cells, first_step=False))
        rows.append(
            Crossover(
                **common(shared, fitted, fit, expected, windows),
                window=f"T/kappa {span((fitted['T'] / fitted['kappa']).tolist())}, "
                f"kappa {span(fitted['kappa'].tolist())}",
                noise_slope=_slope(fitted),
                by_kappa=_by_kappa(fitted),
            )
        )
    constancy = _constancy(rows)
    figures = {"crossover": lambda: figure_crossover(cells, fits)}
    if cells["kappa"].nunique() > 1:
        figures["map"] = lambda: figure_maps(cells, "T", "kappa", observable, of_perceptrons(fits))
    return Conclusion(
        parts={"crossovers": rows, "constancy": constancy},
        tables=[_crossover_table(rows), _constancy_table(constancy)],
        frames={},
        figures=figures,
    )


def _slope(cells: pd.DataFrame) -> NoiseSlope | None:
    """Return the exponent of ||w|| on T in the noise-dominated branch, or None."""
    cells = distinct_cells(cells)
    noisy = cells[cells["T"] >= NOISE_DOMINATED * cells["kappa"] * (1.0 - 1e-9)]
    fit = fit_power_law(
        noisy["T"].tolist(), [np.array(v) for v in noisy["w_norm_seeds"]], noisy["kappa"].tolist()
    )
    if fit is None:
        return None
    window = f"T/kappa {span((noisy['T'] / noisy['kappa']).tolist())}"
    agrees = fit.ci_low <= 1.0 <= fit.ci_high
    ends = fit.slope, fit.ci_low, fit.ci_high
    return NoiseSlope(*ends, 1.0, window, fit.n_points, agrees, dof=fit.dof)


def _by_kappa(cells: pd.DataFrame) -> tuple[OfKappa, ...]:
    fits = [
        (float(str(kappa)), fit_cells(members, first_step=False))
        for kappa, members in cells.groupby("kappa", sort=True)
    ]
    return tuple(OfKappa(**vars(fit.tau_c), kappa=kappa) for kappa, fit in fits if fit is not None)


def _constancy(rows: list[Crossover]) -> list[Constancy]:
    """Return, for each chi, by how much T_c/kappa departs from its mean over P, d and kappa."""
    found = []
    for chi in sorted({row.chi for row in rows}):
        members = [row for row in rows if row.chi == chi]
        at = [row.T_c_over_kappa for row in members]
        expected = [e.predicted for e in at if e.predicted is not None]
        agree = [row.agrees for row in members if row.agrees is not None]
        # T_c/kappa of each kappa over that of all kappa together, in its P and d.
        of_kappa = [
            each.value / row.T_c_over_kappa.value for row in members for each in row.by_kappa
        ]
        spread = _spread([e.value for e in at])
        found.append(
            Constancy(
                chi=chi,
                n_series=len(members),
                range_P=(min(r.P for r in members), max(r.P for r in members)),
                range_d=(min(r.d for r in members), max(r.d for r in members)),
                largest_error_ln=max(e.error for e in at),
                spread=spread,
                spread_over_kappa=max((abs(v - 1.0) for v in of_kappa), default=None),
                predicted_spread=_spread(expected) if len(expected) == len(members) else None,
                constant_within_15_percent=spread <= _CONSTANT,
                drift_predicted=all(agree) if agree else None,
            )
        )
    return found


def _spread(values: list[float]) -> float:
    """Return the largest departure from the geometric mean, as a fraction."""
    logs = np.log(values)
    return float(np.expm1(np.max(np.abs(logs - logs.mean()))))


def _crossover_table(rows: list[Crossover]) -> Table:
    return Table.of(
        "crossover of ||w|| from gradient descent to noise: kappa A (1 + T/T_c)",
        rows,
        (
            *(("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}")),
            ("T_c/kappa", "{T_c_over_kappa:.3g}"),
            ("predicted", "{T_c_over_kappa.predicted:.3g}"),
            *(("agree", "{agrees}"), ("trusted", "{trusted}")),
            ("misfit in ln", "{misfit_ln:.3f}"),
            ("slope on T", "{noise_slope:.4f}"),
        ),
        f"slope on T: ||w|| ~ T^delta at T/kappa >= {NOISE_DOMINATED:g}; agree: at 95 %, both "
        "errors together, and no verdict where predictions are not trusted.",
    )


def _constancy_table(found: list[Constancy]) -> Table:
    return Table.of(
        "is T_c/kappa one number? largest departure from the mean of a chi",
        found,
        (
            *(("chi", "{chi:g}"), ("series", "{n_series}")),
            ("over P, d", "{spread:.0%}"),
            ("predicted", "{predicted_spread:.0%}"),
            ("over kappa", "{spread_over_kappa:.0%}"),
            ("within 15 %", "{constant_within_15_percent}"),
        ),
        "NO: it drifts.",
    )


PLANE = Plane(
    defaults={
        "chi": (0.0, 1.0),
        "d": (16,),
        "P": (256, 2048),
        "B": (2,),
        # Values of kappa whose ratios are no ratios of T: else runs would be one run in other
        # units, by the exact scale invariance, and T_c ~ kappa would be shown by construction.
        "T": tuple(2.0 ** np.arange(-9, 15)),
        "kappa": (0.03, 1.0, 31.0),
        "seeds": 6,
        "dynamics": ("sgd",),
        "kernel": "auto",
    },
    observables=OBSERVABLES,
    maps=_maps,
    conclude=_conclude,
)
