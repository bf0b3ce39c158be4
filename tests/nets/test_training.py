"""Both engines against the obvious loop, in other company, and against theory."""

import math
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import torch
from cuda_emulator import WAITING, Operations
from scipy import stats
from single_net import distance, train_single

from nets.architectures import build
from nets.config import NetConfig
from nets.data import load_images
from nets.lazy import LazyConfig
from nets.training import Control, NetResult, check_request, draw_data, train, train_each
from nets.training.replicas import Replicas
from nets.training.stock import Bytes, Floats
from perceptron_sim import InputError, PerceptronConfig, simulate
from perceptron_sim.runs.identity import key_of

pytestmark = pytest.mark.usefixtures("one_thread")


ENGINES = ["compiled", "ensemble", "resident"]
NETS = [
    {"depth": 5, "width": 32, "act": "relu", "T": 2.0**-6},
    {"depth": 2, "width": 24, "act": "gelu", "T": 2.0**-5},
    {"depth": 3, "width": 24, "act": "silu", "T": 2.0**-7, "B": 5},
    {"arch": "linear", "data": "perceptron", "chi": 1.0, "d": 8, "B": 2, "T": 1.0},
    {"arch": "linear", "T": 2.0**-4},
    {"depth": 2, "width": 16, "alpha": 2.0**-6, "T": 1.0},
]

# Fewer samples and less company: convolutions in double precision are slow, depthwise ones most.
CONVOLUTIONAL = [
    {"arch": "cnn", "depth": 3, "width": 16, "act": "relu", "T": 2.0**-5},
    {"arch": "cnn", "depth": 4, "width": 12, "act": "gelu", "T": 2.0**-5},
    {"arch": "mnas", "width": 8, "act": "relu", "T": 2.0**-4},
    {"arch": "mnas", "depth": 3, "width": 8, "act": "gelu", "T": 2.0**-4},
]


BOUNDS = {"float64": 1e-10, "float32": 1e-5}
CASES = [
    *((net, 128, engine) for net in NETS for engine in ENGINES),
    *((net, P, "ensemble") for net, P in zip(CONVOLUTIONAL, (96, 96, 32, 32), strict=True)),
    *((net, 32, "resident") for net in CONVOLUTIONAL[1::2]),
]


