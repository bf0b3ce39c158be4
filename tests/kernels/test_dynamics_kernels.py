"""Shuffling and the SDE against plain NumPy; also with the JIT off."""

import math

import numpy as np
import pytest

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels import run_state
from perceptron_sim.kernels.sde import sde_sgd
from perceptron_sim.kernels.shuffled import shuffled_sgd
from perceptron_sim.runs.simulate import make_recorder, training_data

pytestmark = pytest.mark.jit_free


def _features(P: int, d: int, seed: int = 1) -> np.ndarray:
    config = PerceptronConfig(chi=1.0, d=d, P=P, B=1, seed=seed)
    return training_data(config) / math.sqrt(d)


def _run(kernel, features, threshold: float, B: int, steps: int, seed: int = 1, w=None, refine=1):
    P, d = features.shape
    w = np.zeros(d) if w is None else w.copy()
    counters = np.zeros(run_state.N_COUNTERS, dtype=np.int64)
    hits = np.zeros(P, dtype=np.int64)
    config = PerceptronConfig(d=d, P=P, B=B, max_steps=steps)
    code = kernel(
        *(features, threshold, B, np.random.default_rng(seed)),
        *(np.array([steps, 10**9]), np.zeros(1, dtype=np.int64), make_recorder(config, None)),
        *(w, counters, hits),
        *((refine,) if kernel is sde_sgd else ()),
    )
    return code, w, counters, hits


def _sde_by_hand(features, threshold: float, B: int, steps: int, refine: int):
    """The same chain with whole vectors and NumPy's own draws, in the same order."""
    rng, (P, d) = np.random.default_rng(1), features.shape
    w = np.zeros(d)
    for step in range(steps):
        theta = features @ w < threshold
        k = int(theta.sum())
        if k == 0:
            return step, w
        zeta = np.array([rng.standard_normal() for _ in range(k)])
        mean = (zeta.sum() + math.sqrt(P - k) * rng.standard_normal()) / P
        drift = features[theta].mean(axis=0) * k / P
        noise = (zeta - mean) @ features[theta] / math.sqrt(P)
        w = w + drift / refine + math.sqrt((P - B) / (P - 1) / refine) * noise
    return steps, w


@pytest.mark.parametrize("refine", [1, 4])
@pytest.mark.parametrize(("P", "d", "B", "threshold"), [(30, 3, 1, 1e-9), (40, 8, 10, 0.5)])
def test_the_sde_is_that_of_its_definition(
    P: int, d: int, B: int, threshold: float, refine: int
) -> None:
    features = _features(P, d)
    for steps in (1, 7, 200):
        _, w, counters, _ = _run(sde_sgd, features, threshold, B, steps, refine=refine)
        done, expected = _sde_by_hand(features, threshold, B, steps, refine)
        np.testing.assert_allclose(w, expected, rtol=1e-8, atol=1e-12)
        assert counters[run_state.LAST_UPDATE_STEP] == done


