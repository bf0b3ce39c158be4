"""The plane of B and eta of nets: noise, first step, gradient descent (claim 6, PNAS)."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nets.config import NetConfig
from nets.lazy import LazyConfig
from nets.lazy.norms import NormLog
from nets.max_margin.crossovers import Crossovers, crossovers, error_of_u, range_of_u
from nets.max_margin.law import U
from nets.phase.batch_entries import NetBStarOnP, NetPhases
from nets.phase.batch_law import SeedFits, boundary, fit_cells, fits_of, phase_slopes
from nets.phase.batch_on_P import B_star_on_P
from nets.phase.model import DEFAULTS, LAZY, PACKAGES, TRAINED, config_of, job_of, kinds_of
from nets.phase.tables import NET
from perceptron_sim.analysis.exponents import span
from perceptron_sim.phase.entries import systematic
from perceptron_sim.phase.perceptron import batch_sizes, fit_windows
from perceptron_sim.phase.plane import Axis, Conclusion, Map, Plane, Table, axis, combinations
from perceptron_sim.scans.drive import Job

# Colder cells, in T/kappa, are gradient descent at any B, and cost the most: they are left out.
COLDEST = 2.0**-6
_SHARED = ("depth", "width", "P", "alpha")
_WORDS = {LAZY: "linearised", TRAINED: "trained"}


def _maps(options: dict[str, Any]) -> list[Map]:
    eta, kinds, logs = axis("eta", options["eta"]), kinds_of(options), _logs(options)
    maps = []
    for shared in combinations(options, _SHARED):
        axes = batch_sizes(options, shared["P"]), eta
        # A kernel is built once if all its cells are done together. Without a map of its own it
        # has a single run, for what it predicts.
        one = Axis("B", axes[0].values[:1]), Axis("eta", eta.values[-1:])
        lazy, trained = (partial(_job, options, logs, kind, shared) for kind in (LAZY, TRAINED))
        lattice = axes if LAZY in kinds else one
        maps.append(Map({"model": LAZY, **shared}, *lattice, lazy, adaptive=False))
        if TRAINED in kinds:
            maps.append(Map({"model": TRAINED, **shared}, *axes, trained))
    return maps


def _logs(options: dict[str, Any]) -> tuple[NormLog, ...]:
    folder: Path | None = options["folder"]
    return () if folder is None else (NormLog(folder / "max_margin.json"),)


def _job(
    options: dict[str, Any],
    logs: tuple[NormLog, ...],
    kind: str,
    shared: dict[str, Any],
    **point: Any,
) -> Job[Any] | None:
    T = point["eta"] / (point["B"] * shared["width"])
    if T * shared["alpha"] < COLDEST * (1.0 - 1e-9):
        return None
    return job_of(options, kind == LAZY, logs=logs, **shared, **point)


def _conclude(
    options: dict[str, Any], cells: pd.DataFrame, runs: pd.DataFrame, observable: str
) -> Conclusion:
    from perceptron_sim.phase.figures.maps import Mapped, figure_maps

    rows: list[tuple[NetPhases, SeedFits, Sequence[Crossovers] | None]] = []
    shown: list[Mapped] = []
    u = U, *range_of_u(options["arch"])
    for _, members in cells.groupby(["model", *_SHARED], sort=True):
        if len(members) == 1:
            continue
        shared = {n: members[n].iloc[0].item() for n in _SHARED}
        model = str(members["model"].iloc[0])
        at = [_predicted(options, shared, int(members["n_seeds"].min()), each) for each in u]
        fits = fits_of(members)
        if fits is not None:
            rows.append((_row(options, model, shared, members, fits, at[0]), fits, at[0]))
        ends = [end for each in at if each for end in _mean(each)]
        sizes = ", ".join(f"{s} = {shared[n]:g}" for s, n in _SIZES)
        at_kappa = {"model": model, **shared, "kappa": 1.0 / shared["alpha"]}
        law = None if fits is None else fits.whole
        shown.append(Mapped(at_kappa, law, ends, f"{_WORDS[model]}, {sizes}"))
    found = [row for row, _, _ in rows]
    slopes = B_star_on_P(rows)
    drawn = cells.assign(kappa=1.0 / cells["alpha"])
    return Conclusion(
        parts={"phases_of_nets": found, "B_star_on_P_of_nets": slopes},
        tables=[
            _boundary_table(found),
            *([_phase_table(found)] if found else []),
            *([_slope_table(slopes)] if slopes else []),
        ],
        frames={},
        # A budget may end before any map has begun.
        figures={"map": lambda: figure_maps(drawn, "B", "eta", observable, shown)} if shown else {},
        more={"data": options["data"]},
    )


_SIZES = (("L", "depth"), ("h", "width"), ("P", "P"), ("alpha", "alpha"))


def _predicted(
    options: dict[str, Any], shared: dict[str, Any], n_seeds: int, u: float
) -> list[Crossovers] | None:
    """Return what the kernel of each seed predicts, None where one is not known."""
    found = []
    for log in _logs(options):
        for seed in range(n_seeds):
            run: NetConfig = config_of(options, True, **shared, B=1, seed=seed)
            norm = log.known(LazyConfig(run))
            found.append(None if norm is None else crossovers(norm, shared["width"], u))
    known = [each for each in found if each is not None]
    return known if known and len(known) == len(found) else None


def _mean(expected: Sequence[Crossovers]) -> list[tuple[float, float | None]]:
    """Return the geometric means (T_c/kappa, B*) of predictions, none without a B*."""
    stars = [each.B_star for each in expected if each.B_star]
    if len(stars) < len(expected):
        return []
    T_c = [each.T_c_over_kappa for each in expected]
    return [tuple(float(np.exp(np.mean(np.log(v)))) for v in (T_c, stars))]  # type: ignore[list-item]


def _row(
    options: dict[str, Any],
    model: str,
    shared: dict[str, Any],
    members: pd.DataFrame,
    fits: SeedFits,
    expected: Sequence[Crossovers] | None,
) -> NetPhases:
    law, fitted = fits.whole, fits.cells
    assert law.B_star is not None
    assert law.sharpness is not None
    eta_c = law.tau_c.value * law.B_star.value * shared["width"] / shared["alpha"]
    parts = fit_windows(fitted, {"B": law.B_star.value, "eta": eta_c}, fit_cells)
    windows = [part for part in parts if part is not None]
    error = error_of_u(options["arch"])
    return NetPhases(
        **{"model": model, "data": options["data"], "arch": options["arch"], **shared},
        window=f"B {span(fitted['B'].tolist())}, eta {span(fitted['eta'].tolist())}",
        n_seeds=len(fits.without),
        n_cells=law.n_cells,
        cells_measured=len(members),
        cells_not_fitted=len(members) - len(fitted),
        T_c_over_kappa=boundary(fits, "tau_c", expected, error),
        # The plateau does not depend on u.
        plateau_over_kappa=boundary(fits, "plateau", expected, 0.0),
        B_star=boundary(fits, "B_star", expected, error),
        sharpness=law.sharpness,
        misfit_ln=law.rms,
        scatter_ln=law.scatter,
        T_c_systematic=systematic(law.tau_c, [part.tau_c for part in windows]),
        B_star_systematic=systematic(law.B_star, [part.B_star for part in windows]),
        slopes=phase_slopes(fits),
    )


_OF = (("", "{model}"), *NET[:2], ("P", "{P}"), ("alpha", "{alpha:.4g}"))


def _boundary_table(rows: Sequence[NetPhases]) -> Table:
    return Table.of(
        "boundaries of the three phases",
        rows,
        (
            *(*_OF, ("T_c/kappa", "{T_c_over_kappa:.3g}")),
            ("ln(measured/predicted)", "{T_c_over_kappa.ratio:.2f}"),
            *(("agree", "{T_c_over_kappa.agrees}"), ("B*", "{B_star:.3g}")),
            ("ln(measured/predicted)", "{B_star.ratio:.2f}"),
            *(("agree", "{B_star.agrees}"), ("misfit in ln", "{misfit_ln:.3f}")),
            ("not fitted", "{cells_not_fitted}/{cells_measured}"),
        ),
        "T = eta/(B h). Noise above T_c below B*, first step above B* and above eta = T_c B* h, "
        "else gradient descent. Intervals: 95 %, jackknife over seeds, with the misfit of the law. "
        f"Predicted by the kernels of the same seeds, with u = {U:g}.",
    )


def _phase_table(rows: Sequence[NetPhases]) -> Table:
    parts = [
        Table.of(
            "exponents within each phase",
            row.slopes,
            (
                *(("", row.model), ("P", f"{row.P}"), ("alpha", f"{row.alpha:.4g}")),
                *(("phase", "{phase}"), ("of", "{quantity}"), ("on", "{on}"), ("at", "{fixed}")),
                *(("measured", "{:.3f}"), ("expected", "{expected:g}"), ("cells", "{n_points}")),
            ),
            "at: what is the same along it. Intervals: 95 % over seeds.",
        )
        for row in rows
    ]
    return Table.joined(parts)


def _slope_table(slopes: Sequence[NetBStarOnP]) -> Table:
    return Table.of(
        "B* ~ P^x",
        slopes,
        (
            *(
                *(_OF[:3]),
                ("alpha", "{alpha:.4g}"),
                ("x", "{x:.3f}"),
                ("predicted", "{predicted:.3f}"),
            ),
            *(("agree", "{agrees}"), ("gamma", "{gamma:.3f}"), ("x - gamma", "{difference:.3f}")),
            *(("syst.", "{systematic:.3f}"), ("window", "{window}")),
        ),
        "gamma: of ||w - w_0|| ~ T P^gamma where noise dominates, in the same runs. Intervals: "
        "95 %, jackknife over seeds.",
    )


PLANE = Plane(
    defaults={
        **DEFAULTS,
        "depth": (3,),
        "width": (64,),
        "P": (256, 512, 1024),
        "B": tuple(2 ** np.arange(11).astype(int)),
        "eta": tuple(2.0 ** np.arange(-15, 6)),
        "alpha": (2.0**15,),
        "seeds": 8,
        "max_steps": 100_000,
        "kernel": LAZY,
        "folder": None,
    },
    observables=("dw", "dw_rel", "test_error", "t_star", "alignment"),
    maps=_maps,
    conclude=_conclude,
    packages=PACKAGES,
)
