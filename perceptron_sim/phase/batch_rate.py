"""The plane of B and eta: noise, first step and gradient descent (claim 6, PNAS figure 1)."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import span
from perceptron_sim.intervals import quantile
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.entries import (
    Boundary,
    BStarOnP,
    Estimate,
    ThreePhases,
    largest_shift,
    near,
    systematic,
)
from perceptron_sim.phase.law import LawFit, fit_slope
from perceptron_sim.phase.perceptron import (
    OBSERVABLES,
    batch_sizes,
    common,
    fit_cells,
    fit_windows,
    job_of,
    predicted,
    series,
    work_of,
)
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table, axis, combinations
from perceptron_sim.theory import exponents, exponents_at_dimension
from perceptron_sim.theory.prediction import accuracy

_SHARED = ("chi", "d", "P", "kappa")


def _maps(options: dict[str, Any]) -> list[Map]:
    eta = axis("eta", options["eta"])
    axis("kappa", options["kappa"])
    job = partial(job_of, options, work_of(options, None))
    return [
        Map(shared, batch_sizes(options, shared["P"]), eta, partial(job, **shared))
        for shared in combinations(options, _SHARED)
    ]


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.maps import figure_maps, of_perceptrons

    rows: list[ThreePhases] = []
    of_windows: list[list[Estimate | None]] = []
    fits: list[tuple[dict[str, Any], LawFit | None]] = []
    for shared, members, fit in series(cells, _SHARED, first_step=True):
        fits.append((shared, fit))
        if fit is None or fit.B_star is None or fit.sharpness is None:
            continue
        fitted = members[members["status"] == FITTED]
        expected = predicted(shared["chi"], shared["P"], shared["d"])
        corner = {"B": fit.B_star.value}
        corner["eta"] = shared["kappa"] * fit.tau_c.value * fit.B_star.value
        windows = fit_windows(fitted, corner, partial(fit_cells, first_step=True))
        parts = [None if part is None else part.B_star for part in windows]
        of_windows.append(parts)
        rows.append(
            ThreePhases(
                **common(shared, fitted, fit, expected, windows),
                window=f"B {span(fitted['B'].tolist())}, eta {span(fitted['eta'].tolist())}",
                cells_measured=len(members),
                cells_over_budget=int((members["status"] != FITTED).sum()),
                B_star=Boundary.of(fit.B_star, expected.B_star if expected else None, shared["d"]),
                B_star_systematic=systematic(fit.B_star, parts),
                sharpness=fit.sharpness,
            )
        )
    slopes = _slopes(rows, of_windows)
    return Conclusion(
        parts={"boundaries": rows, "B_star_on_P": slopes},
        tables=[_boundary_table(rows), *([_slope_table(slopes)] if slopes else [])],
        frames={},
        figures={"map": lambda: figure_maps(cells, "B", "eta", observable, of_perceptrons(fits))},
    )


def _slopes(rows: list[ThreePhases], of_windows: list[list[Estimate | None]]) -> list[BStarOnP]:
    """Fit B* ~ P^x for each (chi, d, kappa) with several P; B* of parts of each map next to it."""
    found = []
    for chi, d, kappa in sorted({(row.chi, row.d, row.kappa) for row in rows}):
        of_rows = zip(rows, of_windows, strict=True)
        pairs = [p for p in of_rows if (p[0].chi, p[0].d, p[0].kappa) == (chi, d, kappa)]
        members = [row for row, _ in pairs]
        known = [r.B_star.predicted for r in members if r.B_star.predicted and r.trusted]
        expected = known if len(known) == len(members) else None
        slope = fit_slope([r.P for r in members], [r.B_star for r in members], expected)
        if slope is None:
            continue
        # The same part of every map.
        parts = [
            fit_slope([r.P for r in members], [each for each in part if each], None)
            for part in zip(*(parts for _, parts in pairs), strict=True)
            if all(part)
        ]
        shifts = [(part.value - slope.value, part.error) for part in parts if part is not None]
        half = quantile(slope.dof) * slope.error
        of_theory = accuracy(d)[0] * slope.expected_error
        agrees = near(slope.value - slope.expected, slope.error, slope.dof, of_theory)
        found.append(
            BStarOnP(
                slope.value,
                slope.value - half,
                slope.value + half,
                dof=slope.dof,
                quantity="x",
                variable="P",
                chi=chi,
                d=d,
                kappa=kappa,
                window=f"P/d {span([r.P / d for r in members])}",
                n_points=len(members),
                n_seeds=min(r.n_seeds for r in members),
                asymptotic=exponents(chi).gamma,
                limit_at_d=exponents_at_dimension(chi, d).gamma,
                finite_size=slope.expected if expected else None,
                finite_size_error=of_theory if expected else None,
                agrees=agrees if expected else None,
                systematic=largest_shift(shifts, slope.error),
            )
        )
    return found


def _boundary_table(rows: list[ThreePhases]) -> Table:
    return Table.of(
        "boundaries of the three phases",
        rows,
        (
            *(("chi", "{chi:g}"), ("d", "{d}"), ("P", "{P}")),
            ("T_c/kappa", "{T_c_over_kappa:.3g}"),
            ("predicted", "{T_c_over_kappa.predicted:.3g}"),
            *(("B*", "{B_star:.3g}"), ("window", "{B_star_systematic:.1%}")),
            ("predicted", "{B_star.predicted:.3g}"),
            ("misfit in ln", "{misfit_ln:.3f}"),
            ("sharpness", "{sharpness:.1f}"),
            ("trusted", "{trusted}"),
            ("not fitted", "{cells_over_budget}/{cells_measured}"),
        ),
        "noise above T_c below B*, first step above B* and above eta = T_c B*, else gradient "
        "descent. Intervals: 95 %, misfit of the law included. window: shift of B* without "
        "the outer third of B or eta. trusted: whether predictions are, at this chi, d, P/d.",
    )


def _slope_table(slopes: list[BStarOnP]) -> Table:
    return Table.of(
        "B* ~ P^x",
        slopes,
        (
            *(("chi", "{chi:g}"), ("d", "{d}"), ("measured x", "{measured:.3f}")),
            *(("95 % interval", "[{ci_low:.3f}, {ci_high:.3f}]"), ("syst.", "{systematic:.3f}")),
            ("1/(1+chi)", "{asymptotic:.3f}"),
            ("finite P/d", "{finite_size:.3f} +- {finite_size_error:.3f}"),
            *(("agree", "{agrees}"), ("window", "{window}")),
        ),
    )


PLANE = Plane(
    defaults={
        "chi": (1.0,),
        "d": (32,),
        "P": (512, 2048, 8192),
        "B": tuple(2 ** np.arange(14).astype(int)),
        "eta": tuple(2.0 ** np.arange(-5, 14)),
        "kappa": (2.0**-7,),
        "seeds": 4,
        "dynamics": ("sgd",),
        "kernel": "auto",
    },
    observables=OBSERVABLES,
    maps=_maps,
    conclude=_conclude,
)
