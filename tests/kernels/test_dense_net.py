"""The compiled loop over dense nets, also without the compiler: gradients, counting, ends."""

import math

import numpy as np
import pytest

from perceptron_sim.kernels import dense_net as loop
from perceptron_sim.kernels import status

pytestmark = pytest.mark.jit_free

D, H, P, B = 5, 4, 12, 3
SIZES, SCALES = [D, H, H, 1], [1 / math.sqrt(D), 0.7, 0.3]


def _net(activation: int, seed: int = 0, dtype: type = np.float64) -> loop.DenseNet:
    rng = np.random.default_rng(seed)
    w = rng.standard_normal(D * H + H * H + H).astype(dtype)
    x = rng.standard_normal((P, D)).astype(dtype)
    return loop.new_net(SIZES, SCALES, activation, w, x, np.sign(x[:, 0]), B)


def _output(net: loop.DenseNet, w: np.ndarray, x: np.ndarray, activation: int) -> np.ndarray:
    act = {
        loop.RELU: lambda z: np.maximum(z, 0.0),
        loop.GELU: lambda z: 0.5 * z * (1 + np.vectorize(math.erf)(z / math.sqrt(2))),
        loop.SILU: lambda z: z / (1 + np.exp(-z)),
    }[activation]
    first, second, last = np.split(w, [D * H, D * H + H * H])
    a = act(x @ first.reshape(D, H) * SCALES[0])
    a = act(a @ second.reshape(H, H) * SCALES[1])
    return a @ last * SCALES[2]


@pytest.mark.parametrize("activation", [loop.RELU, loop.GELU, loop.SILU])
def test_a_step_is_the_gradient_step_of_its_unfitted_samples(activation: int) -> None:
    net = _net(activation)
    assert np.allclose(net.f0, _output(net, net.w, net.x, activation), rtol=1e-12)
    # Before the second step some samples are fitted and some are not.
    counters, stop = np.zeros(loop.N_COUNTERS, np.int64), np.zeros(1, np.int64)
    rng, twin = (np.random.Generator(np.random.PCG64(7)) for _ in range(2))
    from perceptron_sim.kernels.batches import draw_batch

    batch, expected = np.zeros(B, np.int64), net.w.copy()
    order, suspects = np.arange(0), np.zeros(P, np.bool_)
    push, kappa = 0.5, 0.05
    hits = 0
    for step in range(1, 9):
        draw_batch(twin, P, order, batch)
        gap = net.y * (_output(net, expected, net.x, activation) - net.f0)
        before = expected.copy()
        for i in batch[gap[batch] < kappa]:
            hits += 1
            for k in range(before.size):
                shift = np.zeros(before.size)
                shift[k] = 1e-6
                up, down = (
                    _output(net, before + sign * shift, net.x[i : i + 1], activation)[0]
                    for sign in (1, -1)
                )
                expected[k] += push * net.y[i] * (up - down) / 2e-6
        args = (rng, order, np.zeros(B, np.int64), suspects, counters, step, stop)
        assert loop.train(net, push, kappa, *args) == loop.PAUSED
        assert np.allclose(net.w, expected, rtol=0, atol=1e-7)
        expected = net.w.copy()
    assert counters[loop.STEP] == 8
    assert counters[loop.HITS] == hits
    assert 0 < hits < 8 * B


def _train(net: loop.DenseNet, push: float, kappa: float, until: int) -> tuple[int, np.ndarray]:
    counters = np.zeros(loop.N_COUNTERS, np.int64)
    rng = np.random.Generator(np.random.PCG64(1))
    code = loop.train(
        *(net, push, kappa, rng, np.arange(0), np.zeros(B, np.int64), np.zeros(P, np.bool_)),
        *(counters, until, np.zeros(1, np.int64)),
    )
    return code, counters


# Without the compiler NumPy remarks on what is meant to overflow.
@pytest.mark.filterwarnings("ignore:(overflow|invalid):RuntimeWarning")
def test_it_ends_fitted_diverged_or_interrupted() -> None:
    net = _net(loop.GELU)
    code, counters = _train(net, 0.3, 0.01, 10**5)
    assert code == status.FITTED
    f = np.empty(P)
    loop.evaluate(net, net.x, f)
    assert np.all(net.y * (f - net.f0) >= 0.01)
    assert counters[loop.LAST_UPDATE_STEP] <= counters[loop.STEP] - P // B
    assert _train(_net(loop.RELU), 1e300, 0.01, 10**5)[0] == status.DIVERGED
    net = _net(loop.RELU)
    stop = np.ones(1, np.int64)
    counters = np.zeros(loop.N_COUNTERS, np.int64)
    rng = np.random.Generator(np.random.PCG64(1))
    buffers = (np.arange(0), np.zeros(B, np.int64), np.zeros(P, np.bool_))
    assert loop.train(net, 1.0, 0.1, rng, *buffers, counters, 9, stop) == status.INTERRUPTED


def test_products_of_any_number_of_rows_are_added() -> None:
    rng = np.random.default_rng(2)
    for m in range(1, 12):
        w, a, back = rng.standard_normal((6, 9)), rng.standard_normal((m, 6)), np.ones((m, 9))
        expected = w + a.T @ back
        loop._add_products(w, a, back)
        assert np.allclose(w, expected, rtol=1e-13)