def _increments(B: int, n: int, refine: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    features = _features(24, 3)
    w = np.array([0.3, 0.5, -0.2])
    gradients = (features @ w < 0.4)[:, None] * features
    moves = np.array([_run(sde_sgd, features, 0.4, B, 1, s, w, refine)[1] - w for s in range(n)])
    covariance = np.cov(gradients, rowvar=False, bias=True)
    return moves, gradients.mean(0) / refine, covariance / refine


@pytest.mark.parametrize(("B", "refine"), [(1, 1), (18, 1), (1, 16)])
def test_a_step_has_the_mean_and_covariance_of_sgd(B: int, refine: int) -> None:
    # 3 means and 6 covariances at 6 standard errors: false alarms below 2e-8 each B.
    n = 4000
    moves, mean, covariance = _increments(B, n, refine)
    covariance *= (24 - B) / 23
    variance = np.diag(covariance)
    assert np.all(np.abs(moves.mean(0) - mean) < 6 * np.sqrt(variance / n))
    error = np.sqrt((np.outer(variance, variance) + covariance**2) / n)
    measured = np.cov(moves, rowvar=False)
    assert np.all(np.abs(measured - covariance) < 6 * error)
    # The second moment in place of the covariance, batches with repeats, or a noise that does not
    # know of the step's length would be noticed.
    if refine > 1:
        others = (covariance * refine, covariance / refine)
    else:
        repeats = covariance * 23 / (24 - B) * (1 - (B == 1))
        others = (covariance + np.outer(mean, mean), repeats)
    for wrong in others:
        assert np.any(np.abs(measured - wrong) > 6 * error)


def test_the_whole_batch_is_gradient_descent_without_noise() -> None:
    features = _features(20, 4)
    w = np.zeros(4)
    for _ in range(50):
        w = w + ((features @ w < 0.7)[:, None] * features).sum(0) / 20
    np.testing.assert_allclose(_run(sde_sgd, features, 0.7, 20, 50)[1], w, rtol=1e-10)


def test_an_epoch_is_a_permutation() -> None:
    # With an unreachable threshold every sample drawn is hit: hits tell what was drawn.
    features = _features(12, 3)
    for epochs in (1, 4):
        hits = _run(shuffled_sgd, features, 1e9, 3, 4 * epochs)[3]
        np.testing.assert_array_equal(hits, epochs)
    # Samples left over are dropped, others in each epoch: 5 does not divide 12.
    hits = _run(shuffled_sgd, features, 1e9, 5, 2 * 200)[3]
    assert hits.sum() == 2000
    # Each sample: binomial, 200 draws at 10/12; 6 standard deviations, 12 samples: 2e-8.
    assert np.all(np.abs(hits - 2000 / 12) < 6 * math.sqrt(200 * (10 / 12) * (2 / 12)))
    # The order is new in each epoch.
    firsts = [_run(shuffled_sgd, features, 1e9, 1, s)[3] for s in (1, 13, 25, 37, 49)]
    assert len({int(np.argmax(f - e)) for f, e in zip(firsts, (0, 1, 2, 3, 4), strict=True)}) > 1


def test_shuffled_steps_are_sgd_steps() -> None:
    features = _features(12, 3)
    code, w, counters, hits = _run(shuffled_sgd, features, 0.5, 2, 10**6)
    assert code == 0
    np.testing.assert_allclose(w, hits @ features, rtol=1e-12)
    assert np.all(features @ w >= 0.5)
    assert counters[run_state.HITS] == hits.sum()
    # One epoch by hand: the order is told by a run in which everything is hit.
    w, order = np.zeros(3), []
    for s in range(1, 13):
        seen = _run(shuffled_sgd, features, 1e9, 1, s)[3]
        order.append(int(np.flatnonzero(seen)[~np.isin(np.flatnonzero(seen), order)][0]))
    for i in order:
        w = w + features[i] * (features[i] @ w < 0.5)
    np.testing.assert_allclose(_run(shuffled_sgd, features, 0.5, 1, 12)[1], w, rtol=1e-12)


@pytest.mark.parametrize("kernel", ["sde", "sde/4", "sde/16", "shuffled"])
def test_dynamics_have_units_limits_and_checkpoints(kernel: str) -> None:
    config = PerceptronConfig(chi=1.0, d=4, P=32, B=4, T=1.0, kappa=0.5, seed=3)
    run = simulate(config, kernel)
    assert run.status == "fitted"
    scaled = simulate(PerceptronConfig(chi=1.0, d=4, P=32, B=4, T=2.0, kappa=1.0, seed=3), kernel)
    np.testing.assert_array_equal(scaled.w, 2 * run.w)
    assert scaled.t_star == 2 * run.t_star
    duration = {"sde": 1.0, "sde/4": 1 / 4, "sde/16": 1 / 16, "shuffled": config.B}[kernel]
    assert run.t_star == run.steps * config.T * duration
    assert run.checkpoints is not None
    assert run.checkpoints.t[-1] == run.t_star
    assert run.checkpoints.train_loss[0] == pytest.approx(0.5)
    assert config.key(kernel) != config.key("event")
    few = PerceptronConfig(chi=1.0, d=4, P=32, B=4, T=1.0, kappa=0.5, seed=3, max_steps=2)
    assert simulate(few, kernel).status == "max_steps"
    few = PerceptronConfig(chi=1.0, d=4, P=32, B=4, T=1.0, kappa=0.5, seed=3, max_updates=2)
    assert simulate(few, kernel).status == "max_updates"
