"""From stored runs to exponents: which runs enter which fit, and what theory predicts for it.

Perceptrons, nets, linearised nets and imported runs share one type of row and one way of fitting.
"""

import math
from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from perceptron_sim.analysis.power_law import PowerLawFit, fit_power_law
from perceptron_sim.analysis.summary import Entry
from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import quantile
from perceptron_sim.status import Status
from perceptron_sim.store.schema import IMPORTED, PERCEPTRON
from perceptron_sim.theory import exponents
from perceptron_sim.theory.prediction import accuracy, accuracy_of_exponents, trusted_ends

# From this T/kappa on, ||w|| of perceptrons is proportional to T within a per cent
# (docs/conventions.md).
NOISE_DOMINATED = 512.0
# Standard error of ln ||w - w_0|| of nets by the max-margin law, as found at one sample per step:
# over T, and over P at one T (docs/lazy.md).
NET_ACCURACY = {"T": 0.1, "P": 0.03}
# Words of tables for whether a measurement agrees with its prediction; None without a prediction.
AGREES: dict[bool | None, str] = {True: "yes", False: "NO", None: "-"}

# What the runs of a fit share; null where a model has no such parameter.
SHARED = ("model", "data", "chi", "d", "arch", "depth", "width", "act", "B")
POINT = ("P", "T", "kappa")
_READ = (
    *(*POINT, "seed", "shared_seeds", "status", "dynamics", "kernel"),
    *("w_norm", "dw", "dw_rel", "dw_predicted", "cold", "t_star"),
)
_INTEGERS = ("d", "depth", "width", "B")


