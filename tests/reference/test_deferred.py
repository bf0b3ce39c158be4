"""SGD on a training set that is drawn where it is looked at is exactly SGD.

A run's training set is completed by drawing what it never looked at. Then everything that holds for
a run on a drawn set must hold, and the set itself must follow its law.

False alarms: a |z| beyond 6 has probability 2e-9, a KS p-value below 1e-9 happens as often; some
150 such numbers are looked at. Seeds are fixed.
"""

import math

import numpy as np
import planted
import pytest
from deferred_check import check_run
from scipy import stats
from trace_check import Laws, read_trace

from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.runs.simulate import choose, training_data_of

#         chi   d    P   B   kappa/T
SETTINGS = [
    (1.0, 8, 3000, 2, 2.0**-15),
    (0.0, 4, 600, 1, 2.0**-15),
    (-0.5, 3, 400, 2, 0.3),
    (3.0, 6, 5000, 8, 1.0),
    (0.5, 2, 400, 2, 0.0),
    (1.0, 5, 700, 40, 4.0),
    (8.0, 5, 2000, 3, 0.3),
    (3.0, 16, 4000, 2, 64.0),
]
# Runs to the end, by the reference too.
WHOLE = [
    (1.0, 8, 400, 2, 2.0**-15),
    (0.0, 4, 120, 1, 2.0**-15),
    (-0.3, 4, 40, 2, 0.3),
    (3.0, 6, 2000, 8, 1.0),
    (1.0, 5, 300, 40, 4.0),
    (8.0, 5, 2000, 3, 0.3),
]


def _config(setting, seed: int, most: int = 10**9) -> PerceptronConfig:
    chi, d, P, B, kappa = setting
    point = {"chi": chi, "d": d, "P": P, "B": B, "kappa": kappa, "seed": seed}
    return PerceptronConfig(**point, T=1.0, max_updates=most)


def test_replay_and_laws_given_the_completed_set() -> None:
    laws, events, unseen = Laws(), 0, 0
    for setting in SETTINGS:
        for seed in range(2):
            config = _config(setting, seed, 800)
            trace = np.zeros(10_000_000, dtype=np.int64)
            run = simulate(config, "deferred", None, trace=trace)
            events += check_run(config, trace, run, laws)
            unseen += run.samples.n_unseen
    assert events > 2500
    assert unseen > 10_000
    assert {"skip", "rank", "keys below 0.02"} < set(laws.z())
    laws.hold()


QUANTITIES = ["t_star", "w1", "w_perp", "updates", "hits"]


def _sample(setting, seeds: range, kernel: str) -> list[np.ndarray]:
    runs = [simulate(_config(setting, seed), kernel, None) for seed in seeds]
    assert all(run.status == "fitted" for run in runs)
    numbers = [[getattr(run, name) for run in runs] for name in QUANTITIES]
    return [*map(np.array, numbers), np.array([np.count_nonzero(run.hit_counts) for run in runs])]


@pytest.mark.parametrize("setting", WHOLE, ids=str)
def test_distributions_equal_those_of_the_reference(setting) -> None:
    reference = _sample(setting, range(400), "reference")
    deferred = _sample(setting, range(400, 800), "deferred")
    for name, a, b in zip([*QUANTITIES, "samples hit"], reference, deferred, strict=True):
        assert stats.ks_2samp(a, b).pvalue > 1e-9, name


def test_a_completed_set_replays_to_the_same_weights() -> None:
    config = _config(WHOLE[0], 3)
    trace = np.zeros(10_000_000, dtype=np.int64)
    run = simulate(config, "deferred", None, trace=trace)
    z = training_data_of(run)
    assert z.shape == (config.P, config.d)
    np.testing.assert_array_equal(z[: len(run.hit_counts)], run.seen)
    w = np.zeros(config.d)
    for _, _, hits, _ in read_trace(trace):
        w += config.T / math.sqrt(config.d) * z[hits].sum(0)
    np.testing.assert_allclose(w, run.w, rtol=1e-12, atol=1e-12 * run.w_norm)
    np.testing.assert_array_equal(z, training_data_of(run))
    # And it is a set on which any kernel can be run.
    assert simulate(config, "event", None, data=z).status == "fitted"


