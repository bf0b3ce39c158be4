"""The obvious loop of every dynamics against its oracle, and what its steps are on average."""

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from oracles import ORACLES
from scipy import stats

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels import run_state
from perceptron_sim.kernels.dynamics import DYNAMICS, REFERENCE, loop_of
from perceptron_sim.runs.problem import make_recorder
from perceptron_sim.runs.simulate import training_data

pytestmark = pytest.mark.jit_free


def _features(P: int, d: int, seed: int = 1) -> np.ndarray:
    config = PerceptronConfig(chi=1.0, d=d, P=P, B=1, seed=seed)
    return training_data(config) / math.sqrt(d)


def _run(dynamics: str, features, threshold: float, B: int, steps: int, seed: int = 1, w=None):
    P, d = features.shape
    w = np.zeros(d) if w is None else w.copy()
    counters = np.zeros(run_state.N_COUNTERS, dtype=np.int64)
    hits = np.zeros(P, dtype=np.int64)
    config = PerceptronConfig(d=d, P=P, B=B, max_steps=steps)
    loop = loop_of(dynamics, REFERENCE)
    code = loop.load()(
        *(features, threshold, B, np.random.default_rng(seed)),
        *(np.array([steps, 10**9]), np.zeros(1, dtype=np.int64), make_recorder(config, None)),
        *(w, counters, hits, *loop.options),
    )
    return code, w, counters, hits


def test_every_dynamics_has_an_oracle() -> None:
    assert ORACLES.keys() == DYNAMICS.keys()
    assert all(one.kernels[-1] == REFERENCE for one in DYNAMICS.values())


def test_the_page_on_kernels_has_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "kernels.md").read_text(encoding="utf-8")
    rows = [[c.strip() for c in line.split("|")] for line in page.splitlines() if line[:3] == "| `"]
    shown = {name: row for row in rows for name in row[1].replace("`", "").split(", ")}
    assert shown.keys() == DYNAMICS.keys()
    for name, one in DYNAMICS.items():
        assert shown[name][4].replace("`", "").split(", ") == list(one.kernels)
        assert [peer for peer in shown[name][5].split(", ") if peer] == list(one.peers)


@pytest.mark.parametrize("dynamics", [name for name in ORACLES if name != "poisson"])
@pytest.mark.parametrize(
    ("P", "d", "B", "threshold"), [(30, 3, 1, 1e-9), (40, 8, 10, 0.5), (23, 4, 9, 2.0)]
)
def test_the_loop_is_its_oracle_step_by_step(dynamics, P, d, B, threshold) -> None:
    features = _features(P, d)
    course = ORACLES[dynamics](features, threshold, B, np.random.default_rng(1))
    expected = [(w.copy(), hits.copy()) for (w, hits), _ in zip(course, range(200), strict=False)]
    for steps in (1, 7, 200):
        _, w, counters, hits = _run(dynamics, features, threshold, B, steps)
        np.testing.assert_allclose(w, expected[steps - 1][0], rtol=1e-8, atol=1e-12)
        np.testing.assert_array_equal(hits, expected[steps - 1][1])
        moved = [np.any(a != b) for (a, _), (b, _) in pairwise([(0 * w, hits), *expected[:steps]])]
        assert counters[run_state.LAST_UPDATE_STEP] == 1 + max(np.flatnonzero(moved), default=-1)
        assert counters[run_state.UPDATES] == np.sum(moved)


@pytest.mark.parametrize("threshold", [1e-9, 0.5])
def test_poisson_hits_end_where_those_drawn_one_by_one_do(threshold: float) -> None:
    # Four p-values below 1e-9 in turn: false alarms 8e-9 for both thresholds.
    features = _features(20, 3)
    found: dict[str, list[tuple[float, ...]]] = {"loop": [], "oracle": []}
    for seed in range(400):
        _, w, counters, hits = _run("poisson", features, threshold, 1, 10**6, seed)
        assert counters[run_state.HITS] == hits.sum()
        np.testing.assert_allclose(w, hits @ features, rtol=1e-9, atol=1e-12)
        steps = counters[run_state.LAST_UPDATE_STEP]
        found["loop"].append((steps, hits.sum(), w[0], float(np.linalg.norm(w))))
        course = ORACLES["poisson"](features, threshold, 1, np.random.default_rng(10**6 + seed))
        for step, (v, hits) in enumerate(course, 1):
            if np.all(features @ v >= threshold):
                found["oracle"].append((step, hits.sum(), v[0], float(np.linalg.norm(v))))
                break
    for ours, theirs in zip(*(np.array(found[n]).T for n in ("loop", "oracle")), strict=True):
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-9


