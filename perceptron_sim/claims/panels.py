"""Panels of claims, from the runs and the summaries of folders."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.claims.claim import Finding, Measurement
from perceptron_sim.drawing.panels import Panel, Series, geometric_means
from perceptron_sim.intervals import quantile
from perceptron_sim.phase.entries import Boundary
from perceptron_sim.status import Status

# Drawn at most, so that a panel can be read.
MOST_SERIES = 8
# Distance of a measurement and of its prediction from the middle of their row.
_BESIDE = 0.16


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


def estimates(rows: Sequence[tuple[float, Boundary]], label: str) -> tuple[Series, ...]:
    """Return measured boundaries over x with intervals, and the predicted line if known."""
    ordered = sorted(rows, key=lambda row: row[0])
    at = [x for x, _ in ordered]
    measured = Series(
        label,
        at,
        [found.value for _, found in ordered],
        [found.ci_low for _, found in ordered],
        [found.ci_high for _, found in ordered],
    )
    expected = [found.predicted for _, found in ordered if found.predicted is not None]
    if len(at) < 2 or len(expected) < len(at):
        return (measured,)
    return measured, Series(f"theory, {label}", at, expected, line=True, theory=True)


def grouped(
    runs: pd.DataFrame, names: Sequence[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (parameters, runs) of each combination of parameters."""
    for _, members in runs.groupby(list(names), sort=True, dropna=False):
        yield {name: members[name].iloc[0] for name in names}, members


def drawn(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Return the panels that are not empty, each with as many series as can be read.

    If there are too many measured series, some in between are left out, with their lines.
    """
    shown = []
    for panel in panels:
        points = [i for i, series in enumerate(panel.series) if not series.line]
        lines = [i for i, series in enumerate(panel.series) if series.line]
        every = max(1, math.ceil((len(points) - 1) / (MOST_SERIES - 1)))
        kept = {*points[::every], *points[-1:]}
        # A line after its points is left out together with them.
        paired = len(lines) == len(points) and all(i - 1 in points for i in lines)
        kept |= {i for i in lines if not paired or i - 1 in kept}
        series = tuple(panel.series[i] for i in sorted(kept))
        if series:
            shown.append(replace(panel, series=series))
    return tuple(shown)


def judged_panel(findings: Sequence[Finding]) -> Panel:
    """Return a panel with one row per measurement, each next to its prediction."""
    measurements = [finding.measurement for finding in findings]
    quantities = list(dict.fromkeys(m.quantity for m in measurements))
    one = len(quantities) == 1
    windows = len({(m.quantity, m.model) for m in measurements}) < len(measurements)
    names = [
        " ".join([*([] if one else [f"{m.quantity}:"]), m.model, *([m.window] if windows else [])])
        for m in measurements
    ]
    verdicts = [finding.verdict.value for finding in findings]
    rows = [f"{name}: {verdict}" for name, verdict in zip(names, verdicts, strict=True)]
    known = [x for m in measurements for x in (m.value, m.ci_low, m.ci_high, m.expected)]
    finite = [x for x in known if x is not None and math.isfinite(x)] or [0.0]
    beyond = max(finite) + 0.25 * ((max(finite) - min(finite)) or 1.0)
    series = [
        _in_rows("measured, 95 %", [(m.value, m.ci_low, m.ci_high) for m in measurements]),
        _in_rows("predicted", [_predicted(m, beyond) for m in measurements], theory=True),
        _in_rows(
            "predicted for P -> infinity",
            [
                None if m.asymptotic in (None, m.expected) else (m.asymptotic, math.nan, math.nan)
                for m in measurements
            ],
            theory=True,
        ),
    ]
    return Panel(
        "what is judged",
        quantities[0] if one else "measured",
        "",
        [each for each in series if each.x],
        log_x=False,
        log_y=False,
        rows=rows,
    )


def _predicted(measured: Measurement, beyond: float) -> tuple[float, float, float] | None:
    """Return a prediction with its 95 % interval, or the range that it allows."""
    if measured.expected is None:
        return None
    if measured.expected_high is None:
        half = quantile() * measured.expected_error
        ends = (measured.expected - half, measured.expected + half) if half else (math.nan,) * 2
        return measured.expected, *ends
    high = measured.expected_high
    middle = measured.expected if math.isinf(high) else 0.5 * (measured.expected + high)
    return middle, measured.expected, min(high, beyond)


def _in_rows(
    label: str, found: Sequence[tuple[Any, Any, Any] | None], theory: bool = False
) -> Series:
    """Return points with intervals along x, each in the row of its position, theory below."""
    known = [(i, each) for i, each in enumerate(found) if each is not None]
    x, low, high = ([float(each[k]) for _, each in known] for k in range(3))
    y = [i + (_BESIDE if theory else -_BESIDE) for i, _ in known]
    return Series(label, x, y, theory=theory, x_low=low, x_high=high)