def test_checkpoints_are_means_given_what_was_seen_and_then_exact() -> None:
    off = {"unfitted": [], "train_loss": []}
    for setting in (SETTINGS[0], SETTINGS[2], SETTINGS[5]):
        for seed in range(40):
            config = _config(setting, seed, 400)
            run = simulate(config, "deferred")
            gap = config.kappa - training_data_of(run) @ run.checkpoints.w.T / math.sqrt(config.d)
            true = {"unfitted": (gap > 0).mean(0), "train_loss": np.maximum(gap, 0).mean(0)}
            # At the start all are unfitted, by a gap of kappa.
            true["unfitted"][0] = 1.0
            exact = run.checkpoints.exact
            assert not exact[0]
            for name, values in true.items():
                stated = getattr(run.checkpoints, name)
                np.testing.assert_allclose(stated[exact][:-1], values[exact][:-1], atol=1e-9)
                scale = values[~exact][1:] + 1.0 / config.P
                off[name].append(np.mean((stated[~exact][1:] - values[~exact][1:]) / scale))
    for name, some in off.items():
        assert abs(np.mean(some)) < 6 * np.std(some) / math.sqrt(len(some)), name
        assert np.std(some) > 0


HARMLESS = ["none"]
MUTATIONS = [
    *HARMLESS,
    "shells pooled",
    "split with the wrong probability",
    "frontier too small",
    "unseen samples of the whole frontier",
    "dormant samples forgotten",
]


@pytest.fixture(scope="module")
def ends() -> planted.Ends:
    return planted.ends_of("deferred_mutants", MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_broken_kernels_are_caught(mutation: str, ends: planted.Ends) -> None:
    code, said = ends[mutation]
    assert code == (0 if mutation in HARMLESS else 1), said
    assert ("caught:" in said) == (mutation not in HARMLESS), said


def test_memory_is_bounded_and_the_end_says_so() -> None:
    config = PerceptronConfig(chi=1.0, d=8, P=10**6, seed=1)
    run = simulate(config, "deferred", sample_budget=200_000)
    assert run.status == "max_memory"
    assert len(run.hit_counts) <= 200_000 / 208
    assert 0 < run.unfitted < config.P
    assert "raise sample_budget" in run.message
    assert not run.checkpoints.exact[-1]


def test_the_largest_set_there_can_be() -> None:
    config = PerceptronConfig(chi=1.0, d=16, P=2**62, B=2, seed=0, max_updates=300)
    run = simulate(config, "auto")
    assert (run.kernel, run.status, run.updates) == ("deferred", "max_updates", 300)
    assert len(run.hit_counts) < 10**5
    assert run.samples.n_seen + run.samples.n_unseen == 2**62
    few = simulate(PerceptronConfig(chi=1.0, d=16, P=2**62, B=2, seed=0, max_steps=10), "auto")
    assert (few.status, few.steps <= 10) == ("max_steps", True)


def test_auto_chooses_by_the_configuration_alone() -> None:
    small, large = PerceptronConfig(d=16, P=8192), PerceptronConfig(d=16, P=2**20)
    assert choose("sgd", "auto", small) == ("sgd", "event")
    assert choose("sgd", "auto", large) == ("sgd", "deferred")
    assert choose("sgd", "event", large) == ("sgd", "event")
    assert choose("shuffled", "auto", large) == ("shuffled", "reference")
    # A large batch looks at many samples.
    assert choose("sgd", "auto", PerceptronConfig(d=16, P=2**20, B=2**12))[1] == "event"


def test_data_cannot_be_given() -> None:
    config = PerceptronConfig(d=4, P=100)
    with pytest.raises(InputError, match="draws its own data"):
        simulate(config, "deferred", data=np.ones((100, 4)))


def test_runs_do_not_depend_on_units_or_checkpoints() -> None:
    point = {"chi": 1.0, "d": 8, "P": 5000, "seed": 4}
    one = simulate(PerceptronConfig(**point, T=1.0, kappa=0.5), "deferred")
    other = simulate(PerceptronConfig(**point, T=4.0, kappa=2.0), "deferred", None)
    np.testing.assert_array_equal(other.w, 4 * one.w)
    assert (one.steps, one.hits) == (other.steps, other.hits)
    np.testing.assert_array_equal(one.hit_counts, other.hit_counts)
