"""Measured ends of training next to predicted ones, and the fit behind the stopping law.

    python -m perceptron_sim.analysis.calibration DIR ...

reads the runs of scan folders. It prints the measured and predicted ends of each point as Markdown,
and the coefficients of ``theory.stopping`` that fit these runs.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import optimize

from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.status import Status
from perceptron_sim.store.store import ParquetStore
from perceptron_sim.theory import minimal_signal, stopping
from perceptron_sim.theory.minimal_signal import CAPACITY
from perceptron_sim.theory.prediction import doubt_about, end_of_training, time_of_signal

# Floors of the standard errors, because a law of five parameters is not more accurate.
_FLOOR_W1, _FLOOR_LAM, _FLOOR_T = 0.015, 0.02, 0.05


def ends_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row per grid point: the measured end of training and the predicted one.

    Points at which some run was not fitted, or that have fewer than two seeds, are left out.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.

    Returns:
        Columns chi, d, P, B, T, kappa, seeds; c = (test error) P/d and c_error, relative; and for
        x in ``w1`` and ``t_star`` (in units of T), ``lam``: log_x, the mean of ln x over seeds,
        x_error, its standard error, and log_x_predicted; trusted.
    """
    rows = []
    for shared, runs in frame.groupby(["chi", "d", "P", "B", "T", "kappa"], sort=True):
        chi, d, P, B, T, kappa = cast(tuple[float, int, int, int, float, float], shared)
        fitted = (runs["status"] == Status.FITTED).all()
        if not fitted or len(runs) < 2 or CAPACITY * (d - 1) >= P:
            continue
        row: dict[str, Any] = {"chi": chi, "d": d, "P": P, "B": B, "T": T, "kappa": kappa}
        end = end_of_training(float(chi), float(P), int(d), int(B), kappa / T)
        row["seeds"] = len(runs)
        row["trusted"] = not doubt_about(chi, P, d, B, end, kappa / T)
        log_c, row["c_error"] = _mean(runs["test_error"].to_numpy() * (P / d))
        row["c"] = float(np.exp(log_c))
        for name, scale, predicted in (
            ("w1", T, end.w1),
            ("lam", 1.0, end.lam),
            ("t_star", T, end.t_star),
        ):
            row[f"log_{name}"], row[f"{name}_error"] = _mean(runs[name].to_numpy() / scale)
            row[f"log_{name}_predicted"] = float(np.log(predicted))
        rows.append(row)
    return pd.DataFrame(rows)


def _mean(values: FloatArray) -> tuple[float, float]:
    logs = np.log(values)
    return float(logs.mean()), float(logs.std(ddof=1) / np.sqrt(len(logs)))


@dataclass(frozen=True, eq=False)
class Coefficients(ByValue):
    """A fitted part of the stopping law.

    Attributes:
        name: the constant of ``theory.stopping``.
        values: coefficients.
        errors: their standard errors, scaled up if chi^2 exceeds its degrees of freedom.
        chi2_per_dof: misfit, with the floors of the errors included.
        median: median absolute error of the fitted logarithm.
    """

    name: str
    values: FloatArray
    errors: FloatArray
    chi2_per_dof: float
    median: float


def calibrate(ends: pd.DataFrame) -> list[Coefficients]:
    """Fit the coefficients of ``theory.stopping`` to measured ends.

    The overshoot is fitted first, then the corrections of lambda and t*. The time on fresh samples
    is taken at the measured signal, so that errors of w_1 do not enter twice.

    Args:
        ends: as from ``ends_table``.
    """
    points = _rows(ends)
    least = [minimal_signal(p["chi"], p["P"], p["d"]) for p in points]
    slopes = np.array([m.slope * np.sqrt(p["d"]) for m, p in zip(least, points, strict=True)])
    kappa = (ends["kappa"] / ends["T"]).to_numpy()
    bare = [stopping.State(p["chi"], p["d"], m.lam) for m, p in zip(least, points, strict=True)]

    def overshoots(values: FloatArray) -> FloatArray:
        return np.array([stopping.overshoot(state, tuple(values)) for state in bare])

    u_fit = _fit(
        "OVERSHOOT",
        lambda values: np.log((kappa + overshoots(values)) * slopes) - ends["log_w1"].to_numpy(),
        _floored(ends["w1_error"], _FLOOR_W1),
        stopping.OVERSHOOT,
    )
    rho = kappa / (kappa + overshoots(u_fit.values))
    states = [
        stopping.State(state.chi, state.d, state.lam, float(share))
        for state, share in zip(bare, rho, strict=True)
    ]
    least_lam = np.log([m.lam for m in least])
    fresh = np.log(
        [
            time_of_signal(math.exp(p["log_w1"]), p["chi"], p["d"], p["B"], float(k))
            for p, k in zip(points, kappa, strict=True)
        ]
    )
    lam_design = np.array([stopping.lam_features(state) for state in states])
    delay_design = np.array([stopping.delay_features(state) for state in states])
    return [
        u_fit,
        _fit(
            "LAM",
            lambda values: lam_design @ values - (ends["log_lam"].to_numpy() - least_lam),
            _floored(ends["lam_error"], _FLOOR_LAM),
            stopping.LAM,
        ),
        _fit(
            "DELAY",
            lambda values: delay_design @ values - (ends["log_t_star"].to_numpy() - fresh),
            _floored(ends["t_star_error"], _FLOOR_T),
            stopping.DELAY,
        ),
    ]


