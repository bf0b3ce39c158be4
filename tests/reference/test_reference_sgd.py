"""The reference kernel against plain NumPy, step for step on the same batches."""

import dataclasses

import numpy as np
import pytest
from numpy_sgd import numpy_sgd

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.batches import draw_batch
from perceptron_sim.runs.simulate import training_data

pytestmark = pytest.mark.jit_free


CONFIGS = [
    PerceptronConfig(chi=1.0, d=8, P=64, B=2, T=1.0, kappa=2**-15, seed=1),
    PerceptronConfig(chi=0.0, d=5, P=40, B=1, T=0.3, kappa=0.7, seed=2),
    PerceptronConfig(chi=-0.5, d=3, P=12, B=5, T=2.0, kappa=0.0, seed=3),
    PerceptronConfig(chi=3.0, d=16, P=50, B=50, T=0.01, kappa=1.0, seed=4),
    PerceptronConfig(chi=1.0, d=40, P=30, B=20, T=0.1, kappa=1.0, seed=5),
    PerceptronConfig(chi=8.0, d=2, P=1, B=1, T=0.1, kappa=1.0, seed=6),
]


def _batches(config: PerceptronConfig, count: int) -> list[np.ndarray]:
    rng, order = config.stream("batches"), np.arange(config.P)
    batch, batches = np.empty(config.B, dtype=np.int64), []
    for _ in range(count):
        draw_batch(rng, config.P, order, batch)
        batches.append(batch.copy())
    return batches


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"chi{c.chi:g}-P{c.P}-B{c.B}")
def test_same_batches_give_the_same_run(config: PerceptronConfig) -> None:
    run = simulate(config, kernel="reference")
    assert run.status == "fitted"
    # Unfold the labels at random: the kernel must not care.
    y = np.random.default_rng(0).choice([-1.0, 1.0], config.P)
    x = training_data(config) * y[:, None]
    batches = _batches(config, run.steps + 1000)
    course = list(numpy_sgd(x, y, config.kappa, config.eta, batches))
    hits = np.array([n for _, n in course])
    assert run.steps == 1 + np.flatnonzero(hits)[-1]
    assert run.hits == hits.sum()
    assert run.updates == np.count_nonzero(hits)
    assert run.t_star == pytest.approx(config.eta * run.steps, rel=1e-15)
    scale = np.linalg.norm(run.w)
    assert np.max(np.abs(run.w - course[-1][0])) <= 1e-12 * scale
    for step, w in zip(run.checkpoints.step, run.checkpoints.w, strict=True):
        if step > 0:
            assert np.max(np.abs(w - course[step - 1][0])) <= 1e-12 * scale


def test_checkpoints_measure_the_training_set() -> None:
    config = CONFIGS[1]
    run = simulate(config, kernel="reference")
    course = run.checkpoints
    z = training_data(config)
    for i, w in enumerate(course.w):
        gap = config.kappa - z @ w / np.sqrt(config.d)
        assert course.unfitted[i] == pytest.approx(np.mean(gap > 0), abs=1e-15)
        assert course.train_loss[i] == pytest.approx(np.mean(np.maximum(gap, 0)), abs=1e-13)
        assert course.w1[i] == w[0]
        assert course.w_perp[i] == pytest.approx(np.linalg.norm(w[1:]))
    assert course.step[-1] == run.steps
    assert course.unfitted[-1] == 0
    assert np.all(np.diff(course.step) > 0)


def test_limits_end_a_run_with_a_remedy() -> None:
    base = PerceptronConfig(chi=0.0, d=8, P=200, B=2, seed=0)
    run = simulate(dataclasses.replace(base, max_steps=50), kernel="reference")
    assert run.status == "max_steps"
    assert run.unfitted > 0
    assert "raise max_steps" in run.message
    run = simulate(dataclasses.replace(base, max_updates=7), kernel="reference")
    assert run.status == "max_updates"
    assert run.updates == 7
    assert "raise max_updates" in run.message


def test_overflow_is_diverged_not_a_number() -> None:
    config = PerceptronConfig(d=4, P=64, T=1e100, kappa=0.0)
    run = simulate(config, kernel="reference", data=1e250 * training_data(config))
    assert run.status == "diverged"
    assert "lower T" in run.message
