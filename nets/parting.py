"""Where nets part from their linearisation: trained runs beside the lazy runs paired with them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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

    def as_dict(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return asdict(self)


def parting_rows(trained: pd.DataFrame, lazy: pd.DataFrame) -> list[PartingRow]:
    """Find for each P (and whatever else differs, but T and seed) the T of parting.

    Where a net did not fit and its linearisation did, it has parted.

    Args:
        trained: runs of nets, rows as in ``records.SCHEMA``.
        lazy: the paired lazy runs of the same configurations.
    """
    point = [name for name in SHARED if name != "model"]
    on = [*point, "P", "kappa", "T", "seed"]
    pairs = trained.merge(lazy, on=on, suffixes=("", "_lazy"))
    pairs = pairs[pairs["status_lazy"] == Status.FITTED]
    rows = []
    for _, alike in pairs.groupby([*point, "P", "kappa"], sort=True, dropna=False):
        first = alike.iloc[0]
        apart, seeds, level = [], [], []
        for _, at_T in alike.groupby("T", sort=True):
            seeds.append(len(at_T))
            level.append(float(np.log(at_T["dw_rel_lazy"]).mean()))
            apart.append(_apart(at_T))
        T = np.sort(alike["T"].unique())
        mean, half = np.array(apart).T
        # Up to the first T where parting is beyond doubt: later the sign of the difference may
        # change, and pass 0 on its way.
        beyond = np.flatnonzero(mean - half > _LIMIT)
        upto = int(beyond[0]) + 1 if len(beyond) else len(T)
        T, mean, half = T[:upto], mean[:upto], half[:upto]
        found = _crossing(T, mean)
        shared: dict[str, Any] = {
            **{name: str(first[name]) for name in ("data", "arch", "act")},
            **{name: int(first[name]) for name in ("d", "depth", "width", "B", "P")},
        }
        rows.append(
            PartingRow(
                **shared,
                chi=None if pd.isna(first["chi"]) else float(first["chi"]),
                kappa=float(first["kappa"]),
                T=found,
                ci_low=_crossing(T, mean + half),
                ci_high=_crossing(T, mean - half),
                dw_rel=_level_at(found, T, level[:upto]),
                n_seeds=min(seeds),
                window=span(alike["T"].tolist()),
            )
        )
    return rows


def _apart(pairs: pd.DataFrame) -> tuple[float, float]:
    """Return |mean ln ratio| over pairs of runs and half its interval; inf where a net failed."""
    if not (pairs["status"] == Status.FITTED).all():
        return math.inf, 0.0
    ratio = np.log(pairs["dw"].to_numpy(dtype=np.float64) / pairs["dw_lazy"].to_numpy())
    if len(ratio) < 2:
        return abs(float(ratio.mean())), math.inf
    return abs(float(ratio.mean())), half_width(ratio)


def _crossing(T: FloatArray, apart: FloatArray) -> float | None:
    """Return where ``apart`` passes the limit for good: 0 if it is above it at every T."""
    below = np.flatnonzero(~(apart > _LIMIT))
    if len(below) == 0:
        return 0.0
    last = int(below[-1])
    if last == len(T) - 1:
        return None
    if not math.isfinite(apart[last + 1]) or not math.isfinite(apart[last]):
        # No value to interpolate with: the middle of the two temperatures.
        return float(math.sqrt(T[last] * T[last + 1]))
    part = (_LIMIT - apart[last]) / (apart[last + 1] - apart[last])
    return float(T[last] * (T[last + 1] / T[last]) ** part)


def _level_at(found: float | None, T: FloatArray, log_level: Sequence[float]) -> float | None:
    if found is None or found == 0.0 or not np.all(np.isfinite(log_level)):
        return None
    return float(np.exp(np.interp(math.log(found), np.log(T), log_level)))
