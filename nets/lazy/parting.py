"""Where nets depart from their linearisation: trained runs against the lazy runs of their seeds."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import SHARED, span
from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import half_width
from perceptron_sim.status import Status

# A net has parted where its mean ||w - w_0|| is off by more than this fraction. Even deep in the
# lazy regime single runs differ by some ten per cent, because rounding decides a hit now and then.
PARTED = 0.2
_LIMIT = math.log1p(PARTED)
# What the runs of a row share, as Python's numbers.
_SHARED: dict[str, type] = {
    **{"data": str, "chi": float, "d": int, "arch": str, "depth": int, "width": int, "act": str},
    **{"B": int, "P": int, "kappa": float},
}


@dataclass(frozen=True)
class PartingRow:
    """The temperature at which nets of one P part from their linearisation.

    Attributes:
        data, chi, d, arch, depth, width, act, B, P, kappa: what the runs share.
        T: where |mean over seeds of ln(||dw|| / ||dw|| linearised)| passes ln 1.2, interpolated
            in ln T, at or before the first T where its interval lies beyond; None if at no T, 0
            if at every T of the scan.
        ci_low, ci_high: where the upper and lower ends of its 95 % interval do (Student t over
            seeds); as T.
        dw_rel: linearised ||dw||/||w_0|| there; None without T between two of the scan.
        n_seeds: fewest pairs of runs at a T.
        window: temperatures of the scan, in words.
    """

    data: str
    chi: float | None
    d: int
    arch: str
    depth: int
    width: int
    act: str
    B: int
    P: int
    kappa: float
    T: float | None
    ci_low: float | None
    ci_high: float | None
    dw_rel: float | None
    n_seeds: int
    window: str


def parting_rows(trained: pd.DataFrame, lazy: pd.DataFrame) -> list[PartingRow]:
    """Find for each P (and whatever else differs, but T and seed) the T of parting.

    Where a net did not fit and its linearisation did, it has parted.

    Args:
        trained: runs of nets, rows as in ``store.schema.SCHEMA``.
        lazy: the paired lazy runs of the same configurations.
    """
    point = [*(name for name in SHARED if name != "model"), "P", "kappa"]
    pairs = trained.merge(lazy, on=[*point, "T", "seed"], suffixes=("", "_lazy"))
    pairs = pairs[pairs["status_lazy"] == Status.FITTED]
    groups = pairs.groupby(point, sort=True, dropna=False)
    return [_row(alike) for _, alike in groups]


def _row(alike: pd.DataFrame) -> PartingRow:
    groups = alike.groupby("T", sort=True)
    mean, half = np.array([_apart(at_T) for _, at_T in groups]).T
    level = np.array([np.log(at_T["dw_rel_lazy"]).mean() for _, at_T in groups])
    T = np.sort(alike["T"].unique())
    # Up to the first T where parting is beyond doubt: later the sign of the difference may
    # change, and pass 0 on its way.
    upto = int((mean - half > _LIMIT).argmax()) + 1 if (mean - half > _LIMIT).any() else len(T)
    T, mean, half = T[:upto], mean[:upto], half[:upto]
    found, dw_rel = _crossing(T, mean), None
    if found and np.isfinite(level[:upto]).all():
        dw_rel = float(np.exp(np.interp(math.log(found), np.log(T), level[:upto])))
    first = alike.iloc[0]
    shared: dict[str, Any] = {
        name: None if pd.isna(first[name]) else kind(first[name]) for name, kind in _SHARED.items()
    }
    return PartingRow(
        **shared,
        T=found,
        ci_low=_crossing(T, mean + half),
        ci_high=_crossing(T, mean - half),
        dw_rel=dw_rel,
        n_seeds=int(groups.size().min()),
        window=span(alike["T"].tolist()),
    )


def _apart(pairs: pd.DataFrame) -> tuple[float, float]:
    """Return |mean ln ratio| over pairs of runs and half its interval; inf where a net failed."""
    if not (pairs["status"] == Status.FITTED).all():
        return math.inf, 0.0
    ratio = np.log(pairs["dw"].to_numpy(dtype=np.float64) / pairs["dw_lazy"].to_numpy())
    return abs(float(ratio.mean())), half_width(ratio) if len(ratio) > 1 else math.inf


def _crossing(T: FloatArray, apart: FloatArray) -> float | None:
    """Return where ``apart`` passes the limit for good: 0 if it is above it at every T."""
    fits = np.flatnonzero(~(apart > _LIMIT))
    if len(fits) == 0:
        return 0.0
    last = int(fits[-1])
    if last == len(T) - 1:
        return None
    below, above = apart[last], apart[last + 1]
    # Without a value to interpolate with, the middle of the two temperatures.
    part = (_LIMIT - below) / (above - below) if np.isfinite([below, above]).all() else 0.5
    return float(T[last] * (T[last + 1] / T[last]) ** part)