@pytest.mark.parametrize(
    ("net", "P", "engine", "dtype"),
    [
        (*case, dtype)
        for case in CASES
        # Steps on the device round as those of the ensemble do.
        for dtype in (["float64"] if case[-1] == "resident" else BOUNDS)
    ],
    ids=lambda case: "-".join(map(str, case.values())) if isinstance(case, dict) else str(case),
)
def test_a_replica_is_the_plain_loop_over_one_net(net, P, engine, dtype) -> None:
    # In single precision about one run in sixty meets a sample within rounding of its margin,
    # called fitted here and unfitted there, and goes another way from then on: not this seed.
    config = NetConfig(**net, P=P, P_test=0, seed=4, dtype=dtype, max_steps=1000)
    company = [
        NetConfig(**net, P=3 * P // 4, P_test=0, seed=s, dtype=dtype, max_steps=500)
        for s in range(3 if net in NETS else 1)
    ]
    runs = train(
        *([company[0], config, *company[1:]], "cpu"), engine=engine, workers=1, keep_weights=True
    )
    run = runs[1]
    assert run.engine == (engine if engine == "compiled" else "ensemble")
    weights, updates, last = train_single(config, run.steps)
    assert run.updates == updates
    assert run.steps == last
    assert distance(run.weights, weights) < BOUNDS[dtype]


MLP = {"depth": 3, "width": 24}
CNN = {"arch": "cnn", "depth": 3, "width": 8, "act": "gelu"}
MNAS = {"arch": "mnas", "depth": 2, "width": 4}


@pytest.mark.parametrize(
    ("net", "P", "T", "seeds", "engine", "rounding"),
    [
        (MLP, (64, 160), (2.0**-9, 2.0**-5), 3, "compiled", 0.0),
        (MLP, (64, 160), (2.0**-9, 2.0**-5), 3, "ensemble", 1e-12),
        (MLP, (48, 96), (2.0**-9, 2.0**-5), 2, "resident", 1e-12),
        (CNN, (24, 40), (2.0**-4,), 2, "ensemble", 1e-12),
        (MNAS, (16, 24), (2.0**-2,), 2, "ensemble", 1e-12),
    ],
    ids=["compiled", "ensemble", "resident", "cnn", "mnas"],
)
def test_results_do_not_depend_on_company_order_or_splitting(
    net, P, T, seeds, engine, rounding
) -> None:
    configs = [
        NetConfig(**net, P=size, T=noise, seed=seed, dtype="float64", P_test=64)
        for size in P
        for noise in T
        for seed in range(seeds)
    ]

    def run(configs: list[NetConfig], **how: object) -> list[NetResult]:
        return train(configs, "cpu", engine=engine, keep_weights=True, **how)

    together = run(configs, workers=1)
    reversed_ = run(configs[::-1], workers=2)[::-1]
    split = run(configs, most=5 if net is MLP else 3, checkpoints=False)
    alone = [run([config])[0] for config in configs]
    for first, *others in zip(together, reversed_, split, alone, strict=True):
        assert first.status == "fitted"
        for other in others:
            assert (other.steps, other.updates, other.hits) == (
                *(first.steps, first.updates, first.hits),
            )
            assert distance(other.weights, first.weights) <= rounding
            assert other.test_error == first.test_error


@pytest.mark.parametrize("engine", ENGINES)
def test_every_sample_is_fitted_at_the_end_and_not_one_step_before(engine) -> None:
    config = NetConfig(depth=2, width=32, P=200, T=2.0**-6, seed=1, dtype="float64")
    run = train([config], "cpu", engine=engine, keep_weights=True)[0]
    assert run.status == "fitted"
    assert run.t_star == config.eta * run.steps
    assert run.unfitted == 0
    # Stopped one step earlier, some sample is not fitted; asked to go on, nothing changes.
    stopped = NetConfig(**{**_fields(config), "max_steps": run.steps - 1})
    before = train([stopped], "cpu", engine=engine)[0]
    assert before.status == "max_steps"
    assert before.unfitted > 0
    assert "raise max_steps" in before.message
    weights, _, last = train_single(config, run.steps + 200)
    assert last == run.steps
    assert distance(run.weights, weights) < 1e-10


def _fields(config: NetConfig) -> dict[str, object]:
    return asdict(config)


def test_single_precision_keeps_the_margin_to_a_thousandth() -> None:
    # At T = kappa, where f - f_0 is smallest beside f: most margins are within a few kappa.
    config = NetConfig(depth=5, width=128, P=256, T=2.0**-15, alpha=2.0**15, seed=0)
    run = train([config], "cpu", keep_weights=True)[0]
    assert run.status == "fitted"
    data = draw_data(config)

    def margins(dtype: torch.dtype) -> np.ndarray:
        from nets.architectures import build

        net = build("mlp", 64, 5, 128, "relu")
        x = torch.tensor(data.x, dtype=dtype)[None]
        ends = [torch.tensor(w, dtype=dtype)[None] for w in run.weights]
        # The start as single precision had it.
        drawn = net.draw(config.stream("weights"))
        starts = [torch.tensor(w, dtype=torch.float32).to(dtype)[None] for w in drawn]
        f, f0 = (net.forward(weights, x)[0][0].double().numpy() for weights in (ends, starts))
        return data.y * (f - f0)

    exact = margins(torch.float64)
    error = margins(torch.float32) - exact
    assert np.sqrt(np.mean(error**2)) < 1e-3 * np.sqrt(np.mean(exact**2))
    # A sample may be called fitted that is short by rounding, which is up to 1 % of the margin.
    assert np.max(np.abs(error)) < 1e-2 * config.kappa
    assert exact.min() > (1.0 - 1e-2) * config.kappa


@pytest.mark.parametrize("chi", [0.0, 2.0])
def test_linear_on_teacher_data_is_the_perceptron(chi: float) -> None:
    runs = 200
    shared = {"chi": chi, "d": 8, "P": 64, "B": 2, "T": 1.0, "kappa": 2.0**-15}
    nets = train(
        [
            NetConfig(**shared, data="perceptron", arch="linear", seed=s, dtype="float64", P_test=0)
            for s in range(runs)
        ],
        "cpu",
        checkpoints=False,
    )
    exact = [simulate(PerceptronConfig(**shared, seed=s), checkpoints=None) for s in range(runs)]
    assert all(run.status == "fitted" for run in nets)
    # False alarm: 1e-7 for each of the four comparisons, 4e-7 in all; both programs are seeded.
    for ours, theirs in (
        ([r.t_star for r in nets], [r.t_star for r in exact]),
        ([r.dw for r in nets], [r.w_norm for r in exact]),
    ):
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-7


@pytest.mark.parametrize("engine", ENGINES)
def test_a_diverging_run_is_recorded_and_the_others_go_on(engine) -> None:
    configs = [NetConfig(depth=3, width=16, P=64, T=T, seed=0) for T in (2.0**40, 2.0**-8, 64.0)]
    wild, tame, dead = train(configs, "cpu", engine=engine)
    assert (wild.status, tame.status, dead.status) == ("diverged", "fitted", "diverged")
    assert "lower T" in wild.message
    alone = train(configs[1:2], "cpu", engine=engine)[0]
    assert (alone.steps, alone.dw) == (tame.steps, pytest.approx(tame.dw, rel=1e-5))


@pytest.mark.parametrize("engine", ENGINES)
def test_checkpoints_are_log_spaced_and_end_with_the_last_update(engine) -> None:
    run = train([NetConfig(P=256, T=2.0**-6, seed=2)], "cpu", engine=engine)[0]
    course = run.checkpoints
    assert course.step[:7].tolist() == [0, 1, 2, 3, 6, 10, 18]
    assert course.step[-1] == run.steps
    assert (course.dw[0], course.unfitted[0]) == (0.0, 1.0)
    assert (course.dw[-1], course.unfitted[-1], course.train_loss[-1]) == (run.dw, 0.0, 0.0)
    assert run.dw == pytest.approx(math.hypot(*run.dw_layers))
    assert run.dw_rel == pytest.approx(run.dw / math.hypot(*run.w0_layers))
    assert 0.0 < run.test_error < 0.3
    # All samples are unfitted at the start and none at the end.
    assert course.noise_trace[0] == run.noise_trace > 0.0
    assert course.noise_trace[-1] == 0.0
    assert course.ntk_change[0] == 0.0
    assert course.ntk_change[-1] == run.ntk_change > 0.0


def test_bytes_and_a_table_are_the_floats_to_the_bit() -> None:
    cpu = torch.device("cpu")
    for shared in (True, False):
        config = NetConfig(P=40, P_test=30, seed=3, shared_seeds=shared)
        one = Bytes(load_images("digits"), torch.float32, cpu)
        other = Floats(draw_data, 2, 60, 64, torch.float32, cpu)
        larger = NetConfig(P=60, P_test=30, seed=3, T=1.0, shared_seeds=shared)
        taken = [(stock, stock.take(config), stock.take(larger)) for stock in (one, other)]
        for i in (1, 2):
            x, y = (stock.rows(torch.from_numpy(both[i - 1].where)) for stock, *both in taken)
            assert torch.equal(x, y)
            test = [stock.test(both[i - 1].test)(slice(5, 25)) for stock, *both in taken]
            assert torch.equal(*test)
            assert test[0].shape == (20, 64)
        # Runs of a seed read the same samples.
        assert np.array_equal(taken[1][1].where, taken[1][2].where[:40]) == shared
        other.give_back(config)
        other.give_back(larger)
        assert sorted(other._free) == [0, 60]


def test_a_family_is_drawn_and_evaluated_once(monkeypatch) -> None:
    net = build("mlp", 64, 2, 16, "relu")
    drawn: list[int] = []
    draw = net.draw
    monkeypatch.setattr(net, "draw", lambda rng: drawn.append(1) or draw(rng))
    how = torch.float32, torch.device("cpu")
    stock = Floats(draw_data, 8, 64, 64, *how)
    replicas = Replicas(net, 8, 64, 4, stock, *how, 10**6)
    configs = [
        NetConfig(depth=2, width=16, B=4, P=P, T=T, seed=seed, P_test=8)
        for seed in range(2)
        for P, T in ((64, 1.0), (64, 2.0), (32, 1.0))
    ]
    replicas.admit(configs[:2], probed=True)
    replicas.admit(configs[2:], probed=True)
    assert len(drawn) == 2
    for slot, config in enumerate(configs):
        alone = Replicas(net, 1, 64, 4, Floats(draw_data, 1, 64, 64, *how), *how, 10**6)
        alone.admit([config], probed=True)
        ours, theirs = (
            [w[i] for w in r.first_weights(6)] for r, i in ((replicas, slot), (alone, 0))
        )
        assert all(map(torch.equal, ours, theirs))
        assert replicas.margins(np.array([slot]))[0] == pytest.approx(np.zeros(config.P), abs=1e-6)
        assert replicas.look(np.array([slot]))[0] == pytest.approx(
            alone.look(np.array([0]))[0], rel=1e-5, abs=1e-6
        )


def test_measuring_more_replicas_takes_no_more_operations() -> None:
    how = torch.float32, torch.device("cpu")
    counts: list[list[int]] = []
    for R in (2, 6):
        stock = Bytes(load_images("digits"), *how)
        replicas = Replicas(build("mlp", 64, 5, 16, "relu"), R, 32, 4, stock, *how, 10**6)
        configs = [NetConfig(depth=5, width=16, P=32, B=4, seed=s, P_test=20) for s in range(R)]
        slots = np.arange(R)
        counts.append([])
        for measure in (
            *(partial(replicas.admit, configs, True), partial(replicas.margins, slots)),
            *(partial(replicas.look, slots), partial(replicas.layer_norms, slots)),
            # The first time f_0 is evaluated too, once for each seed.
            *(partial(replicas.test_margins, slots), partial(replicas.test_margins, slots)),
        ):
            with Operations() as operations:
                measure()
            counts[-1].append(operations.count())
            assert not operations.names() & WAITING - {"lift_fresh"}
    assert counts[0][:4] == counts[1][:4]
    assert counts[0][5] == counts[1][5]
    with Operations() as operations:
        replicas.retire([0, 2])
    # Two for each of weights, starts and kernels, and where to.
    assert operations.count() <= 2 * (2 * 6 + 1) + 2


@pytest.mark.parametrize("engine", ENGINES)
def test_errors_at_checkpoints_are_those_of_runs_that_end_there(engine) -> None:
    config = NetConfig(P=64, depth=2, width=16, T=2.0**-6, seed=2, P_test=200, dtype="float64")
    how = {"engine": engine, "workers": 1}
    (run,) = train([config], "cpu", **how, test_checkpoints=True)
    course = run.checkpoints
    assert course.test_error.shape == course.step.shape
    assert (course.test_error[0], course.test_error[-1]) == (1.0, run.test_error)
    at = [i for i in range(1, len(course.step) - 1) if course.step[i] > 3]
    stopped = [NetConfig(**{**_fields(config), "max_steps": int(course.step[i])}) for i in at]
    ends = train(stopped, "cpu", **how)
    assert course.test_error[at].tolist() == [end.test_error for end in ends]
    assert len(set(course.test_error.tolist())) > 3
    assert ends[0].checkpoints.test_error is None
    with pytest.raises(InputError, match="allow checkpoints and P_test > 0"):
        train([config], "cpu", **how, checkpoints=False, test_checkpoints=True)


def test_draining_starts_nothing_new_and_aborting_drops_what_runs() -> None:
    configs = [NetConfig(P=64, seed=s) for s in range(6)]
    answers = iter([False] * 2 + [True] * 99)
    control = Control(draining=answers.__next__)
    assert len(list(train_each(configs, "cpu", workers=1, control=control))) == 2
    control = Control()
    control.stop.set()
    assert list(train_each(configs, "cpu", control=control)) == []


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arch": "mpl"}, "did you mean 'mlp'"),
        ({"data": "minst"}, "did you mean 'mnist'"),
        ({"act": "tanh"}, "choose one of relu, gelu, silu"),
        ({"B": 300}, "B = 300 is larger than P = 256"),
        ({"T": 1.0, "eta": 1.0}, r"tied by T = eta / \(B h\)"),
        ({"kappa": 1.0, "alpha": 1.0}, "both kappa and alpha"),
        ({"kappa": 0.0}, "allowed for nets is 0 < kappa"),
        ({"T": float("nan")}, "allowed is 0 < T < inf"),
        ({"depth": 0}, "allowed is depth >= 1"),
        ({"chi": 1.0}, "chi = 1.0 means nothing to data = 'digits'"),
        ({"arch": "linear", "width": 8}, "width = 8 means nothing to arch = 'linear'"),
        ({"arch": "cnn", "data": "perceptron"}, "arch = 'cnn' reads images"),
        ({"arch": "mnsa"}, "did you mean 'mnas'"),
        ({"dtype": "float16"}, "choose one of float32, float64"),
    ],
)
def test_bad_configurations_say_what_is_allowed(wrong, message: str) -> None:
    with pytest.raises(InputError, match=message):
        NetConfig(**wrong)


