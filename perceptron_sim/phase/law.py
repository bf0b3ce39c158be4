"""Fit where regimes meet: the law of ||w|| across noise, gradient descent and the first step.

    ||w|| = kappa A [ (1 + tau/tau_c)^m + (B tau / (tau_c B*))^m ]^(1/m),    tau = T / kappa,

has plateau A, crossover tau_c = T_c/kappa, the batch size B* at which the first step overtakes
noise, and the sharpness m of that corner. The first bracket is exact in the stopping law, eq.
(22) of docs/theory.md; m is descriptive. Without large batches the second bracket is left out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import quantile

# m of the corner: 1 is a sum, beyond 20 a kink.
_SHARPEST = 20.0


@dataclass(frozen=True)
class Estimate:
    """A fitted positive number.

    Attributes:
        value: the number.
        error: standard error of its ln, from the misfit where that exceeds the scatter of seeds.
        ci_low, ci_high: 95 % interval.
    """

    value: float
    error: float
    ci_low: float
    ci_high: float


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
    if len(logs) < n_free + 3:
        return None
    mean = np.array([values.mean() for values in logs])
    counts = np.array([len(values) for values in logs])
    dof = float(np.sum(counts - 1))
    scatter = 0.0
    if dof > 0:
        pooled = sum(float(np.sum((v - v.mean()) ** 2)) for v in logs) / dof
        scatter = math.sqrt(pooled * float(np.mean(1.0 / counts)))
    # Cells are weighted by their seeds: the scatter of ln ||w|| is much the same everywhere.
    root = np.sqrt(counts / counts.mean())
    log_tau, log_B = np.log(tau), np.log(B)

    def misfit(free: FloatArray) -> FloatArray:
        return np.asarray(root * (_log_law(free, log_tau, log_B) - mean))

    best = None
    low = [-50.0, log_tau.min(), *([log_B.min(), 0.0] if first_step else [])]
    high = [50.0, log_tau.max(), *([log_B.max(), math.log(_SHARPEST)] if first_step else [])]
    if any(b <= a for a, b in zip(low, high, strict=True)):
        return None
    for share in (0.3, 0.6):
        for other in (0.5, 0.8) if first_step else (0.5,):
            start = [float(mean[np.argmin(tau)]), low[1] + share * (high[1] - low[1])]
            if first_step:
                start += [low[2] + other * (high[2] - low[2]), math.log(3.0)]
            found = optimize.least_squares(misfit, start, bounds=(low, high), x_scale="jac")
            if best is None or found.cost < best.cost:
                best = found
    assert best is not None
    free = best.x
    inner = slice(1, 3 if first_step else 2)
    edges = np.minimum(free[inner] - np.array(low)[inner], np.array(high)[inner] - free[inner])
    if np.any(edges < 1e-3):
        return None
    spare = len(logs) - n_free
    variance = max(2.0 * best.cost / spare, scatter**2)
    jacobian = np.asarray(best.jac, dtype=np.float64)
    covariance = variance * np.linalg.pinv(jacobian.T @ jacobian)
    estimates = []
    for at, spread in zip(free.tolist(), np.sqrt(np.diag(covariance)), strict=True):
        half = quantile(spare) * float(spread)
        estimates.append(
            Estimate(
                *(float(v) for v in (np.exp(at), spread, np.exp(at - half), np.exp(at + half)))
            )
        )
    return LawFit(
        plateau=estimates[0],
        tau_c=estimates[1],
        B_star=estimates[2] if first_step else None,
        sharpness=estimates[3].value if first_step else None,
        rms=math.sqrt(2.0 * best.cost / len(logs)),
        scatter=scatter,
        n_cells=len(logs),
    )


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
        expected: the same fit to expected numbers, NaN without.
        expected_error: standard error of ``expected`` for an error of 1 in each expected ln.
    """

    value: float
    error: float
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
    return Slope(
        value=slope,
        error=math.sqrt(max(1.0, excess) / float(np.sum(weight * centred**2))),
        expected=math.nan if expected is None else float(linear @ np.log(expected)),
        expected_error=float(np.sqrt(np.sum(linear**2))),
    )
