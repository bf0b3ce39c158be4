"""Exponents of ||w - w_0|| and t* on T and P, from stored runs of nets."""

from collections.abc import Hashable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import or_none, span
from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels import status
from perceptron_sim.store.schema import by_seed

FITTED = status.NAMES[status.FITTED]

SHARED = ["model", "data", "chi", "d", "arch", "depth", "width", "act", "B"]
POINT = [*SHARED, "P", "T", "kappa"]


@dataclass(frozen=True)
class NetExponentRow:
    """One measured exponent of nets alike but for P, T, kappa and seed.

    Attributes:
        quantity: "delta" (||w - w_0||/||w_0|| on T), "t_star_on_T", "gamma" (the former on P),
            "b" (t* on P), "b - 1 - 2 gamma" (0 in the paper, for any chi) or "chi_eff", which
            is 1/gamma - 1.
        model: "net", or "lazy" for the limit alpha -> infinity.
        variable: "T" or "P", the abscissa of the fit.
        data, chi, d, arch, depth, width, act, B: what the runs share; chi is None for images.
        window: the runs that entered, in words.
        n_seeds: fewest seeds at a grid point.
        n_points: grid points in the fit.
        measured: the exponent.
        ci_low, ci_high: 95 % statistical interval; None where it has no bound.
        systematic: largest shift on leaving out a third of the window, or None.
        chi2_per_dof: misfit of the power law, or None without spare points.
        expected: 1 for delta and t* on T, 0 for b - 1 - 2 gamma (paper), else None.
    """

    quantity: str
    model: str
    variable: str
    data: str
    chi: float | None
    d: int
    arch: str
    depth: int
    width: int
    act: str
    B: int
    window: str
    n_seeds: int
    n_points: int
    measured: float
    ci_low: float | None
    ci_high: float | None
    systematic: float | None
    chi2_per_dof: float | None
    expected: float | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)


def exponent_rows(frame: pd.DataFrame) -> list[NetExponentRow]:
    """Fit every exponent that the runs in ``frame`` determine.

    A point at which some run was not fitted is left out whole, as its mean is biased. Fits on T
    take an intercept for each (P, kappa), fits on P one for each (T, kappa). Lazy runs of a seed
    share data and initial weights: their intervals take the seed as the independent unit.

    Args:
        frame: rows as in ``records.SCHEMA``.
    """
    rows: list[NetExponentRow] = []
    for _, runs in frame.groupby(SHARED, sort=True, dropna=False):
        rows.extend(_rows(runs))
    return rows


def points_left_out(frame: pd.DataFrame) -> int:
    """Return the number of grid points that fits leave out because a run was not fitted."""
    return int(
        (frame["status"] != FITTED).groupby([frame[n] for n in POINT], dropna=False).any().sum()
    )


def _rows(runs: pd.DataFrame) -> Iterator[NetExponentRow]:
    first = runs.iloc[0]
    P: list[float] = []
    T: list[float] = []
    kappa: list[float] = []
    log_w: list[FloatArray] = []
    log_t: list[FloatArray] = []
    for _, at_point in runs.groupby(["P", "T", "kappa"], sort=True):
        if (at_point["status"] == FITTED).all():
            ordered = at_point.sort_values("seed")
            P.append(float(ordered["P"].iloc[0]))
            T.append(float(ordered["T"].iloc[0]))
            kappa.append(float(ordered["kappa"].iloc[0]))
            # A net started at 0 has no scale to refer to.
            name = "dw" if ordered["dw_rel"].isna().any() else "dw_rel"
            log_w.append(np.log(ordered[name].to_numpy(dtype=np.float64)))
            log_t.append(np.log(ordered["t_star"].to_numpy(dtype=np.float64)))
    if not P:
        return
    shared: dict[str, Any] = {
        "model": str(first["model"]),
        "data": str(first["data"]),
        "chi": None if pd.isna(first["chi"]) else float(first["chi"]),
        **{name: int(first[name]) for name in ("d", "depth", "width", "B")},
        **{name: str(first[name]) for name in ("arch", "act")},
        "window": f"P {span(P)}, T {span(T)}, kappa {span(kappa)}",
    }
    groups: dict[str, list[Hashable]] = {
        "T": list(zip(P, kappa, strict=True)),
        "P": list(zip(T, kappa, strict=True)),
    }
    # t*/||dw||^2 ~ P^(b - 2 gamma): one fit, so that the correlation of both is in it.
    ratio = [t - 2.0 * w for t, w in zip(log_t, log_w, strict=True)]
    for quantity, variable, logs, offset, expected in (
        ("delta", "T", log_w, 0.0, 1.0),
        ("t_star_on_T", "T", log_t, 0.0, 1.0),
        ("gamma", "P", log_w, 0.0, None),
        ("b", "P", log_t, 0.0, None),
        ("b - 1 - 2 gamma", "P", ratio, 1.0, 0.0),
    ):
        abscissa = T if variable == "T" else P
        fit = fit_power_law(abscissa, logs, groups[variable], by_seed=by_seed(str(first["kernel"])))
        if fit is None:
            continue
        row = NetExponentRow(
            **shared,
            quantity=quantity,
            variable=variable,
            n_seeds=fit.n_seeds,
            n_points=fit.n_points,
            measured=fit.slope - offset,
            ci_low=fit.ci_low - offset,
            ci_high=fit.ci_high - offset,
            systematic=or_none(fit.systematic),
            chi2_per_dof=fit.chi2 / fit.chi2_dof if fit.chi2_dof > 0 else None,
            expected=expected,
        )
        yield row
        if quantity == "gamma" and fit.slope > 0:
            yield _chi_eff(row)


def _chi_eff(gamma: NetExponentRow) -> NetExponentRow:
    """Return chi_eff = 1/gamma - 1; its interval is the image of gamma's."""
    low, high = gamma.ci_low, gamma.ci_high
    assert low is not None
    assert high is not None
    return NetExponentRow(
        **gamma.as_dict()
        | {
            "quantity": "chi_eff",
            "measured": 1.0 / gamma.measured - 1.0,
            "ci_low": 1.0 / high - 1.0,
            "ci_high": 1.0 / low - 1.0 if low > 0 else None,
            "systematic": None,
            "chi2_per_dof": None,
        }
    )
