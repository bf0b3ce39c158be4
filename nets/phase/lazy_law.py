"""The lazy boundary as the linearisation predicts it.

By the scale invariance (M2) of docs/theory.md, exact for the linearised net too, its weights move
by ||w - w_0|| = kappa F(T/kappa), F = A (1 + tau/tau_c) as in the perceptron: from runs at one
kappa follow those at all. The net is expected to leave the lazy regime where this reaches a
stated fraction of ||w_0||.
"""

import math

import numpy as np
import pandas as pd

from nets.phase.crossings import table_of
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import LawFit, fit_law


def fit_lazy_law(cells: pd.DataFrame) -> LawFit | None:
    """Fit ||w - w_0|| / ||w_0|| = kappa A (1 + tau/tau_c), tau = T/kappa, to lazy cells.

    Args:
        cells: of one net, with ``alpha``.
    """
    fitted = cells[cells["status"] == FITTED]
    if len(fitted) == 0:
        return None
    alpha = fitted["alpha"].to_numpy(dtype=np.float64)
    logs = list(table_of(fitted, "dw_rel") + np.log(alpha)[:, None])
    tau = fitted["T"].to_numpy(dtype=np.float64) * alpha
    return fit_law(tau, np.ones(len(fitted)), logs, first_step=False)


def boundary_T(law: LawFit, alpha: float, level: float) -> float:
    """Return the T at which the law reaches ``level`` at ``alpha``; NaN if it does at any T."""
    above = level * alpha / law.plateau.value - 1.0
    return law.tau_c.value * above / alpha if above > 0.0 else math.nan


def corner(law: LawFit, level: float) -> tuple[float, float]:
    """Return T for alpha -> infinity and alpha for T -> 0 at which the law reaches ``level``."""
    return level * law.tau_c.value / law.plateau.value, law.plateau.value / level
