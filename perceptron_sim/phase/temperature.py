"""The plane of T and kappa: gradient descent below T_c ~ kappa, noise above (claims 5 and 6)."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import AGREES, NOISE_DOMINATED, span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import (
    as_dict,
    axis,
    closeness,
    fit_cells,
    limits,
    predicted,
    series,
)
from perceptron_sim.phase.plane import Conclusion, Map, Plane, Table
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.scans.drive import Job
from perceptron_sim.scans.scan import PerceptronWork

# Below this T/kappa SGD is gradient descent, at a cost that grows as kappa/T.
_COLDEST = 2.0**-4
_CONSTANT = 0.15
_SHARED = ("chi", "d", "P", "B")


def _maps(options: dict[str, Any]) -> list[Map]:
    T, kappa = axis("T", options["T"]), axis("kappa", options["kappa"])
    work = PerceptronWork(options["kernel"], None)
    maps = []
    for values in itertools.product(*(options[n] for n in _SHARED)):
        shared = dict(zip(_SHARED, values, strict=True))

        def job(
            T: float, kappa: float, seed: int, shared: dict[str, Any] = shared
        ) -> Job[Any] | None:
            if kappa * _COLDEST > T * (1.0 + 1e-9):
                return None
            config = PerceptronConfig(**shared, T=T, kappa=kappa, seed=seed, **limits(options))
            return Job(work, config)

        maps.append(Map(shared, T, kappa, job))
    return maps


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.crossover import figure_crossover
    from perceptron_sim.phase.figures.maps import figure_maps

    rows: list[dict[str, Any]] = []
    fits: list[tuple[dict[str, Any], LawFit | None]] = []
    for shared, members, fit in series(cells, _SHARED, first_step=False):
        fits.append((shared, fit))
        if fit is None:
            continue
        fitted = members[members["status"] == FITTED]
        expected = predicted(shared["chi"], shared["P"], shared["d"])
        found: dict[str, Any] = {
            **shared,
            "window": f"T/kappa {span((fitted['T'] / fitted['kappa']).tolist())}, "
            f"kappa {span(fitted['kappa'].tolist())}",
            "n_seeds": int(fitted["n_seeds"].min()),
            "n_cells": fit.n_cells,
            "T_c_over_kappa": as_dict(fit.tau_c),
            "plateau_over_kappa": as_dict(fit.plateau),
            "misfit_ln": fit.rms,
            "scatter_ln": fit.scatter,
            "noise_slope": _slope(fitted),
            "by_kappa": _by_kappa(fitted),
        }
        if expected is not None:
            found["T_c_over_kappa"] |= closeness(fit.tau_c, expected.T_c_over_kappa, shared["d"])
            found["plateau_over_kappa"] |= closeness(fit.plateau, expected.plateau, shared["d"])
        rows.append(found)
    constancy = _constancy(rows)
    figures = {"crossover": lambda: figure_crossover(cells, fits)}
    if cells["kappa"].nunique() > 1:
        figures["map"] = lambda: figure_maps(cells, "T", "kappa", observable, fits)
    return Conclusion(
        summary={"crossovers": rows, "constancy": constancy},
        tables=[_crossover_table(rows), _constancy_table(constancy)],
        frames={},
        figures=figures,
    )


def _slope(cells: pd.DataFrame) -> dict[str, Any] | None:
    """Return the exponent of ||w|| on T in the noise-dominated branch, or None."""
    noisy = cells[cells["T"] >= NOISE_DOMINATED * cells["kappa"] * (1.0 - 1e-9)]
    fit = fit_power_law(
        noisy["T"].tolist(), [np.array(v) for v in noisy["w_norm_seeds"]], noisy["kappa"].tolist()
    )
    if fit is None:
        return None
    return {
        "measured": fit.slope,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "asymptotic": 1.0,
        "window": f"T/kappa {span((noisy['T'] / noisy['kappa']).tolist())}",
        "n_points": fit.n_points,
        "agrees": fit.ci_low <= 1.0 <= fit.ci_high,
    }


def _by_kappa(cells: pd.DataFrame) -> list[dict[str, Any]]:
    found = []
    for kappa, members in cells.groupby("kappa", sort=True):
        fit = fit_cells(members, first_step=False)
        if fit is not None:
            found.append({"kappa": float(str(kappa)), **as_dict(fit.tau_c)})
    return found


def _constancy(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return, for each chi, by how much T_c/kappa departs from its mean over P, d and kappa."""
    found = []
    for chi in sorted({row["chi"] for row in rows}):
        members = [row for row in rows if row["chi"] == chi]
        estimates = [row["T_c_over_kappa"] for row in members]
        expected = [e["predicted"] for e in estimates if "predicted" in e]
        agree = [e["agrees"] for e in estimates if "agrees" in e]
        # T_c/kappa of each kappa over that of all kappa together, in its P and d.
        of_kappa = [
            each["value"] / row["T_c_over_kappa"]["value"]
            for row in members
            for each in row["by_kappa"]
        ]
        spread = _spread([e["value"] for e in estimates])
        found.append(
            {
                "chi": chi,
                "n_series": len(members),
                "range_P": [min(r["P"] for r in members), max(r["P"] for r in members)],
                "range_d": [min(r["d"] for r in members), max(r["d"] for r in members)],
                "largest_error_ln": max(e["error"] for e in estimates),
                "spread": spread,
                "spread_over_kappa": max((abs(v - 1.0) for v in of_kappa), default=None),
                "predicted_spread": _spread(expected) if len(expected) == len(members) else None,
                "constant_within_15_percent": spread <= _CONSTANT,
                "drift_predicted": all(agree) if agree else None,
            }
        )
    return found


