"""From stored runs to exponents: which runs enter which fit, and what theory says to it."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from perceptron_sim.arrays import FloatArray
from perceptron_sim.experiments.fits import PowerLawFit, fit_power_law
from perceptron_sim.kernels import status
from perceptron_sim.theory import exponents

# From this T/kappa on, ||w|| is proportional to T within a per cent (docs/conventions.md).
NOISE_DOMINATED = 512.0

_POINT = ["chi", "d", "P", "B", "T", "kappa"]


@dataclass(frozen=True)
class ExponentRow:
    """One measured exponent beside its predictions.

    Attributes:
        quantity: "delta", "gamma", "b", "t_star_on_T" or "b - 1 - 2 gamma".
        model: what was simulated, "perceptron".
        variable: "T" or "P", the abscissa of the fit.
        chi, d, B: the parameters shared by the runs of the fit.
        window: the runs that entered, in words.
        n_seeds: fewest seeds at a grid point.
        n_points: grid points in the fit.
        measured: the exponent.
        std_error: its standard error.
        ci_low, ci_high: 95 % statistical interval.
        systematic: largest shift on leaving out a third of the window, or None.
        chi2_per_dof: misfit of the power law, or None without spare points.
        bootstrap_low, bootstrap_high: 95 % BCa interval over seeds, from 20 seeds on, or None.
        asymptotic: prediction for P/d -> infinity and T/kappa -> infinity.
        finite_size: prediction at the P/d of the window, or None where there is none.
        agrees: whether ``finite_size`` lies in the interval, or None.
    """

    quantity: str
    model: str
    variable: str
    chi: float
    d: int
    B: int
    window: str
    n_seeds: int
    n_points: int
    measured: float
    std_error: float
    ci_low: float
    ci_high: float
    systematic: float | None
    chi2_per_dof: float | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    asymptotic: float
    finite_size: float | None
    agrees: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Point:
    """A grid point: its parameters and the logs of its runs, in the order of their seeds."""

    P: int
    T: float
    kappa: float
    log_w: FloatArray
    log_t: FloatArray

    @property
    def noise_dominated(self) -> bool:
        return NOISE_DOMINATED * self.kappa <= self.T


def exponent_rows(frame: pd.DataFrame) -> list[ExponentRow]:
    """Fit every exponent that the runs in ``frame`` determine.

    Runs are grouped by (chi, d, B). Fits on T take an intercept for each (P, kappa), fits on P
    one for each (T, kappa). Only noise-dominated points (T/kappa >= 512) enter, if there are
    any; a point at which some run was not fitted is left out whole, as its mean is biased.

    Args:
        frame: rows as in ``records.SCHEMA``.

    Returns:
        Rows ordered by chi, d, B.
    """
    rows: list[ExponentRow] = []
    for shared, runs in frame.groupby(["chi", "d", "B"], sort=True):
        chi, d, B = cast(tuple[float, int, int], shared)
        rows.extend(_rows(float(chi), int(d), int(B), list(_points(runs))))
    return rows


def censored_points(frame: pd.DataFrame) -> int:
    """Return the number of grid points that fits leave out because a run was not fitted."""
    fitted = frame["status"] == status.NAMES[status.FITTED]
    return int((~fitted).groupby([frame[name] for name in _POINT]).any().sum())


def _points(runs: pd.DataFrame) -> Iterator[_Point]:
    for shared, at_point in runs.groupby(["P", "T", "kappa"], sort=True):
        P, T, kappa = cast(tuple[int, float, float], shared)
        if (at_point["status"] == status.NAMES[status.FITTED]).all():
            ordered = at_point.sort_values("seed")
            yield _Point(
                P=int(P),
                T=float(T),
                kappa=float(kappa),
                log_w=np.log(ordered["w_norm"].to_numpy(dtype=np.float64)),
                log_t=np.log(ordered["t_star"].to_numpy(dtype=np.float64)),
            )


def _rows(chi: float, d: int, B: int, points: list[_Point]) -> Iterator[ExponentRow]:
    noisy = [point for point in points if point.noise_dominated]
    chosen = noisy or points
    if not chosen:
        return
    theory = exponents(chi)
    on_T = [point.T for point in chosen]
    on_P = [point.P for point in chosen]
    same_P = [(point.P, point.kappa) for point in chosen]
    same_T = [(point.T, point.kappa) for point in chosen]
    log_w = [point.log_w for point in chosen]
    log_t = [point.log_t for point in chosen]
    # t*/||w||^2 ~ P^(b - 2 gamma): one fit, so that the correlation of t* and ||w|| is in it.
    log_ratio = [point.log_t - 2.0 * point.log_w for point in chosen]
    window = _window(chosen, d)
    # Exact for T/kappa -> infinity at any P and d, by the scale invariance (THEORY section 2).
    exact = 1.0 if noisy else None
    for quantity, variable, fit, offset, asymptotic, finite_size in (
        ("delta", "T", fit_power_law(on_T, log_w, same_P), 0.0, theory.delta, exact),
        ("t_star_on_T", "T", fit_power_law(on_T, log_t, same_P), 0.0, theory.t_star_on_T, exact),
        ("gamma", "P", fit_power_law(on_P, log_w, same_T), 0.0, theory.gamma, None),
        ("b", "P", fit_power_law(on_P, log_t, same_T), 0.0, theory.b, None),
        ("b - 1 - 2 gamma", "P", fit_power_law(on_P, log_ratio, same_T), 1.0, 0.0, None),
    ):
        if fit is not None:
            yield _row(fit, offset, asymptotic, finite_size, quantity, variable, chi, d, B, window)


def _row(
    fit: PowerLawFit,
    offset: float,
    asymptotic: float,
    finite_size: float | None,
    quantity: str,
    variable: str,
    chi: float,
    d: int,
    B: int,
    window: str,
) -> ExponentRow:
    low, high = fit.ci_low - offset, fit.ci_high - offset
    return ExponentRow(
        quantity=quantity,
        model="perceptron",
        variable=variable,
        chi=chi,
        d=d,
        B=B,
        window=window,
        n_seeds=fit.n_seeds,
        n_points=fit.n_points,
        measured=fit.slope - offset,
        std_error=fit.std_error,
        ci_low=low,
        ci_high=high,
        systematic=_or_none(fit.systematic),
        chi2_per_dof=fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
        bootstrap_low=_or_none(fit.bootstrap_low - offset),
        bootstrap_high=_or_none(fit.bootstrap_high - offset),
        asymptotic=asymptotic,
        finite_size=finite_size,
        agrees=None if finite_size is None else low <= finite_size <= high,
    )


def _window(points: list[_Point], d: int) -> str:
    ratio = [point.P / d for point in points]
    text = f"P/d {_span(ratio)}, T {_span([point.T for point in points])}"
    over_kappa = [point.T / point.kappa if point.kappa else math.inf for point in points]
    return f"{text}, T/kappa {_span(over_kappa)}"


def _span(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g}..{high:.4g}"


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
