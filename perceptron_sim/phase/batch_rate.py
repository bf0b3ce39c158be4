"""The plane of B and eta: noise, first step and gradient descent (claim 6, PNAS figure 1)."""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import AGREES, span
from perceptron_sim.errors import InputError
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import Estimate, LawFit, fit_slope
from perceptron_sim.phase.perceptron import (
    as_dict,
    axis,
    closeness,
    limits,
    predicted,
    series,
)
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane, Table
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.scans.drive import Job
from perceptron_sim.scans.scan import PerceptronWork
from perceptron_sim.theory import exponents, exponents_at_dimension
from perceptron_sim.theory.prediction import accuracy

_SHARED = ("chi", "d", "P", "kappa")


def _maps(options: dict[str, Any]) -> list[Map]:
    sizes, eta = axis("B", options["B"]), axis("eta", options["eta"])
    axis("kappa", options["kappa"])
    work = PerceptronWork(options["kernel"], None)
    maps = []
    for values in itertools.product(*(options[n] for n in _SHARED)):
        shared = dict(zip(_SHARED, values, strict=True))

        def job(B: float, eta: float, seed: int, shared: dict[str, Any] = shared) -> Job[Any]:
            config = PerceptronConfig(**shared, B=int(B), eta=eta, seed=seed, **limits(options))
            return Job(work, config)

        possible = tuple(B for B in sizes.values if shared["P"] >= B)
        if not possible:
            raise InputError(f"B: no batch size up to P = {shared['P']}: add smaller ones")
        maps.append(Map(shared, Axis("B", possible), eta, job))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.maps import figure_maps

    rows: list[dict[str, Any]] = []
    fits: list[tuple[dict[str, Any], LawFit | None]] = []
    for shared, members, fit in series(cells, _SHARED, first_step=True):
        fits.append((shared, fit))
        if fit is None or fit.B_star is None or fit.sharpness is None:
            continue
        fitted = members[members["status"] == FITTED]
        found: dict[str, Any] = {
            **shared,
            "window": f"B {span(fitted['B'].tolist())}, eta {span(fitted['eta'].tolist())}",
            "n_seeds": int(fitted["n_seeds"].min()),
            "n_cells": fit.n_cells,
            "cells_measured": len(members),
            "cells_over_budget": int((members["status"] != FITTED).sum()),
            "T_c_over_kappa": as_dict(fit.tau_c),
            "B_star": as_dict(fit.B_star),
            "plateau_over_kappa": as_dict(fit.plateau),
            "sharpness": fit.sharpness,
            "misfit_ln": fit.rms,
            "scatter_ln": fit.scatter,
        }
        expected = predicted(shared["chi"], shared["P"], shared["d"])
        if expected is not None:
            d = shared["d"]
            found["T_c_over_kappa"] |= closeness(fit.tau_c, expected.T_c_over_kappa, d)
            found["B_star"] |= closeness(fit.B_star, expected.B_star, d)
            found["plateau_over_kappa"] |= closeness(fit.plateau, expected.plateau, d)
        rows.append(found)
    slopes = _slopes(rows)
    return Conclusion(
        summary={"boundaries": rows, "B_star_on_P": slopes},
        tables=[_boundary_table(rows), *([_slope_table(slopes)] if slopes else [])],
        frames={},
        figures={"map": lambda: figure_maps(cells, "B", "eta", observable, fits)},
    )


def _slopes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Fit B* ~ P^x for each (chi, d, kappa) with several P."""
    found = []
    for shared in sorted({(row["chi"], row["d"], row["kappa"]) for row in rows}):
        members = [r for r in rows if (r["chi"], r["d"], r["kappa"]) == shared]
        chi, d, kappa = shared
        estimates = [
            Estimate(*(r["B_star"][n] for n in ("value", "error", "ci_low", "ci_high")))
            for r in members
        ]
        known = [r["B_star"].get("predicted") for r in members]
        expected = None if None in known else known
        slope = fit_slope([r["P"] for r in members], estimates, expected)
        if slope is None:
            continue
        half = 1.96 * slope.error
        of_theory = accuracy(d)[0] * slope.expected_error
        found.append(
            {
                **{"quantity": "x", "variable": "P", "chi": chi, "d": d, "kappa": kappa},
                "window": f"P/d {span([r['P'] / d for r in members])}",
                "n_points": len(members),
                "n_seeds": min(r["n_seeds"] for r in members),
                "measured": slope.value,
                "ci_low": slope.value - half,
                "ci_high": slope.value + half,
                "asymptotic": exponents(chi).gamma,
                "limit_at_d": exponents_at_dimension(chi, d).gamma,
                "finite_size": None if expected is None else slope.expected,
                "finite_size_error": None if expected is None else of_theory,
                "agrees": None
                if expected is None
                else abs(slope.value - slope.expected) <= math.hypot(half, 1.96 * of_theory),
            }
        )
    return found


def _boundary_table(rows: list[dict[str, Any]]) -> Table:
    cells = []
    for row in rows:
        texts = []
        for name in ("T_c_over_kappa", "B_star"):
            at = row[name]
            texts.append(f"{at['value']:.3g} [{at['ci_low']:.3g}, {at['ci_high']:.3g}]")
            texts.append(f"{at['predicted']:.3g}" if "predicted" in at else "-")
        cells.append(
            [
                *(f"{row[n]:g}" for n in ("chi", "d", "P")),
                *(*texts, f"{row['misfit_ln']:.3f}", f"{row['sharpness']:.1f}"),
                f"{row['cells_over_budget']}/{row['cells_measured']}",
            ]
        )
    return Table(
        "boundaries of the three phases",
        (
            *("chi", "d", "P", "T_c/kappa", "predicted", "B*", "predicted"),
            *("misfit in ln", "sharpness", "not fitted"),
        ),
        cells,
        "noise above T_c below B*, first step above B* and above eta = T_c B*, else gradient "
        "descent. Intervals: 95 %, misfit of the law included.",
    )


def _slope_table(slopes: list[dict[str, Any]]) -> Table:
    def known(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    return Table(
        "B* ~ P^x",
        (
            *("chi", "d", "measured x", "95 % interval", "1/(1+chi)", "finite P/d", "agree"),
            "window",
        ),
        [
            [
                *(f"{row['chi']:g}", f"{row['d']}", f"{row['measured']:.3f}"),
                f"[{row['ci_low']:.3f}, {row['ci_high']:.3f}]",
                f"{row['asymptotic']:.3f}",
                f"{known(row['finite_size'])} +- {known(row['finite_size_error'])}",
                AGREES[row["agrees"]],
                row["window"],
            ]
            for row in slopes
        ],
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
        "kernel": "auto",
    },
    observables=("w_norm", "t_star", "test_error"),
    maps=_maps,
    conclude=_conclude,
)