def _spread(values: list[float]) -> float:
    """Return the largest departure from the geometric mean, as a fraction."""
    logs = np.log(values)
    return float(np.expm1(np.max(np.abs(logs - logs.mean()))))


def _crossover_table(rows: list[dict[str, Any]]) -> Table:
    cells = []
    for row in rows:
        at, slope = row["T_c_over_kappa"], row["noise_slope"]
        expected = f"{at['predicted']:.3g}" if "predicted" in at else "-"
        agrees = AGREES[at.get("agrees")]
        measured = "-" if slope is None else f"{slope['measured']:.4f}"
        interval = "-" if slope is None else f"[{slope['ci_low']:.4f}, {slope['ci_high']:.4f}]"
        cells.append(
            [
                *(f"{row[n]:g}" for n in ("chi", "d", "P")),
                f"{at['value']:.3g} [{at['ci_low']:.3g}, {at['ci_high']:.3g}]",
                *(expected, agrees, f"{row['misfit_ln']:.3f}", measured, interval),
            ]
        )
    return Table(
        "crossover of ||w|| from gradient descent to noise: kappa A (1 + T/T_c)",
        (
            *("chi", "d", "P", "T_c/kappa", "predicted", "agree", "misfit in ln"),
            *("slope on T", "95 % interval"),
        ),
        cells,
        f"slope on T: ||w|| ~ T^delta at T/kappa >= {NOISE_DOMINATED:g}; agree: at 95 %, both "
        "errors together.",
    )


def _constancy_table(found: list[dict[str, Any]]) -> Table:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.0f} %"

    return Table(
        "is T_c/kappa one number? largest departure from the mean of a chi",
        ("chi", "series", "over P, d", "predicted", "over kappa", "within 15 %"),
        [
            [
                *(f"{row['chi']:g}", str(row["n_series"]), share(row["spread"])),
                *(share(row["predicted_spread"]), share(row["spread_over_kappa"])),
                "yes" if row["constant_within_15_percent"] else "no: it drifts",
            ]
            for row in found
        ],
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
        "kernel": "auto",
    },
    observables=("w_norm", "t_star", "test_error"),
    maps=_maps,
    conclude=_conclude,
)
