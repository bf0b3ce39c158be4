"""Panels of claims, from the runs and the summaries of folders."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.drawing.panels import Panel, Series, geometric_means
from perceptron_sim.status import Status

# Drawn at most, so that a panel can be read.
MOST_SERIES = 8


def means(runs: pd.DataFrame, x: str, y: str, label: str) -> Series | None:
    """Return geometric means of ``y`` over seeds with 95 % intervals at each ``x``, or None.

    Points at which some run was not fitted are left out, as fits leave them out.
    """
    rows = []
    for at, members in runs.groupby(x, sort=True):
        values = members[y].to_numpy(dtype=np.float64)
        if (members["status"] == Status.FITTED).all() and np.all(values > 0.0):
            rows.append((float(str(at)), np.log(values)))
    if len(rows) < 2:
        return None
    return geometric_means(label, *zip(*rows, strict=True))


def with_laws(series: Sequence[Series], exponent: float, label: str) -> list[Series]:
    """Return series, each followed by a power law of known exponent through its middle."""
    return [each for points in series for each in (points, power_law(points, exponent, label))]


def power_law(through: Series, exponent: float, label: str) -> Series:
    """Return a power law of known exponent through the middle of a series."""
    log_x, log_y = np.log(np.array(through.x)), np.log(np.array(through.y))
    level = float(np.mean(log_y - exponent * log_x))
    ends = np.geomspace(min(through.x), max(through.x), 2)
    line = [math.exp(level) * float(x) ** exponent for x in ends]
    return Series(label, ends.tolist(), line, line=True, theory=True)


def estimates(
    rows: Sequence[Mapping[str, Any]], x: str, name: str, label: str
) -> tuple[Series, ...]:
    """Return measured boundaries over ``x`` with intervals, and the predicted line if known."""
    ordered = sorted(rows, key=lambda row: float(row[x]))
    at = [float(row[x]) for row in ordered]
    measured = Series(
        label,
        at,
        [row[name]["value"] for row in ordered],
        [row[name]["ci_low"] for row in ordered],
        [row[name]["ci_high"] for row in ordered],
    )
    expected = [row[name].get("predicted") for row in ordered]
    if len(at) < 2 or None in expected:
        return (measured,)
    return measured, Series(f"theory, {label}", at, expected, line=True, theory=True)


def grouped(
    runs: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (parameters, runs) of each combination of parameters."""
    for _, members in runs.groupby(list(names), sort=True, dropna=False):
        yield {name: members[name].iloc[0] for name in names}, members


def drawn(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Return the panels with something on them, each with as many series as can be read.

    Of too many measured ones those in between are left out, with lines that go with them.
    """
    shown = []
    for panel in panels:
        points = [i for i, series in enumerate(panel.series) if not series.line]
        lines = [i for i, series in enumerate(panel.series) if series.line]
        every = max(1, math.ceil((len(points) - 1) / (MOST_SERIES - 1)))
        kept = {*points[::every], *points[-1:]}
        # A line that stands behind the points it is of goes with them.
        paired = len(lines) == len(points) and all(i - 1 in points for i in lines)
        kept |= {i for i in lines if not paired or i - 1 in kept}
        series = tuple(panel.series[i] for i in sorted(kept))
        if series:
            shown.append(replace(panel, series=series))
    return tuple(shown)