def _increments(dynamics: str, B: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n first moves from one point, and mean and second moment of the gradient."""
    features = _features(24, 3)
    w = np.array([0.3, 0.5, -0.2])
    gradients = (features @ w < 0.4)[:, None] * features
    moves = []
    for seed in range(n):
        moves.append(_run(dynamics, features, 0.4, B, 1, seed, w)[1] - w)
    return np.array(moves), gradients.mean(0), gradients.T @ gradients / len(gradients)


CENTRED = [("sde", 1, 1), ("sde", 18, 1), ("sde/16", 1, 16)]


@pytest.mark.parametrize(("dynamics", "B", "refine"), [*CENTRED, ("sde-uncentred", 4, 0.25)])
def test_a_step_has_the_mean_and_covariance_of_its_noise(dynamics, B, refine) -> None:
    # 3 means and 6 covariances at 6 standard errors: false alarms below 2e-8 each.
    n = 4000
    moves, mean, moment = _increments(dynamics, B, n)
    covariance = moment - np.outer(mean, mean)
    right = moment if dynamics == "sde-uncentred" else covariance * (24 - B) / 23
    _hold(moves, mean / refine, right / refine)
    # The one in place of the other, batches with repeats, or a noise that does not know of the
    # step's length would be noticed.
    wrong = {"sde-uncentred": [covariance / refine, moment]}.get(
        dynamics, [moment / refine, covariance] if B == 1 and refine > 1 else [moment]
    )
    for other in wrong:
        with pytest.raises(AssertionError):
            _hold(moves, mean / refine, other)


def test_poisson_hits_have_the_mean_of_sgd_and_the_uncentred_noise() -> None:
    moves, mean, moment = _increments("poisson", 1, 8000)
    _hold(moves, mean, moment)
    with pytest.raises(AssertionError):
        _hold(moves, mean, moment - np.outer(mean, mean))


def _hold(moves: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> None:
    """Compare the moments at 6 standard errors, those of the sample's own fourth moments."""
    n = len(moves)
    assert np.all(np.abs(moves.mean(0) - mean) < 6 * moves.std(0) / math.sqrt(n))
    products = np.einsum("ni,nj->nij", moves - mean, moves - mean)
    assert np.all(np.abs(products.mean(0) - covariance) < 6 * products.std(0) / math.sqrt(n))


def test_the_whole_batch_is_gradient_descent_without_noise() -> None:
    features = _features(20, 4)
    w = np.zeros(4)
    for _ in range(50):
        w = w + ((features @ w < 0.7)[:, None] * features).sum(0) / 20
    np.testing.assert_allclose(_run("sde", features, 0.7, 20, 50)[1], w, rtol=1e-10)


def test_an_epoch_is_a_permutation() -> None:
    # With an unreachable threshold every sample drawn is hit: hits tell what was drawn.
    features = _features(12, 3)
    for epochs in (1, 4):
        hits = _run("shuffled", features, 1e9, 3, 4 * epochs)[3]
        np.testing.assert_array_equal(hits, epochs)
    # Samples left over are dropped, others in each epoch: 5 does not divide 12.
    hits = _run("shuffled", features, 1e9, 5, 2 * 200)[3]
    assert hits.sum() == 2000
    # Each sample: binomial, 200 draws at 10/12; 6 standard deviations, 12 samples: 2e-8.
    assert np.all(np.abs(hits - 2000 / 12) < 6 * math.sqrt(200 * (10 / 12) * (2 / 12)))


@pytest.mark.parametrize("dynamics", [name for name in DYNAMICS if name != "sgd"])
def test_dynamics_have_units_limits_and_checkpoints(dynamics: str) -> None:
    point = {"chi": 1.0, "d": 4, "P": 32, "B": 4, "T": 1.0, "kappa": 0.5, "seed": 3}
    config = PerceptronConfig(**point)
    run = simulate(config, dynamics=dynamics)
    assert (run.status, run.dynamics, run.kernel) == ("fitted", dynamics, "reference")
    scaled = simulate(PerceptronConfig(**point | {"T": 2.0, "kappa": 1.0}), dynamics=dynamics)
    np.testing.assert_array_equal(scaled.w, 2 * run.w)
    assert scaled.t_star == 2 * run.t_star
    duration = {"sde": 1.0, "sde/4": 1 / 4, "sde/16": 1 / 16, "poisson": 1.0}.get(dynamics, 4)
    assert run.t_star == run.steps * config.T * duration
    assert DYNAMICS[dynamics].whole_hits == (run.hits > 0)
    assert run.checkpoints is not None
    assert run.checkpoints.t[-1] == run.t_star
    assert run.checkpoints.train_loss[0] == pytest.approx(0.5)
    assert config.key("reference", dynamics) != config.key("event")
    few = PerceptronConfig(**point, max_steps=2)
    assert simulate(few, dynamics=dynamics).status == "max_steps"
    few = PerceptronConfig(**point, max_updates=2)
    assert simulate(few, dynamics=dynamics).status == "max_updates"


def test_the_name_that_version_0_1_had_is_taken_with_a_warning() -> None:
    config = PerceptronConfig(d=4, P=32)
    with pytest.warns(DeprecationWarning, match="kernel='sde' names a dynamics: write dynamics="):
        old = simulate(config, "sde")
    assert old == simulate(config, dynamics="sde")
