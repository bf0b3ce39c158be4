"""Local exponents: slopes of ln ||w|| and ln t* between neighbouring P, next to predictions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import GridPoint, distinct, or_none
from perceptron_sim.analysis.limits import noisy_points
from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import half_width
from perceptron_sim.store.schema import PERCEPTRON
from perceptron_sim.theory.prediction import trusted_ends

# Smallest P/d of local exponents.
LEAST_P_OVER_D = 10.0


@dataclass(frozen=True)
class Local:
    """An exponent of perceptrons between two P.

    Attributes:
        quantity: "gamma" or "b".
        chi, d, B: parameters of the runs.
        P_low, P_high: the two P.
        P_over_d: their geometric mean over d.
        n_seeds: smaller number of runs of the two.
        measured: slope of the means of ln ||w|| or ln t* over runs.
        ci_low, ci_high: 95 % interval of it; None where a P has one run.
        predicted: slope of the predicted means, or None where they are not trusted.
    """

    quantity: str
    chi: float
    d: int
    B: int
    P_low: int
    P_high: int
    P_over_d: float
    n_seeds: int
    measured: float
    ci_low: float | None
    ci_high: float | None
    predicted: float | None


def local_exponents(frame: pd.DataFrame) -> list[Local]:
    """Return local exponents of perceptrons, by chi, d and B, rising in P.

    It uses noise-dominated points (T/kappa >= 512) at P/d >= 10 where every run was fitted. There
    ||w||/T and t*/T do not depend on T, so runs of all T are taken together.

    Args:
        frame: rows as in ``store.schema.SCHEMA``.
    """
    mine = distinct(frame[frame["model"] == PERCEPTRON])
    found: list[Local] = []
    for shared, runs in mine.groupby(["chi", "d", "B"], sort=True):
        chi, d, B = cast(tuple[float, int, int], shared)
        sizes = _by_size(noisy_points(runs, int(d), LEAST_P_OVER_D))
        if len(sizes) > 1:
            found += _slopes(float(chi), int(d), int(B), sizes)
    return found


def _by_size(points: Sequence[GridPoint]) -> dict[int, tuple[FloatArray, FloatArray]]:
    """Return ln of ||w||/T and t*/T of the runs at each P."""
    sizes = sorted({point.P for point in points})
    at = {P: [point for point in points if point.P == P] for P in sizes}
    return {
        P: (
            np.concatenate([point.log_w for point in some]),
            np.concatenate([point.log_t for point in some]),
        )
        for P, some in at.items()
    }


def _slopes(
    chi: float, d: int, B: int, sizes: dict[int, tuple[FloatArray, FloatArray]]
) -> Iterator[Local]:
    ends = trusted_ends(chi, np.array(list(sizes)), d, B, 0.0)
    expected = np.log(ends.w_norm), np.log(ends.t_star)
    for i, quantity in enumerate(("gamma", "b")):
        steps: Any = enumerate(pairwise(sizes.items()))
        for j, ((low, before), (high, after)) in steps:
            step = math.log(high / low)
            slope = float(after[i].mean() - before[i].mean()) / step
            half = math.hypot(half_width(before[i]), half_width(after[i])) / step
            yield Local(
                quantity=quantity,
                chi=chi,
                d=d,
                B=B,
                P_low=low,
                P_high=high,
                P_over_d=math.sqrt(low * high) / d,
                n_seeds=min(len(before[i]), len(after[i])),
                measured=slope,
                ci_low=or_none(slope - half),
                ci_high=or_none(slope + half),
                predicted=or_none(float(expected[i][j + 1] - expected[i][j]) / step),
            )
