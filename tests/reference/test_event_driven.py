"""The event-driven kernel is exactly SGD: replay, and laws given the state.

Whole distributions are looked at by the laws of ``tests/property/test_laws.py``.

False alarms: a |z| beyond 6 has probability 2e-9; some 50 such numbers are looked at, so one run in
ten million raises one. Seeds are fixed.
"""

import dataclasses
import math

import numpy as np
import planted
import pytest
from scipy import stats
from trace_check import Laws, check_trace

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.kernels.trace import ACTIVE, UNFITTED
from perceptron_sim.runs.simulate import training_data

SCHEDULES = ["auto", "plain", "candidates", "events"]
#         chi   d   P   B   kappa/T
SETTINGS = [
    (0.0, 4, 60, 2, 2.0**-15),
    (1.0, 8, 100, 1, 2.0**-15),
    (1.0, 3, 40, 5, 0.5),
    (-0.5, 3, 30, 2, 2.0**-15),
    (3.0, 6, 64, 8, 1.0),
    (1.0, 5, 24, 24, 2.0),
    (0.0, 12, 50, 20, 0.1),
    (1.0, 40, 25, 3, 1.0),
    (1.0, 6, 60, 2, 16.0),
    (0.5, 2, 30, 2, 0.0),
    (8.0, 5, 80, 30, 0.3),
    (0.0, 3, 40, 12, 4.0),
]


def _configs(setting, seeds: range):
    chi, d, P, B, kappa = setting
    for seed in seeds:
        yield PerceptronConfig(chi=chi, d=d, P=P, B=B, T=1.0, kappa=kappa, seed=seed)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_replay_and_laws_given_the_state(schedule: str) -> None:
    laws, events = Laws(), 0
    for setting in SETTINGS:
        for config in _configs(setting, range(2)):
            trace = np.zeros(4_000_000, dtype=np.int64)
            run = simulate(config, "event", None, trace=trace, schedule=schedule)
            assert run.status == "fitted"
            events += check_trace(training_data(config), config, trace, run, laws)
    assert events > 1500
    scores = laws.z()
    assert set(scores) == {"skip", "no skip", "hits", "hits, spread", "rank"}
    assert all(abs(z) < 6 for z in scores.values()), scores


def test_auto_uses_all_three_ways() -> None:
    config = PerceptronConfig(chi=0.0, d=4, P=3000, B=2, seed=1)
    trace = np.zeros(20_000_000, dtype=np.int64)
    run = simulate(config, "event", None, trace=trace)
    laws = Laws()
    check_trace(training_data(config), config, trace, run, laws)
    from trace_check import read_trace

    kinds = {(kind, len(others) > 0) for _, kind, _, others in read_trace(trace)}
    assert kinds == {(ACTIVE, False), (ACTIVE, True), (UNFITTED, True)}
    assert all(abs(z) < 6 for z in laws.z().values()), laws.z()


@pytest.mark.parametrize("schedule", ["auto", "candidates", "events"])
def test_checkpoints_are_exact(schedule: str) -> None:
    config = PerceptronConfig(chi=0.0, d=4, P=300, B=2, seed=3, kappa=0.25)
    trace = np.zeros(4_000_000, dtype=np.int64)
    run = simulate(config, "event", trace=trace, schedule=schedule)
    from trace_check import read_trace

    phi = training_data(config) / math.sqrt(config.d)
    w, course, i = np.zeros(config.d), run.checkpoints, 0
    for step, _, hits, _ in read_trace(trace):
        while i < len(course.step) and course.step[i] < step:
            gap = config.kappa - phi @ w
            assert np.allclose(course.w[i], w, rtol=1e-10, atol=1e-12)
            assert course.unfitted[i] * config.P == pytest.approx(np.sum(gap > 0))
            assert course.train_loss[i] == pytest.approx(np.maximum(gap, 0).mean(), abs=1e-12)
            i += 1
        w = w + phi[hits].sum(axis=0)
    assert i == len(course.step) - 1
    assert np.all(np.diff(course.w1) >= 0)


