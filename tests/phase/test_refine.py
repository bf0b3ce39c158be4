"""Adaptive filling of a lattice: finds what changes, with fewer cells than the full grid."""

import math

import numpy as np
import pytest

from perceptron_sim import InputError
from perceptron_sim.phase.explore import Budget, parse_budget
from perceptron_sim.phase.refine import (
    OUTSIDE,
    Node,
    Sample,
    fill_adaptively,
    fill_uniform,
)

X = Y = np.linspace(0.0, 8.0, 33)


def _bent(i: int, j: int) -> float:
    """Three planes that meet in edges, as the three phases over (ln B, ln eta) do."""
    return max(1.0, Y[j] - X[i] + 1.0, Y[j] - 3.5)


def _measure(function, log: list[Node], status=lambda i, j: "fitted", error: float = 0.0):
    def measure(nodes: list[Node]) -> dict[Node, Sample]:
        log.extend(nodes)
        return {(i, j): Sample(function(i, j), error, status(i, j)) for i, j in nodes}

    return measure


def _interpolated(samples: dict[Node, Sample]) -> np.ndarray:
    from scipy.interpolate import LinearNDInterpolator

    points = [(X[i], Y[j]) for i, j in samples]
    values = [sample.value for sample in samples.values()]
    return LinearNDInterpolator(points, values)(*np.meshgrid(X, Y, indexing="ij"))


def test_edges_between_phases_are_found_with_half_of_the_cells() -> None:
    log: list[Node] = []
    filled = fill_adaptively(X, Y, _measure(_bent, log), tolerance=0.02)
    assert filled.complete
    assert len(log) == len(set(log)) == len(filled.samples)
    assert len(log) < 0.5 * 33 * 33
    truth = np.array([[_bent(i, j) for j in range(33)] for i in range(33)])
    # Steps of the lattice are 0.25; a missed edge is off by up to a unit.
    assert np.max(np.abs(_interpolated(filled.samples) - truth)) < 0.26
    # Without refinement the same figure is off by more.
    coarse = fill_adaptively(X, Y, _measure(_bent, []), tolerance=math.inf)
    assert np.max(np.abs(_interpolated(coarse.samples) - truth)) > 0.3


def test_a_plane_is_not_refined() -> None:
    log: list[Node] = []
    fill_adaptively(X, Y, _measure(lambda i, j: 2 * X[i] - Y[j], log), tolerance=0.02)
    assert len(log) == 9 * 9


def test_a_change_of_status_is_followed_to_the_last_cell() -> None:
    def status(i: int, j: int) -> str:
        return "diverged" if X[i] + Y[j] > 9.1 else "fitted"

    log: list[Node] = []
    samples = fill_adaptively(X, Y, _measure(lambda i, j: 0.0, log, status), tolerance=0.1).samples
    for i in range(33):
        edge = max(j for j in range(33) if status(i, j) == "fitted")
        if 0 < edge < 31:
            assert {(i, edge), (i, edge + 1)} <= set(samples)
    assert len(samples) < 0.6 * 33 * 33


def test_seeds_that_disagree_call_for_more_cells_but_their_scatter_does_not() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(33, 33))
    quiet: list[Node] = []
    # Deviations of the plane through noisy corners: 0.1 + 2 errors is 11 of them, 1e-20 a node.
    fill_adaptively(X, Y, _measure(lambda i, j: 0.01 * noise[i, j], quiet, error=0.01), 0.1)
    assert len(quiet) == 81
    loud: list[Node] = []
    fill_adaptively(X, Y, _measure(lambda i, j: 0.0, loud, error=0.2), tolerance=0.1)
    assert len(loud) == 33 * 33


def test_maps_with_holes_and_of_one_row() -> None:
    def status(i: int, j: int) -> str:
        return OUTSIDE if j < i else "fitted"

    filled = fill_adaptively(X, Y, _measure(_bent, [], status), tolerance=0.02)
    assert filled.complete
    row = fill_adaptively(X, Y[:1], _measure(lambda i, j: abs(X[i] - 3.3), []), tolerance=0.05)
    assert {13, 14} <= {i for i, _ in row.samples}
    assert len(row.samples) < 20
    assert len(fill_uniform((33, 1), _measure(_bent, [])).samples) == 33


def test_a_budget_stops_and_says_so() -> None:
    def limited(nodes: list[Node]) -> dict[Node, Sample]:
        return {node: Sample(_bent(*node), 0.0, "fitted") for node in nodes[:40]}

    filled = fill_adaptively(X, Y, limited, tolerance=0.02)
    assert not filled.complete
    assert len(filled.samples) == 40
    assert not fill_uniform((33, 33), limited).complete


def test_budgets_are_seconds_or_runs() -> None:
    assert parse_budget("90s") == Budget(seconds=90.0)
    assert parse_budget("1.5 min") == Budget(seconds=90.0)
    assert parse_budget("800runs") == Budget(runs=800.0)
    for text in ("", "10", "0s", "-3s", "1.2.3s", "fast"):
        with pytest.raises(InputError, match="write a time, 90s, 10min or 2h"):
            parse_budget(text)
