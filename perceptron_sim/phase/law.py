"""Fit where regimes meet: the law of ||w|| across noise, gradient descent and the first step.

    ||w|| = kappa A [ (1 + tau/tau_c)^m + (B tau / (tau_c B*))^m ]^(1/m),    tau = T / kappa,

has plateau A, crossover tau_c = T_c/kappa, the batch size B* at which the first step overtakes
noise, and the sharpness m of that corner. The first bracket is exact in the stopping law, eq.
(22) of docs/theory.md; m is descriptive. Without large batches the second bracket is left out.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import mixed_dof, quantile
from perceptron_sim.phase.entries import Estimate

# m of the corner: 1 is a sum, beyond 20 a kink.
_SHARPEST = 20.0


@dataclass(frozen=True)
class LawFit:
    """A fitted law.

    Attributes:
        plateau: A.
        tau_c: T_c / kappa.
        B_star: batch size, or None where the first step was left out.
        sharpness: m, or None.
        rms: root mean square misfit in ln.
        scatter: standard error of a cell in ln, root mean square.
        n_cells: cells used.
    """

    plateau: Estimate
    tau_c: Estimate
    B_star: Estimate | None
    sharpness: float | None
    rms: float
    scatter: float
    n_cells: int

    def log_law(self, tau: FloatArray, B: FloatArray) -> FloatArray:
        """Return ln(||w|| / kappa) at T/kappa = ``tau`` and batch size ``B``."""
        logs = [math.log(self.plateau.value), math.log(self.tau_c.value)]
        if self.B_star is not None and self.sharpness is not None:
            logs += [math.log(self.B_star.value), math.log(self.sharpness)]
        return _log_law(np.asarray(logs), np.log(tau), np.log(B))


def fit_law(
    tau: FloatArray, B: FloatArray, logs: Sequence[FloatArray], first_step: bool
) -> LawFit | None:
    """Fit the law to cells, by least squares in ln.

    Args:
        tau: T / kappa of each cell, shape (n,).
        B: batch size of each cell, shape (n,).
        logs: ln(||w|| / kappa) of every seed, n arrays.
        first_step: fit B* and m too.

    Returns:
        The fit, or None where the cells do not enclose what is to be fitted: fewer than three
        cells to spare, or a crossover outside the values of tau or B.
    """
    n_free = 4 if first_step else 2
    spare = len(logs) - n_free
    if spare < 3:
        return None
    mean = np.array([values.mean() for values in logs])
    counts = np.array([len(values) for values in logs])
    # Cells are weighted by their seeds: the scatter of ln ||w|| is much the same everywhere.
    root = np.sqrt(counts / counts.mean())
    log_tau, log_B = np.log(tau), np.log(B)

    def misfit(free: FloatArray) -> FloatArray:
        return np.asarray(root * (_log_law(free, log_tau, log_B) - mean))

    low = np.array([-50.0, log_tau.min(), log_B.min(), 0.0])[:n_free]
    high = np.array([50.0, log_tau.max(), log_B.max(), math.log(_SHARPEST)])[:n_free]
    if np.any(high <= low):
        return None
    fits = []
    for shares in itertools.product(*((0.3, 0.6), (0.5, 0.8))[: n_free // 2]):
        start = low.copy()
        start[1 : 1 + len(shares)] += np.array(shares) * (high - low)[1 : 1 + len(shares)]
        start[0], start[3:] = mean[np.argmin(tau)], math.log(3.0)
        fits.append(optimize.least_squares(misfit, start, bounds=(low, high), x_scale="jac"))
    best = min(fits, key=lambda fit: fit.cost)
    inner = slice(1, 3 if first_step else 2)
    if np.any(np.minimum(best.x - low, high - best.x)[inner] < 1e-3):
        return None
    scatter = _scatter(logs, counts)
    jacobian = np.asarray(best.jac, dtype=np.float64)
    covariance = max(2.0 * best.cost / spare, scatter**2) * np.linalg.pinv(jacobian.T @ jacobian)
    errors = np.sqrt(np.diag(covariance))
    half = quantile(spare) * errors
    numbers = np.array([np.exp(best.x), errors, np.exp(best.x - half), np.exp(best.x + half)])
    plateau, tau_c, *more = (Estimate(*column.tolist(), dof=spare) for column in numbers.T)
    return LawFit(
        plateau=plateau,
        tau_c=tau_c,
        B_star=more[0] if first_step else None,
        sharpness=more[1].value if first_step else None,
        rms=math.sqrt(2.0 * best.cost / len(logs)),
        scatter=scatter,
        n_cells=len(logs),
    )


def _scatter(logs: Sequence[FloatArray], counts: FloatArray) -> float:
    """Return the standard error of a cell, root mean square, from the pooled scatter of seeds."""
    dof = float(np.sum(counts - 1))
    if dof == 0.0:
        return 0.0
    pooled = sum(float(np.sum((v - v.mean()) ** 2)) for v in logs) / dof
    return math.sqrt(pooled * float(np.mean(1.0 / counts)))


def _log_law(free: FloatArray, log_tau: FloatArray, log_B: FloatArray) -> FloatArray:
    over = log_tau - free[1]
    noise = np.logaddexp(0.0, over)
    if len(free) == 2:
        return np.asarray(free[0] + noise)
    m = math.exp(float(free[3]))
    first = log_B + over - free[2]
    return np.asarray(free[0] + np.logaddexp(m * noise, m * first) / m)


@dataclass(frozen=True)
class Slope:
    """A fitted exponent of numbers with errors.

    Attributes:
        value: the exponent.
        error: its standard error, raised by the misfit if that is larger.
        dof: degrees of freedom of the error.
        expected: the same fit to expected numbers, NaN without.
        expected_error: standard error of ``expected`` for an error of 1 in each expected ln.
    """

    value: float
    error: float
    dof: float
    expected: float
    expected_error: float


def fit_slope(
    x: Sequence[float], estimates: Sequence[Estimate], expected: Sequence[float] | None
) -> Slope | None:
    """Fit ln(estimate) = intercept + slope ln x, weighted by the errors; None below two x."""
    log_x = np.log(np.asarray(x, dtype=np.float64))
    if len(set(log_x.tolist())) < 2:
        return None
    y = np.log([e.value for e in estimates])
    weight = 1.0 / np.square([max(e.error, 1e-9) for e in estimates])
    centred = log_x - float(np.average(log_x, weights=weight))
    linear = weight * centred / float(np.sum(weight * centred**2))
    slope = float(linear @ y)
    left = y - float(np.average(y, weights=weight)) - slope * centred
    excess = float(np.sum(weight * left**2)) / (len(y) - 2) if len(y) > 2 else 0.0
    dofs = [e.dof or math.inf for e in estimates]
    own = mixed_dof(zip((linear**2 / weight).tolist(), dofs, strict=True))
    return Slope(
        value=slope,
        error=math.sqrt(max(1.0, excess) / float(np.sum(weight * centred**2))),
        dof=own if excess <= 1.0 else min(own, len(y) - 2.0),
        expected=math.nan if expected is None else float(linear @ np.log(expected)),
        expected_error=float(np.sqrt(np.sum(linear**2))),
    )