@pytest.mark.parametrize("budget", [1, 4000])
def test_little_memory_evicts_rows_and_changes_nothing(budget: int) -> None:
    laws = Laws()
    for config in _configs((0.0, 4, 200, 2, 2.0**-15), range(5)):
        trace = np.zeros(8_000_000, dtype=np.int64)
        run = simulate(config, "event", None, trace=trace, schedule="events", row_budget=budget)
        check_trace(training_data(config), config, trace, run, laws)
    assert all(abs(z) < 6 for z in laws.z().values()), laws.z()


HARMLESS = ["none", "coarse units"]
MUTATIONS = [
    *HARMLESS,
    "skip",
    "binomial",
    "certificate",
    "stale row",
    "row claimed and never computed",
    "margins left behind by large batches",
    "skip in candidates",
    "coarse units, error ignored",
    "unclear samples count as fitted",
]


@pytest.fixture(scope="module")
def ends() -> planted.Ends:
    # The same checks as above.
    return planted.ends_of("mutants", MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_broken_kernels_are_caught(mutation: str, ends: planted.Ends) -> None:
    code, said = ends[mutation]
    assert code == (0 if mutation in HARMLESS else 1), said
    assert ("caught:" in said) == (mutation not in HARMLESS), said


ODD = {
    "duplicates": lambda z: np.repeat(z[:10], 6, axis=0),
    "no orthogonal part": lambda z: z * np.eye(z.shape[1])[0],
    "one point": lambda z: np.repeat(z[:1], 60, axis=0),
    "half on the boundary": lambda z: np.where(np.arange(60)[:, None] % 2 == 0, z, z * [0, 1, 1]),
    "all on the boundary": lambda z: z * [0.0, 1, 1],
    "teacher is wrong": lambda z: z * np.where(np.arange(60)[:, None] % 7 == 0, -1.0, 1.0),
    "origin": lambda z: z * (np.arange(60)[:, None] != 5),
    "huge": lambda z: z * 1e200,
    "tiny": lambda z: z * 1e-200,
    "axis and origin": lambda z: z * (np.arange(60)[:, None] > 1) + 5.0 * np.eye(60, 3),
    "very uneven": lambda z: z * np.geomspace(1e-6, 1e6, 60)[:, None],
}


@pytest.mark.parametrize("power", [-130, 130, 400])
def test_coarse_copies_stand_any_scale(power: int) -> None:
    config = PerceptronConfig(chi=0.0, d=40, P=400, B=2, T=1.0, kappa=0.0, seed=0)
    data = np.ldexp(training_data(config), power)
    for schedule in ("candidates", "auto"):
        assert simulate(config, "event", data=data, schedule=schedule).status == "fitted"


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("schedule", ["auto", "candidates", "events"])
def test_ill_conditioned_data_end_with_a_status(odd: str, schedule: str) -> None:
    base = PerceptronConfig(d=3, P=60, B=2, T=1.0, kappa=0.1, seed=0, max_updates=30_000)
    data = ODD[odd](training_data(base))
    run = simulate(base, "event", data=data, schedule=schedule)
    reference = simulate(base, "reference", data=data)
    assert run.status == reference.status
    assert run.status in ("fitted", "max_updates", "max_steps")
    margins = data.astype(np.longdouble) @ run.w.astype(np.longdouble) / math.sqrt(3)
    if run.status == "fitted":
        assert (margins >= 0.1 * (1 - 1e-9)).all()
    else:
        assert (margins < 0.1).any()


@pytest.mark.parametrize("schedule", ["auto", "candidates", "events"])
def test_samples_on_the_wrong_side_of_the_teacher(schedule: str) -> None:
    # w_1 falls at times; what is left out must still be fitted.
    laws, rng = Laws(), np.random.default_rng(5)
    for seed in range(12):
        B = [2, 2, 8, 1][seed % 4]
        base = PerceptronConfig(d=3, P=400, B=B, seed=seed, kappa=0.5, max_updates=1500)
        z = training_data(base)
        if seed % 2:
            z = z @ stats.special_ortho_group.rvs(3, random_state=rng).T
        else:
            z[:3] = [[-4.0, 3.0, 0.1], [-0.5, 5.0, 5.0], [-3.0, 0.0, 4.0]]
        trace = np.zeros(12_000_000, dtype=np.int64)
        run = simulate(base, "event", None, data=z, trace=trace, schedule=schedule)
        check_trace(z, base, trace, run, laws)
    assert all(abs(score) < 6 for score in laws.z().values()), laws.z()


@pytest.mark.parametrize("kappa", [0.0, 2.0**-15])
def test_samples_on_the_axis_do_not_stall_the_kernel(kappa: float) -> None:
    base = PerceptronConfig(d=16, P=20_000, B=2, kappa=kappa, seed=0)
    z = training_data(base)
    z[0] = 5.0 * np.eye(16)[0]
    assert simulate(base, "event", None, data=z).status == "fitted"


@pytest.mark.parametrize("kappa", [16.0, 128.0])
def test_near_pools_are_exact(kappa: float) -> None:
    laws = Laws()
    base = PerceptronConfig(chi=1.0, d=4, P=300, B=2, kappa=kappa, seed=3, max_updates=6000)
    trace = np.zeros(40_000_000, dtype=np.int64)
    run = simulate(base, "event", None, trace=trace)
    check_trace(training_data(base), base, trace, run, laws)
    assert all(abs(score) < 6 for score in laws.z().values()), laws.z()


@pytest.mark.parametrize("schedule", ["plain", "candidates", "events"])
def test_rounding_stays_below_1e_9_whatever_the_number_of_hits(schedule: str) -> None:
    # A problem that has no end, against sums of the exact integer counts. The weights are restored
    # every 2^18 hits, so the error does not grow from one restoration to the next: 3 and 9 of
    # them leave the same bound of 3e-11, and so would the 4,000 of 10^9 hits.
    base = PerceptronConfig(d=8, P=200, B=2, seed=0)
    z = training_data(base)
    z[::9] *= -1.0
    phi = z * (1.0 / math.sqrt(base.d))
    for updates in (800_000, 2_400_000):
        config = dataclasses.replace(base, max_updates=updates)
        run = simulate(config, "event", None, data=z, schedule=schedule)
        assert run.status == "max_updates"
        exact = run.hit_counts.astype(np.longdouble) @ phi.astype(np.longdouble)
        error = np.max(np.abs(phi @ np.asarray(run.w - exact, dtype=np.float64)))
        assert error < 3e-11 * np.median(np.abs(phi @ run.w))


def test_large_batches_restore_the_weights_too() -> None:
    # Here every batch hits more than d/2 samples, so margins are always computed from w.
    config = PerceptronConfig(d=2, P=40, B=40, seed=0, kappa=0.5, max_updates=1_600_000)
    z = training_data(config)
    z[::4] *= -1.0
    z += np.array([0.03, 0.07])
    run = simulate(config, "event", None, data=z, schedule="events")
    phi = (z * (1.0 / math.sqrt(config.d))).astype(np.longdouble)
    exact = config.T * (run.hit_counts.astype(np.longdouble) @ phi)
    assert run.hits > 2e7
    assert np.max(np.abs(run.w - exact)) < 3e-11 * np.max(np.abs(exact))


@pytest.mark.parametrize("small", [1e-155, 1e-170, 1e-200])
@pytest.mark.parametrize("schedule", ["auto", "candidates", "events"])
def test_samples_whose_squares_vanish_are_not_left_out(small: float, schedule: str) -> None:
    for seed in range(5):
        config = PerceptronConfig(d=40, P=300, B=2, T=1.0, kappa=0.0, seed=seed, max_updates=5000)
        z = training_data(config)
        z[::3] *= small
        run = simulate(config, "event", None, data=z, schedule=schedule)
        assert run.status in ("fitted", "max_updates")
        assert (run.status == "fitted") == bool((z @ run.w >= 0.0).all())