def test_requests_beyond_the_data_or_the_machine_are_refused() -> None:
    with pytest.raises(InputError, match="1500 is more than the 1198 training images of digits"):
        check_request([NetConfig(P=1500)])
    with pytest.raises(InputError, match="600 is more than the 599 test images of digits"):
        check_request([NetConfig(P_test=600)])
    with pytest.raises(InputError, match="more than the 1797 images of digits"):
        check_request([NetConfig(P=1500, P_test=298, shared_seeds=False)])
    with pytest.raises(InputError, match="device = 'gpu' is unknown"):
        check_request([NetConfig()], "gpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device is there"):
            check_request([NetConfig()], "cuda")


def test_names_of_runs_and_streams_are_pinned() -> None:
    config = NetConfig(seed=5)
    assert config.eta == config.T * 16 * 64
    assert NetConfig(eta=config.eta, alpha=2.0**15, seed=5) == config
    assert len({NetConfig(seed=s).key() for s in range(4)} | {config.key()}) == 5
    other = NetConfig(seed=5, dtype="float64", max_steps=7)
    assert other.key() != config.key()
    assert other.stream("data").random() == config.stream("data").random()
    # What runs of a seed share, and what tells them apart.
    for shared in ("data", "weights", "batches"):
        draws = {
            NetConfig(seed=5, **one).stream(shared).random()
            for one in ({}, {"T": 1.0}, {"P": 64}, {"B": 4}, {"alpha": 1.0}, {"P_test": 8})
        }
        assert len(draws) == 1
        others = [NetConfig(seed=6), NetConfig(seed=5, depth=2), NetConfig(seed=5, arch="cnn")]
        assert not draws & {one.stream(shared).random() for one in others}


