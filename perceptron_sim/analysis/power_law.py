"""Power-law fits with intervals that cover at their nominal rate.

The data are logarithms of an observable, several seeds at each grid point. The exponent is the
weighted least-squares slope of their means, with one intercept for each group of points. Raw
1/se^2 weights under-cover badly below ten seeds, so the variance over seeds is smoothed over
the grid first: a log-linear gamma regression of the sample variances. Quantiles are Student-t.

Where the runs of a seed share something at all grid points (its data, its initial weights), points
are correlated. Then the seed is the independent unit. The error of the slope is that of the mean
over seeds of each seed's own slope.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import LEVEL, quantile

_BOOTSTRAP_FROM = 20
# Variance of logs of runs that are all identical.
_ROUNDING = 1e-30


@dataclass(frozen=True)
class PowerLawFit:
    """A fitted exponent. All numbers are dimensionless.

    Attributes:
        slope: exponent, d ln(observable) / d ln(x).
        std_error: its standard error, from the spread over seeds.
        ci_low, ci_high: 95 % confidence interval, statistical.
        systematic: largest shift of the slope when the lower or upper third of the window is
            left out; NaN below four distinct x.
        chi2: weighted sum of squared residuals of the means; with correlated points scaled by the
            scatter of seeds. Its expectation is chi2_dof in both cases.
        chi2_dof: degrees of freedom of ``chi2``.
        n_points: grid points used.
        n_seeds: smallest number of seeds at a point.
        dof: degrees of freedom of ``std_error`` and of the interval (Student's t).
        bootstrap_low, bootstrap_high: 95 % BCa interval over whole seeds, as a cross-check;
            NaN below 20 common seeds.
        expected_slope: slope of the expected means with the same weights; NaN without them.
        expected_chi2: misfit of the expected means, with a free level in each group; it has one
            degree of freedom more than ``chi2``.
        expected_error: standard error of ``expected_slope`` for an independent error of 1 in the
            expected mean at each distinct x.
    """

    slope: float
    std_error: float
    ci_low: float
    ci_high: float
    systematic: float
    chi2: float
    chi2_dof: int
    n_points: int
    n_seeds: int
    dof: float
    bootstrap_low: float = math.nan
    bootstrap_high: float = math.nan
    expected_slope: float = math.nan
    expected_chi2: float = math.nan
    expected_error: float = math.nan


def fit_power_law(
    x: Sequence[float],
    logs: Sequence[FloatArray],
    groups: Sequence[Hashable] | None = None,
    expected: Sequence[float] | None = None,
    *,
    by_seed: bool = False,
    correction: float | None = None,
) -> PowerLawFit | None:
    """Fit ln(observable) = intercept(group) + slope ln(x) [+ c x^-correction].

    Args:
        x: positive abscissa of each of n grid points, shape (n,).
        logs: ln(observable) of every seed at each point, n arrays of shape (seeds,); points with
            fewer than two seeds are left out.
        groups: label of each point, shape (n,); points of a group share an intercept, and all
            share the slope.
        expected: predicted mean of ln(observable) at each point, shape (n,), finite; it is fitted
            with the same weights.
        by_seed: whether points are correlated within a seed. Then entry s of every array belongs
            to seed s, and all arrays have the same length.
        correction: power of a correction term that vanishes as x grows, with one free amplitude c
            for all groups. The slope is then that for x -> infinity. None for a pure power law.

    Returns:
        The fit, or None if no group has two distinct x (three with a correction).

    Raises:
        ValueError: if ``by_seed`` and seeds are missing at some point.

    >>> import numpy as np
    >>> from perceptron_sim import fit_power_law
    >>> noise = 0.1 * np.random.default_rng(0).normal(size=(4, 6))
    >>> P = [64.0, 128.0, 256.0, 512.0]
    >>> fit = fit_power_law(P, [0.5 * np.log(x) + seeds for x, seeds in zip(P, noise)])
    >>> fit.ci_low < 0.5 < fit.ci_high
    True
    """
    if by_seed and len({len(values) for values in logs}) > 1:
        raise ValueError("a fit by seed needs the same seeds at every point")
    labels = [0] * len(x) if groups is None else list(groups)
    usable = [i for i, values in enumerate(logs) if len(values) >= 2]
    points = _Points(
        log_x=np.log([x[i] for i in usable]),
        logs=[np.asarray(logs[i], dtype=np.float64) for i in usable],
        group=_codes([labels[i] for i in usable]),
        correction=correction,
    )
    means = None if expected is None else [expected[i] for i in usable]
    return _fit(points, means, by_seed) if usable else None


def _fit(points: "_Points", expected: Sequence[float] | None, by_seed: bool) -> PowerLawFit | None:
    weights = _projector(points)
    if weights is None:
        return None
    slope = float(weights.slope @ points.means)
    std_error = math.sqrt(float(np.sum(weights.slope**2 * weights.variance)))
    dof = weights.dof
    residuals = points.means - weights.hat @ points.means
    chi2 = float(np.sum(residuals**2 / weights.variance))
    chi2_dof = len(points.logs) - points.design.shape[1]
    if by_seed:
        table = np.vstack(points.logs)
        std_error, dof = _error_of_mean(weights.slope @ table), table.shape[1] - 1.0
        chi2 = chi2_dof * _misfit_by_seed(table - weights.hat @ table, weights.variance)
    half = std_error * quantile(dof)
    low, high = _bootstrap(points, weights.slope)
    return PowerLawFit(
        slope=slope,
        std_error=std_error,
        ci_low=slope - half,
        ci_high=slope + half,
        systematic=_window_shift(points, slope),
        chi2=chi2,
        chi2_dof=chi2_dof,
        n_points=len(points.logs),
        n_seeds=min(len(values) for values in points.logs),
        dof=dof,
        bootstrap_low=low,
        bootstrap_high=high,
        **_expectation(points, weights, expected),
    )


def _error_of_mean(values: FloatArray) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(values.size))


def _misfit_by_seed(residuals: FloatArray, variance: FloatArray) -> float:
    """Return the squared mean residuals over their expectation from the scatter of seeds.

    Args:
        residuals: of every seed, shape (points, seeds).
        variance: inverse of the weights of the points, shape (points,).
    """
    scatter = residuals.var(axis=1, ddof=1) / residuals.shape[1]
    expected = float(np.sum(scatter / variance))
    found = float(np.sum(residuals.mean(axis=1) ** 2 / variance))
    return found / expected if expected > 0 else 0.0


def _expectation(
    points: "_Points", weights: "_Projector", expected: Sequence[float] | None
) -> dict[str, float]:
    """Return the same fit to predicted means, as fields of PowerLawFit."""
    if expected is None or not np.all(np.isfinite(expected)):
        return {}
    means = np.asarray(expected, dtype=np.float64)
    difference = points.means - means
    level = np.zeros_like(difference)
    for group in range(int(points.group.max()) + 1):
        members = points.group == group
        level[members] = np.average(difference[members], weights=1.0 / weights.variance[members])
    # One error at each x, shared by the groups.
    at_x = [weights.slope[points.log_x == x].sum() for x in np.unique(points.log_x)]
    return {
        "expected_slope": float(weights.slope @ means),
        "expected_chi2": float(np.sum((difference - level) ** 2 / weights.variance)),
        "expected_error": float(np.sqrt(np.sum(np.square(at_x)))),
    }


@dataclass(frozen=True, eq=False)
class _Points:
    log_x: FloatArray
    logs: list[FloatArray]
    group: np.ndarray
    correction: float | None = None

    @property
    def design(self) -> FloatArray:
        """Design matrix with the slope in the last column, shape (points, parameters)."""
        groups = np.arange(int(self.group.max()) + 1 if len(self.group) else 0)
        columns = [(self.group[:, None] == groups).astype(np.float64)]
        if self.correction is not None:
            columns.append(np.exp(-self.correction * (self.log_x - self.log_x.min()))[:, None])
        return np.hstack([*columns, self.log_x[:, None]])

    @property
    def means(self) -> FloatArray:
        return np.array([values.mean() for values in self.logs])

    def subset(self, keep: np.ndarray) -> "_Points":
        chosen = np.flatnonzero(keep)
        group = _codes([int(g) for g in self.group[chosen]])
        logs = [self.logs[i] for i in chosen]
        return _Points(self.log_x[chosen], logs, group, self.correction)


@dataclass(frozen=True, eq=False)
class _Projector:
    """Slope and fitted values as linear functions of the means, and the means' variances."""

    slope: FloatArray
    hat: FloatArray
    variance: FloatArray
    dof: float


def _projector(points: _Points) -> _Projector | None:
    design = points.design
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    nu = np.array([len(values) - 1 for values in points.logs], dtype=np.float64)
    sample_variance = np.array([values.var(ddof=1) for values in points.logs])
    variance = _smooth_variance(points.log_x, sample_variance, nu) / (nu + 1.0)
    root = 1.0 / np.sqrt(variance)
    inverse = np.linalg.pinv(design * root[:, None]) * root[None, :]
    # Two parameters are spent on the variance, and each is known as well as from half the data.
    return _Projector(inverse[-1], design @ inverse, variance, max(1.0, nu.sum() / 2.0 - 1.0))


def _smooth_variance(log_x: FloatArray, variance: FloatArray, nu: FloatArray) -> FloatArray:
    """Smooth sample variances over the grid: ln sigma^2 = p + q ln x by gamma regression."""
    scale = float(np.average(variance, weights=nu))
    if scale <= 0.0:
        # All seeds agree to the last bit, so only rounding is uncertain.
        return np.full_like(variance, _ROUNDING)
    centred = log_x - log_x.mean()
    if np.ptp(centred) == 0.0:
        return np.full_like(variance, scale)
    design = np.column_stack([np.ones_like(centred), centred])
    # Weights of the regression are the same at every step.
    root = np.sqrt(nu)
    smoother = design @ np.linalg.pinv(design * root[:, None]) * root
    eta = np.full_like(variance, math.log(scale))
    for _ in range(50):
        working = eta + variance * np.exp(-eta) - 1.0
        # Bounded steps keep a wild start from overflowing; the fixed point is the same.
        step = np.clip(smoother @ working - eta, -2.0, 2.0)
        eta = eta + step
        if np.max(np.abs(step)) < 1e-10:
            break
    return np.exp(eta)


def _window_shift(points: _Points, slope: float) -> float:
    distinct = np.unique(points.log_x)
    if len(distinct) < 4:
        return math.nan
    third = max(1, len(distinct) // 3)
    shifts = []
    for keep in (points.log_x >= distinct[third], points.log_x <= distinct[-1 - third]):
        part = points.subset(keep)
        weights = _projector(part)
        if weights is not None:
            shifts.append(abs(float(weights.slope @ part.means) - slope))
    return max(shifts, default=math.nan)


def _bootstrap(points: _Points, slope_weights: FloatArray) -> tuple[float, float]:
    """Return the BCa interval of the mean over seeds of each seed's own slope."""
    lengths = {len(values) for values in points.logs}
    if len(lengths) != 1 or min(lengths) < _BOOTSTRAP_FROM:
        return math.nan, math.nan
    slopes = slope_weights @ np.vstack(points.logs)
    if np.ptp(slopes) == 0.0:
        return float(slopes[0]), float(slopes[0])
    from scipy import stats

    rng = np.random.default_rng(0)
    interval = stats.bootstrap(
        (slopes,), np.mean, confidence_level=LEVEL, n_resamples=4000, method="BCa", rng=rng
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _codes(labels: Sequence[Hashable]) -> np.ndarray:
    known = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([known[label] for label in labels], dtype=np.int64)