@dataclass(frozen=True)
class ExponentRow(Entry):
    """One measured exponent next to its predictions: docs/theory.md (17), (28).

    For perceptrons ||w|| is meant literally. For nets it stands for ||w - w_0||/||w_0||, or for
    ||w|| if they start at 0.

    Attributes:
        quantity: "delta" (||w|| on T), "t_star_on_T", "gamma" (||w|| on P), "b" (t* on P),
            "b - 1 - 2 gamma" (0 in the paper, for any chi) or, for nets, "chi_eff" = 1/gamma - 1.
        model: what was simulated: "perceptron", "net", "lazy" (the limit alpha -> infinity) or
            a model of another program.
        variable: "T" or "P", the abscissa of the fit.
        data, chi, d, arch, depth, width, act, B: what the runs share; None for what a model does
            not have.
        window: ranges of P and T of the runs in the fit, in words.
        n_seeds: smallest number of seeds at a grid point.
        n_points: grid points in the fit.
        measured: the exponent.
        std_error: its standard error, or None.
        dof: degrees of freedom of that error, or None.
        ci_low, ci_high: 95 % statistical interval; None where it has no bound.
        systematic: largest shift if a third of the window is left out, or None.
        chi2_per_dof: misfit of the power law, or None without spare points.
        bootstrap_low, bootstrap_high: 95 % BCa interval over seeds, from 20 seeds on, or None.
        asymptotic: prediction for P/d -> infinity and T/kappa -> infinity, or None.
        finite_size: the same fit to the predicted means at the same points (``theory.predict``,
            for nets column ``dw_predicted``), or None where no prediction is trusted.
        finite_size_error: its standard error, from the measured accuracy of the predictions.
        finite_size_chi2: misfit per degree of freedom of the predicted means, with a free level,
            or None without spare points.
        agrees: whether measurement and ``finite_size`` agree at 95 %, both errors taken together,
            or None.
        shared_seeds: whether runs of a seed share data or weights. Then seeds are independent, and
            runs are not.
    """

    quantity: str
    model: str
    variable: str
    data: str | None
    chi: float | None
    d: int
    arch: str | None
    depth: int | None
    width: int | None
    act: str | None
    B: int
    window: str
    n_seeds: int
    n_points: int
    measured: float
    std_error: float | None
    dof: float | None
    ci_low: float | None
    ci_high: float | None
    systematic: float | None
    chi2_per_dof: float | None
    bootstrap_low: float | None
    bootstrap_high: float | None
    asymptotic: float | None
    finite_size: float | None = None
    finite_size_error: float | None = None
    finite_size_chi2: float | None = None
    agrees: bool | None = None
    shared_seeds: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the row as an object of summary.json."""
        # Version 0.1 called the prediction for nets "expected".
        return asdict(self) | ({} if self.model == PERCEPTRON else {"expected": self.asymptotic})

    @classmethod
    def from_json(cls, found: Any, where: str = "summary.json") -> "ExponentRow":
        """Return the row ``found`` that this or an earlier ``to_json`` wrote at place ``where``."""
        renamed = isinstance(found, dict) and "expected" in found and "asymptotic" not in found
        return super().from_json(
            found | {"asymptotic": found["expected"]} if renamed else found, where
        )


# Powers of ||w|| and t* in the fitted observables. t*/||w||^2 ~ P^(b - 2 gamma) is one fit, so that
# it accounts for the correlation of t* and ||w||.
_OBSERVABLES = {"w": (1.0, 0.0), "t": (0.0, 1.0), "t/w^2": (-2.0, 1.0)}


@dataclass(frozen=True, eq=False)
class GridPoint:
    """A grid point at which every run was fitted.

    Attributes:
        P, T, kappa: its parameters.
        log_w, log_t: ln of ||w||/T and t*/T of its runs, in the order of seeds, shape (seeds,).
        expected_w, expected_t: predicted means of these, NaN where no prediction is trusted.
        cold: for nets, whether kick <= kappa/20 in most runs, so that kappa alone sets their end.
    """

    P: int
    T: float
    kappa: float
    log_w: FloatArray
    log_t: FloatArray
    expected_w: float = math.nan
    expected_t: float = math.nan
    cold: bool = False

    @property
    def noise_dominated(self) -> bool:
        """Whether ||w|| of a perceptron is proportional to T here."""
        return NOISE_DOMINATED * self.kappa <= self.T

    def logs(self, observable: str) -> FloatArray:
        """Return ln of "w", "t" or "t/w^2" of every seed, in units of T."""
        of_w, of_t = _OBSERVABLES[observable]
        return of_w * self.log_w + of_t * self.log_t

    def expected(self, observable: str) -> float:
        """Return the predicted mean of ``logs``."""
        powers = zip(_OBSERVABLES[observable], (self.expected_w, self.expected_t), strict=True)
        return sum(power * mean for power, mean in powers if power)


def exponent_rows(frame: pd.DataFrame) -> list[ExponentRow]:
    """Fit every exponent that the runs in ``frame`` determine.

    Runs are grouped by what they share, and runs of a seed that share data or weights apart from
    those that do not. Fits on T take an intercept for each (P, kappa), fits on
    P one for each (T, kappa). Runs that are one trajectory in other units count once
    (``distinct``). A point at which some run was not fitted is left out whole, as its
    mean is biased. Of perceptrons only noise-dominated points (T/kappa >= 512) enter, if there are
    any, and of nets none at kick <= kappa/20 (docs/lazy.md) where that is known and others are
    there. Runs of a seed that share data or weights are fitted with the seed as the independent
    unit, and of these only seeds that are there at every point.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.

    Returns:
        Rows ordered by what the runs share.
    """
    shared = [name for name in SHARED if name in frame]
    # The rest, courses of runs above all, would be copied with every group.
    frame = frame[[*shared, *(name for name in _READ if name in frame)]]
    rows: list[ExponentRow] = []
    for _, runs in distinct(frame).groupby([*shared, "shared_seeds"], sort=True, dropna=False):
        rows.extend(_rows(runs))
    return rows


def distinct(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the runs less those that are the trajectory of another run in other units.

    Perceptrons of one seed and one kappa/T have the same random numbers, and T only scales them
    (docs/theory.md (M2)): all T at kappa = 0. The run at the lowest T stays. Imported runs count as
    one trajectory only if they are seen to be, as another program may draw other numbers.

    Args:
        frame: rows as in ``store.schema.SCHEMA``, each with an index of its own.
    """
    known = [name for name in (*SHARED, "dynamics", "kernel", "P", "seed") if name in frame]
    mine = frame[frame["model"] == PERCEPTRON].sort_values("T", kind="stable")
    if mine.empty:
        return frame
    imported = mine["kernel"] == IMPORTED
    own = (mine["w_norm"] / mine["T"]).where(imported).map("{:.9e}".format)
    copies = mine[known].assign(ratio=mine["kappa"] / mine["T"], own=own).duplicated()
    return frame.drop(index=mine.index[copies])


def points_left_out(frame: pd.DataFrame) -> int:
    """Return the number of grid points that fits leave out because a run was not fitted."""
    point = [frame[name] for name in (*SHARED, *POINT, "shared_seeds") if name in frame]
    return int((frame["status"] != Status.FITTED).groupby(point, dropna=False).any().sum())