def test_runs_with_streams_of_their_own_are_those_of_earlier_versions() -> None:
    config = NetConfig(seed=3, shared_seeds=False)
    assert (config.P_test, config.key()) == (512, "832f2c180abd81eafe3bdc75")
    lazy, paired = LazyConfig(config), LazyConfig(config, paired=True)
    assert (lazy.key(), paired.key()) == ("1bd528ba039bf1550da1baf7", "425ca47dbbdb3bcca5330f2a")
    assert lazy.kernel_key() == "6750fb9d1daf655baa2b0995"
    assert config.stream("data").random() == 0.20853957688824387
    assert lazy.stream("batches").random() == 0.6106695286781482
    other = NetConfig(seed=3, T=1.0, shared_seeds=False)
    assert other.stream("data").random() != config.stream("data").random()
    # The papers' net took the name of another one.
    stored = {"model": "net", "stream": 1, "config": asdict(NetConfig(arch="mnas", P_test=512))}
    del stored["config"]["shared_seeds"]
    assert NetConfig(arch="mnas", shared_seeds=False).key() != key_of(stored)


@pytest.mark.parametrize("data", ["digits", "perceptron"])
def test_sets_of_a_seed_are_nested_and_the_test_set_is_one(data: str) -> None:
    one, large, other = (
        draw_data(NetConfig(data=data, arch="linear", B=1, **how))
        for how in ({"P": 40}, {"P": 300, "T": 1.0}, {"P": 40, "seed": 1})
    )
    assert np.array_equal(one.x, large.x[:40])
    assert np.array_equal(one.y, large.y[:40])
    assert not np.array_equal(one.x, other.x)
    assert one.x_test is large.x_test is other.x_test
    assert len(one.y_test) == {"digits": 599, "perceptron": 10_000}[data]
    if data == "digits":
        images = load_images("digits")
        assert np.array_equal(np.sort(np.concatenate(images.parts)), np.arange(1797))
        known = {row.tobytes() for row in images.inputs(images.parts[1])}
        assert not known & {row.tobytes() for row in large.x}
