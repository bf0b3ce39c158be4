"""A coarse look may be undecided, never wrong."""

import numpy as np
import pytest

from perceptron_sim.kernels.codes import fill_codes, new_codes, set_weights, surely_fitted

pytestmark = pytest.mark.jit_free


def _looks(rows, w, threshold, spoil=1.0):
    """Return what the coarse look says of every row, its error multiplied by ``spoil``."""
    n, d = rows.shape
    codes, facts = new_codes(n, d)
    fill_codes(rows, 0, n, codes, facts)
    facts[:, 2] *= spoil
    weights = np.zeros(codes.shape[1], np.float32)
    set_weights(w, weights)
    radius = float(np.linalg.norm(w[1:]))
    return np.array(
        [surely_fitted(codes, facts, i, weights, w[0], radius, threshold) for i in range(n)]
    )


def _near_threshold(rng, n, d, distance):
    """Return rows whose margins are within ``distance`` of 0."""
    rows = rng.standard_normal((n, d)) / np.sqrt(d)
    w = 0.3 * rng.standard_normal(d)
    w[0] = 20.0
    rows[:, 0] = (rng.uniform(-distance, distance, n) - rows[:, 1:] @ w[1:]) / w[0]
    return rows, w


@pytest.mark.parametrize("d", [2, 40, 65, 130])
def test_nothing_unfitted_is_called_fitted(d: int) -> None:
    rng = np.random.default_rng(d)
    for uneven in (0.0, 3.0):
        rows, w = _near_threshold(rng, 400, d, 0.02)
        rows *= 10.0 ** (uneven * rng.standard_normal((400, 1)))
        rows[:3, 1:] = [[0.0], [1e-300], [1e30]]
        said = _looks(rows, w, 1e-4)
        assert not (said & (rows @ w < 1e-4)).any()


def test_adverse_rounding_stays_within_the_error() -> None:
    # The rounding error of each row, along which the weights then point: the worst there is.
    rng = np.random.default_rng(5)
    d, wrong = 40, 0
    for _ in range(50):
        row = rng.standard_normal((1, d)) / np.sqrt(d)
        codes, facts = new_codes(1, d)
        fill_codes(row, 0, 1, codes, facts)
        w = np.zeros(d)
        w[1:] = facts[0, 1] * codes[0, : d - 1] - row[0, 1:]
        w[0], row[0, 0] = 1.0, -row[0, 1:] @ w[1:] - 1e-9
        assert not _looks(row, w, 0.0).any()
        wrong += _looks(row, w, 0.0, spoil=0.9).any()
    assert wrong == 50


def test_most_are_settled() -> None:
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((2000, 64)) / 8.0
    w = 0.3 * rng.standard_normal(64)
    w[0] = 20.0
    fitted = rows @ w > 1e-4
    assert _looks(rows, w, 1e-4)[fitted].mean() > 0.98