def size_of(runs: pd.DataFrame) -> str:
    """Return the column that tells the size of what was learned."""
    if (runs["model"] == PERCEPTRON).all():
        return "w_norm"
    # A net started at 0 has no scale to refer to.
    return "dw" if runs.loc[runs["status"] == Status.FITTED, "dw_rel"].isna().any() else "dw_rel"


def grid_points(runs: pd.DataFrame) -> list[GridPoint]:
    """Return the points at which every run was fitted, of runs that share all but P, T, kappa."""
    ordered = runs.sort_values([*POINT, "seed"], kind="stable")
    fitted = (ordered["status"] == Status.FITTED).to_numpy()
    T_of_run = ordered["T"].to_numpy(dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Points with a run that was not fitted have no use for what this makes of it.
        log_w = np.log(ordered[size_of(ordered)].to_numpy(dtype=np.float64) / T_of_run)
        log_t = np.log(ordered["t_star"].to_numpy(dtype=np.float64) / T_of_run)
    points = []
    for shared, at in ordered.groupby(list(POINT), sort=True).indices.items():
        P, T, kappa = cast(tuple[int, float, float], shared)
        if not fitted[at].all():
            continue
        points.append(GridPoint(int(P), float(T), float(kappa), log_w[at], log_t[at]))
    return _with_predictions(points, ordered)


def _at_every_point(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs of the seeds that are there at every point."""
    n_points = len(runs[list(POINT)].drop_duplicates())
    there = runs.drop_duplicates([*POINT, "seed"]).groupby("seed").size()
    return runs[runs["seed"].isin(there.index[there == n_points])]


def _with_predictions(points: list[GridPoint], runs: pd.DataFrame) -> list[GridPoint]:
    if not points:
        return points
    if runs["model"].iloc[0] != PERCEPTRON:
        return _of_nets(points, runs) if "dw_predicted" in runs else points
    first = runs.iloc[0]
    P, T, kappa = (np.array([getattr(point, name) for point in points]) for name in POINT)
    ends = trusted_ends(float(first["chi"]), P, int(first["d"]), int(first["B"]), kappa / T)
    means = zip(points, np.log(ends.w_norm), np.log(ends.t_star), strict=True)
    return [replace(point, expected_w=float(w), expected_t=float(t)) for point, w, t in means]


def _of_nets(points: list[GridPoint], runs: pd.DataFrame) -> list[GridPoint]:
    logs = runs.assign(ratio=np.log(runs["dw_predicted"] / runs["dw"]))
    means = logs.groupby(list(POINT))[["ratio", "cold"]].mean().astype(float)
    ratio, cold = means["ratio"], means["cold"]
    found = ((point, (point.P, point.T, point.kappa)) for point in points)
    return [
        replace(p, expected_w=float(p.log_w.mean() + ratio[at]), cold=bool(cold[at] > 0.5))
        for p, at in found
    ]


def _rows(runs: pd.DataFrame) -> Iterator[ExponentRow]:
    first = runs.iloc[0]
    perceptron = first["model"] == PERCEPTRON
    by_seed = bool(first["shared_seeds"])
    points = grid_points(_at_every_point(runs) if by_seed else runs)
    noisy = [point for point in points if perceptron and point.noise_dominated]
    chosen = noisy or [point for point in points if not point.cold] or points
    if not chosen:
        return
    shared = shared_by(runs)
    shared["window"] = window_of(chosen, int(first["d"]) if perceptron else None)
    shared["shared_seeds"] = by_seed
    on = {"T": [point.T for point in chosen], "P": [float(point.P) for point in chosen]}
    groups: dict[str, list[Hashable]] = {
        "T": [(point.P, point.kappa) for point in chosen],
        # Of perceptrons only kappa/T matters, and the T of a trajectory may differ between P.
        "P": [p.kappa / p.T if perceptron else (p.T, p.kappa) for p in chosen],
    }
    theory = exponents(float(first["chi"])) if perceptron else None
    of_w, of_t = accuracy(int(first["d"])) if perceptron else (0.0, 0.0)
    errors = {"w": of_w, "t": of_t, "t/w^2": of_t}
    of_gamma, of_b = accuracy_of_exponents(float(first["chi"])) if perceptron else (0.0, 0.0)
    drifts = {"w": of_gamma, "t": of_b, "t/w^2": of_b}
    for quantity, variable, observable, offset, asymptotic in (
        # In units of T, so that what is fitted is the exponent less 1.
        ("delta", "T", "w", -1.0, 1.0),
        ("t_star_on_T", "T", "t", -1.0, 1.0),
        ("gamma", "P", "w", 0.0, theory.gamma if theory else None),
        ("b", "P", "t", 0.0, theory.b if theory else None),
        ("b - 1 - 2 gamma", "P", "t/w^2", 1.0, 0.0),
    ):
        fit = fit_power_law(
            on[variable],
            [point.logs(observable) for point in chosen],
            groups[variable],
            [point.expected(observable) for point in chosen],
            by_seed=by_seed,
        )
        if fit is None:
            continue
        # On T the scale invariance (docs/theory.md (M2)) leaves no room for an error of the
        # prediction.
        on_P = variable == "P"
        error = errors[observable] if on_P or not noisy else 0.0
        drift = drifts[observable] if on_P else 0.0
        error = error if perceptron else NET_ACCURACY[variable]
        named = {"quantity": quantity, "variable": variable, "asymptotic": asymptotic}
        row = _row(fit, offset, (error, drift), shared | named)
        yield row
        if quantity == "gamma" and not perceptron and row.measured > 0.0:
            yield _chi_eff(row)


def _row(
    fit: PowerLawFit, offset: float, of_theory: tuple[float, float], named: dict[str, Any]
) -> ExponentRow:
    """Return the row of a fit; ``of_theory``: errors of predicted means, and of slopes."""
    predicted = math.isfinite(fit.expected_slope)
    error = math.hypot(of_theory[0] * fit.expected_error, of_theory[1])
    # Quantiles of the measurement's own interval; the prediction's error is normal.
    half = math.hypot(0.5 * (fit.ci_high - fit.ci_low), quantile() * error)
    return ExponentRow(
        **named,
        n_seeds=fit.n_seeds,
        n_points=fit.n_points,
        measured=fit.slope - offset,
        std_error=fit.std_error,
        dof=fit.dof,
        ci_low=fit.ci_low - offset,
        ci_high=fit.ci_high - offset,
        systematic=or_none(fit.systematic),
        chi2_per_dof=fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
        bootstrap_low=or_none(fit.bootstrap_low - offset),
        bootstrap_high=or_none(fit.bootstrap_high - offset),
        finite_size=fit.expected_slope - offset if predicted else None,
        finite_size_error=error if predicted else None,
        finite_size_chi2=fit.expected_chi2 / (fit.chi2_dof + 1) if predicted else None,
        agrees=abs(fit.slope - fit.expected_slope) <= half if predicted else None,
    )


def _chi_eff(gamma: ExponentRow) -> ExponentRow:
    """Return chi_eff = 1/gamma - 1; its interval is the image of gamma's."""
    low, high = gamma.ci_low, gamma.ci_high
    assert low is not None
    assert high is not None
    return replace(
        gamma,
        quantity="chi_eff",
        measured=1.0 / gamma.measured - 1.0,
        std_error=None,
        dof=None,
        ci_low=1.0 / high - 1.0,
        ci_high=1.0 / low - 1.0 if low > 0 else None,
        systematic=None,
        chi2_per_dof=None,
        bootstrap_low=None,
        bootstrap_high=None,
        finite_size=1.0 / gamma.finite_size - 1.0 if gamma.finite_size else None,
        finite_size_error=None,
        finite_size_chi2=None,
    )


def shared_by(runs: pd.DataFrame) -> dict[str, Any]:
    """Return what runs of one group share, by name: None for what their model does not have."""
    first = runs.iloc[0]
    return {name: _plain(first[name], name) if name in runs else None for name in SHARED}


def _plain(value: Any, name: str) -> Any:
    """Return a cell of column ``name`` as a Python number, a string or None."""
    if pd.isna(value):
        return None
    # A column in which some cells are empty holds floats.
    return int(value) if name in _INTEGERS else float(value) if name == "chi" else str(value)


def window_of(points: list[GridPoint], d: int | None) -> str:
    """Return in words over which sizes and temperatures points lie; in units of d, if given."""
    T, kappa = [point.T for point in points], [point.kappa for point in points]
    if d is None:
        return f"P {span([float(point.P) for point in points])}, T {span(T)}, kappa {span(kappa)}"
    over_kappa = [t / k if k else math.inf for t, k in zip(T, kappa, strict=True)]
    ratio = [point.P / d for point in points]
    return f"P/d {span(ratio)}, T {span(T)}, T/kappa {span(over_kappa)}"


def span(values: list[float]) -> str:
    """Return the range of ``values`` in words, one number if they are all equal."""
    low, high = min(values), max(values)
    return f"{low:.4g}" if low == high else f"{low:.4g}..{high:.4g}"


def or_none(value: float) -> float | None:
    """Return ``value``, or None for NaN, of which JSON has no name."""
    return None if math.isnan(value) else value
