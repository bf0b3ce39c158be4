"""From stored runs to exponents: which runs enter which fit, and what theory says to it."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from perceptron_sim.analysis.power_law import PowerLawFit, fit_power_law
from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels import status
from perceptron_sim.store.schema import by_seed
from perceptron_sim.theory import exponents
from perceptron_sim.theory.prediction import accuracy, trusted_end

# From this T/kappa on, ||w|| is proportional to T within a per cent (docs/conventions.md).
NOISE_DOMINATED = 512.0
# How tables say whether a measurement agrees with its prediction; None: there is none.
AGREES: dict[bool | None, str] = {True: "yes", False: "NO", None: "-"}

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
        finite_size: what the fit makes of the predicted means (``theory.predict``) at the same
            points, or None where no prediction is trusted.
        finite_size_error: its standard error, from the measured accuracy of the predictions.
        finite_size_chi2: misfit per degree of freedom of the predicted means, their level left
            free, or None without spare points.
        agrees: whether measurement and ``finite_size`` agree at 95 %, both errors taken together,
            or None.
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
    finite_size_error: float | None
    finite_size_chi2: float | None
    agrees: bool | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class _Point:
    """A grid point: its parameters, the logs of its runs in the order of their seeds, and the
    predicted means of these logs, NaN where no prediction is trusted."""

    P: int
    T: float
    kappa: float
    log_w: FloatArray
    log_t: FloatArray
    expected_w: float
    expected_t: float

    @property
    def noise_dominated(self) -> bool:
        return NOISE_DOMINATED * self.kappa <= self.T


def exponent_rows(frame: pd.DataFrame) -> list[ExponentRow]:
    """Fit every exponent that the runs in ``frame`` determine.

    Runs are grouped by (chi, d, B). Fits on T take an intercept for each (P, kappa), fits on P
    one for each (T, kappa). Only noise-dominated points (T/kappa >= 512) enter, if there are
    any; a point at which some run was not fitted is left out whole, as its mean is biased. Imported
    runs that share data within a seed are fitted with the seed as the independent unit.

    Args:
        frame: rows as in ``records.SCHEMA``.

    Returns:
        Rows ordered by chi, d, B.
    """
    rows: list[ExponentRow] = []
    for shared, runs in frame.groupby(["chi", "d", "B"], sort=True):
        chi, d, B = cast(tuple[float, int, int], shared)
        points = list(_points(float(chi), int(d), int(B), runs))
        by = bool(runs["kernel"].map(by_seed).any())
        rows.extend(_rows(float(chi), int(d), int(B), points, by))
    return rows


def censored_points(frame: pd.DataFrame) -> int:
    """Return the number of grid points that fits leave out because a run was not fitted."""
    fitted = frame["status"] == status.NAMES[status.FITTED]
    return int((~fitted).groupby([frame[name] for name in _POINT]).any().sum())


def _points(chi: float, d: int, B: int, runs: pd.DataFrame) -> Iterator[_Point]:
    for shared, at_point in runs.groupby(["P", "T", "kappa"], sort=True):
        P, T, kappa = cast(tuple[int, float, float], shared)
        if (at_point["status"] == status.NAMES[status.FITTED]).all():
            ordered = at_point.sort_values("seed")
            end = trusted_end(chi, int(P), d, B, float(kappa) / float(T))
            yield _Point(
                P=int(P),
                T=float(T),
                kappa=float(kappa),
                log_w=np.log(ordered["w_norm"].to_numpy(dtype=np.float64)),
                log_t=np.log(ordered["t_star"].to_numpy(dtype=np.float64)),
                expected_w=math.log(T * end.w_norm) if end else math.nan,
                expected_t=math.log(T * end.t_star) if end else math.nan,
            )


def _rows(
    chi: float, d: int, B: int, points: list[_Point], shared_seeds: bool
) -> Iterator[ExponentRow]:
    noisy = [point for point in points if point.noise_dominated]
    chosen = noisy or points
    if not chosen:
        return
    theory = exponents(chi)
    on = {"T": [point.T for point in chosen], "P": [float(point.P) for point in chosen]}
    groups: dict[str, list[tuple[float, float]]] = {
        "T": [(point.P, point.kappa) for point in chosen],
        "P": [(point.T, point.kappa) for point in chosen],
    }
    logs = {
        "w": [point.log_w for point in chosen],
        "t": [point.log_t for point in chosen],
        # t*/||w||^2 ~ P^(b - 2 gamma): one fit, so that the correlation of t* and ||w|| is in it.
        "t/w^2": [point.log_t - 2.0 * point.log_w for point in chosen],
    }
    expected = {
        "w": [point.expected_w for point in chosen],
        "t": [point.expected_t for point in chosen],
        "t/w^2": [point.expected_t - 2.0 * point.expected_w for point in chosen],
    }
    # On T the scale invariance (docs/theory.md (M2)) leaves no room for an error of the prediction.
    of_w, of_t = accuracy(d)
    errors = {"w": of_w, "t": of_t, "t/w^2": of_t}
    for quantity, variable, observable, offset, asymptotic in (
        ("delta", "T", "w", 0.0, theory.delta),
        ("t_star_on_T", "T", "t", 0.0, theory.t_star_on_T),
        ("gamma", "P", "w", 0.0, theory.gamma),
        ("b", "P", "t", 0.0, theory.b),
        ("b - 1 - 2 gamma", "P", "t/w^2", 1.0, 0.0),
    ):
        fit = fit_power_law(
            on[variable],
            logs[observable],
            groups[variable],
            expected[observable],
            by_seed=shared_seeds,
        )
        if fit is not None:
            yield _row(
                fit,
                offset,
                asymptotic,
                errors[observable] if variable == "P" or not noisy else 0.0,
                {"quantity": quantity, "variable": variable, "chi": chi, "d": d, "B": B},
                _window(chosen, d),
            )


def _row(
    fit: PowerLawFit,
    offset: float,
    asymptotic: float,
    prediction_error: float,
    of: dict[str, Any],
    window: str,
) -> ExponentRow:
    predicted = math.isfinite(fit.expected_slope)
    finite_size = fit.expected_slope - offset
    error = prediction_error * fit.expected_error
    # Quantiles of the measurement's own interval; the prediction's error is normal.
    half = math.hypot(0.5 * (fit.ci_high - fit.ci_low), 1.96 * error)
    return ExponentRow(
        **of,
        model="perceptron",
        window=window,
        n_seeds=fit.n_seeds,
        n_points=fit.n_points,
        measured=fit.slope - offset,
        std_error=fit.std_error,
        ci_low=fit.ci_low - offset,
        ci_high=fit.ci_high - offset,
        systematic=or_none(fit.systematic),
        chi2_per_dof=fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
        bootstrap_low=or_none(fit.bootstrap_low - offset),
        bootstrap_high=or_none(fit.bootstrap_high - offset),
        asymptotic=asymptotic,
        finite_size=finite_size if predicted else None,
        finite_size_error=error if predicted else None,
        finite_size_chi2=fit.expected_chi2 / (fit.chi2_dof + 1) if predicted else None,
        agrees=abs(fit.slope - fit.expected_slope) <= half if predicted else None,
    )


def _window(points: list[_Point], d: int) -> str:
    ratio = [point.P / d for point in points]
    text = f"P/d {span(ratio)}, T {span([point.T for point in points])}"
    over_kappa = [point.T / point.kappa if point.kappa else math.inf for point in points]
    return f"{text}, T/kappa {span(over_kappa)}"


def span(values: list[float]) -> str:
    """Return the range of ``values`` in words, one number if they are alike."""
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g}..{high:.4g}"


def or_none(value: float) -> float | None:
    """Return ``value``, or None for NaN, of which JSON has no name."""
    return None if math.isnan(value) else value