def _floored(errors: pd.Series, floor: float) -> FloatArray:
    return np.asarray(np.hypot(errors.to_numpy(), floor))


def _fit(
    name: str,
    misfit: Callable[[FloatArray], FloatArray],
    errors: FloatArray,
    start: tuple[float, ...],
) -> Coefficients:
    def weighted(values: FloatArray) -> FloatArray:
        return misfit(values) / errors

    found = optimize.least_squares(weighted, start)
    chi2 = float(np.sum(found.fun**2)) / (len(errors) - len(start))
    jacobian = np.asarray(found.jac)
    covariance = np.linalg.inv(jacobian.T @ jacobian) * max(1.0, chi2)
    return Coefficients(
        name=name,
        values=found.x,
        errors=np.sqrt(np.diag(covariance)),
        chi2_per_dof=chi2,
        median=float(np.median(np.abs(found.fun * errors))),
    )


def markdown(ends: pd.DataFrame) -> str:
    """Return the table of ends as Markdown, errors of the prediction in units of ln."""
    heads = ["χ", "d", "P/d", "B", "κ/T", "seeds", "c = n P/d", "w₁/(T√d)", "δ ln w₁", "δ ln λ"]
    heads += ["t*/(T d)", "δ ln t*"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for p in _rows(ends):
        w1, lam, t_star = (
            f"{p[f'log_{x}_predicted'] - p[f'log_{x}']:+.3f} ± {p[f'{x}_error']:.3f}"
            for x in ("w1", "lam", "t_star")
        )
        d = p["d"]
        cells = [f"{p['chi']:g}", f"{d}", f"{p['P'] / d:g}", f"{p['B']}"]
        cells += [f"{p['kappa'] / p['T']:g}", f"{p['seeds']}"]
        cells += [f"{p['c']:.3f} ± {p['c'] * p['c_error']:.3f}"]
        cells += [f"{math.exp(p['log_w1']) / math.sqrt(d):.4g}", w1, lam]
        cells += [f"{math.exp(p['log_t_star']) / d:.4g}", t_star]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _rows(ends: pd.DataFrame) -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], ends.to_dict("records"))


def main(folders: list[str]) -> None:
    """Print the table of ends and the coefficients for the runs in ``folders``."""
    frame = pd.concat([ParquetStore(Path(folder)).frame() for folder in folders])
    ends = ends_table(frame)
    print(markdown(ends))
    trusted = ends[ends["trusted"]]
    for name in ("w1", "lam", "t_star"):
        error = (trusted[f"log_{name}_predicted"] - trusted[f"log_{name}"]).abs()
        print(
            f"\nln {name}: |error| median {error.median():.3f}, 90 % {error.quantile(0.9):.3f}, "
            f"largest {error.max():.3f} over {len(error)} trusted points"
        )
    for part in calibrate(trusted):
        shown = ", ".join(f"{v:.3f}" for v in part.values)
        sigma = ", ".join(f"{v:.3f}" for v in part.errors)
        print(f"\n{part.name} = ({shown})\n  +- ({sigma})")
        print(f"  chi2/dof {part.chi2_per_dof:.2f}, median |error| {part.median:.3f}")


if __name__ == "__main__":
    main(sys.argv[1:])
