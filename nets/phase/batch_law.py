"""The law of the three phases in maps of nets: of all seeds, and without each.

Runs of a seed share data and weights over all maps, and the kernel that predicts: seeds are the
units, and a prediction is compared with the runs of the same seeds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nets.max_margin.crossovers import Crossovers
from nets.phase.batch_entries import NetBoundary, PhaseSlope
from nets.phase.crossings import table_of
from perceptron_sim.analysis.exponents import span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.arrays import FloatArray
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.entries import Estimate, near
from perceptron_sim.phase.jackknife import jackknife
from perceptron_sim.phase.law import LawFit, fit_law

# How far beyond a boundary, in T or eta and in B, exponents are those of one phase.
_FAR, _FAR_B = 8.0, 4.0


@dataclass(frozen=True, eq=False)
class SeedFits:
    """The law in one map.

    Attributes:
        whole: of all seeds.
        without: with each seed left out; None where it is not determined.
        cells: fitted cells.
    """

    whole: LawFit
    without: tuple[LawFit | None, ...]
    cells: pd.DataFrame

    def log_of(self, name: str, keep: Sequence[int]) -> float:
        """Return ln of a number of the law, of the seeds in ``keep``: all, or all but one."""
        n = len(self.without)
        fit = self.whole
        if len(keep) < n:
            (left,) = set(range(n)) - set(keep)
            part = self.without[left]
            if part is None:
                return math.nan
            fit = part
        return math.log(getattr(fit, name).value)


def fit_cells(cells: pd.DataFrame, keep: Sequence[int] | None = None) -> LawFit | None:
    """Fit the law to ||w - w_0|| in the cells of one map, of the seeds in ``keep``."""
    if len(cells) == 0:
        return None
    B = cells["B"].to_numpy(dtype=np.float64)
    tau = cells["eta"].to_numpy(dtype=np.float64) * cells["alpha"] / (B * cells["width"])
    logs = table_of(cells, "dw") + np.log(cells["alpha"].to_numpy(dtype=np.float64))[:, None]
    chosen = logs if keep is None else logs[:, keep]
    return fit_law(tau.to_numpy(dtype=np.float64), B, list(chosen), first_step=True)


def fits_of(cells: pd.DataFrame) -> SeedFits | None:
    """Return the law in a map, None where it is not determined."""
    fitted = cells[cells["status"] == FITTED]
    whole = fit_cells(fitted)
    if whole is None:
        return None
    n = int(fitted["n_seeds"].min())
    keeps = ([s for s in range(n) if s != left] for left in range(n))
    parts = [fit_cells(fitted, keep) for keep in keeps] if n > 1 else [None]
    return SeedFits(whole, tuple(parts), fitted)


def boundary(
    fits: SeedFits, name: str, expected: Sequence[Crossovers] | None, of_theory: float
) -> NetBoundary:
    """Return a number of the law next to what the kernels of the same seeds predict.

    The misfit of the law adds to the scatter of seeds.

    Args:
        fits: of one map.
        name: "tau_c", "plateau" or "B_star".
        expected: predictions, one for each seed; or None.
        of_theory: standard error of their ln.
    """
    alone: Estimate = getattr(fits.whole, name)
    field = {"tau_c": "T_c_over_kappa"}.get(name, name)
    logs = np.array([math.nan if e is None else math.log(e) for e in _each(expected, field)])

    def statistic(keep: list[int]) -> FloatArray:
        at = fits.log_of(name, keep)
        return np.array([at, at - logs[keep].mean() if len(logs) else math.nan])

    own, ratio = jackknife(statistic, len(fits.without), alone.error)
    found = alone if own is None else own.of_exp()
    known = bool(len(logs)) and bool(np.all(np.isfinite(logs)))
    return NetBoundary(
        *(found.value, found.error, found.ci_low, found.ci_high),
        dof=found.dof,
        predicted=float(np.exp(logs.mean())) if known else None,
        prediction_error=of_theory if known else None,
        ratio=None if ratio is None else ratio.interval(),
        agrees=None if ratio is None else near(ratio.value, ratio.error, ratio.dof, of_theory),
    )


def _each(expected: Sequence[Crossovers] | None, field: str) -> list[float | None]:
    return [getattr(each, field) for each in expected or ()]


def phase_slopes(fits: SeedFits) -> tuple[PhaseSlope, ...]:
    """Return exponents of ||w - w_0|| and of the test error within each phase.

    Cells count that lie beyond its boundaries by a factor 8 in T or eta, and 4 in B. Of ||w - w_0||
    noise makes T and the first step eta; gradient descent keeps it. The test error depends on
    nothing else.
    """
    law, cells = fits.whole, fits.cells
    assert law.B_star is not None
    B = cells["B"] / law.B_star.value
    T = cells["eta"] / (cells["B"] * cells["width"])
    over = T * cells["alpha"] / law.tau_c.value
    phases = (
        ("noise", "T", 1.0, (over >= _FAR) & (B <= 1.0 / _FAR_B)),
        ("first step", "eta", 1.0, (over * B >= _FAR) & (B >= _FAR_B)),
        ("gradient descent", "T", 0.0, np.maximum(over, over * B) <= 1.0 / _FAR),
    )
    table = cells.assign(T=T)
    found = []
    for phase, rules, expected, inside in phases:
        # Of the test error a phase says that it depends on nothing but what rules the weights.
        on_error = None if expected else 0.0
        for quantity, along in (("dw", expected), ("test_error", on_error)):
            for on, fixed, claimed in ((rules, "B", along), ("B", rules, 0.0)):
                found.append(_slope(table[inside], phase, quantity, on, fixed, claimed))
    return tuple(slope for slope in found if slope is not None)


def _slope(
    cells: pd.DataFrame, phase: str, quantity: str, on: str, fixed: str, expected: float | None
) -> PhaseSlope | None:
    if len(cells) == 0:
        return None
    # Lattices of eta and B may make a T twice, with different rounding.
    groups = [f"{value:.9e}" for value in cells[fixed]]
    logs = list(table_of(cells, quantity))
    fit = fit_power_law(cells[on].tolist(), logs, groups, by_seed=True)
    if fit is None:
        return None
    window = f"B {span(cells['B'].tolist())}, T {span(cells['T'].tolist())}"
    ends = (fit.slope, fit.ci_low, fit.ci_high)
    return PhaseSlope(
        *ends, phase, quantity, on, fixed, expected, window, fit.n_points, dof=fit.dof
    )
