"""Architectures: what is stated of their starts, sizes and costs, against independent counts."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from torch.utils.flop_counter import FlopCounterMode

from nets.architectures import KINDS, activations, build, convolution, feature_exponent
from nets.config import NetConfig
from nets.training import check_request, device, train
from perceptron_sim import InputError


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _weights(net, R: int, seed: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(seed)
    drawn = [net.draw(rng) for _ in range(R)]
    return [torch.tensor(np.stack(layer)) for layer in zip(*drawn, strict=True)]


@pytest.mark.parametrize("act", ["relu", "gelu", "silu"])
def test_activations_have_unit_second_moment_on_gaussian_input(act: str) -> None:
    c = activations.normalisation(act)

    def integrand(z: float) -> float:
        value = activations.ACTIVATIONS[act].apply(torch.tensor([z], dtype=torch.float64)).item()
        return (c * value) ** 2 * stats.norm.pdf(z)

    halves = (integrate.quad(integrand, *ends)[0] for ends in ((-12.0, 0.0), (0.0, 12.0)))
    assert sum(halves) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("arch", "image", "depth"),
    [
        ("mlp", (8, 8), 4),
        ("cnn", (8, 8), 4),
        ("cnn", (28, 28), 4),
    ],
)
def test_pre_activations_start_with_unit_second_moment(
    monkeypatch, arch: str, image: tuple[int, ...], depth: int
) -> None:
    seen: list[torch.Tensor] = []

    def record(z: torch.Tensor) -> torch.Tensor:
        seen.append(z.clone())
        return torch.relu(z)

    relu = activations.ACTIVATIONS["relu"]
    monkeypatch.setitem(
        activations.ACTIVATIONS, "relu", activations.Activation(record, relu.backward, True)
    )
    R, n, width = 256, 2, 32
    net = build(arch, math.prod(image), depth, width, "relu", image)
    x = np.random.default_rng(1).standard_normal((R, n, math.prod(image)))
    f, _ = net.forward([w.float() for w in _weights(net, R, seed=0)], torch.tensor(x).float())
    assert len(seen) == len(net.shapes) - 1
    for z in seen:
        maps = z[..., None, None].transpose(0, 1) if arch == "mlp" else z
        maps = maps.double().square().unflatten(1, (R, -1)).mean(dim=(0, 2)).numpy()
        # For relu E z^2 = 1 is exact at any width and pixel. Replicas are independent; over 120
        # seeds of mnas the 0.1 % quantiles of the deviation were -3.6 and 2.8 standard errors,
        # not quite Gaussian, which takes 7 of them to about 1e-9 and the 76 tests here to 1e-7.
        corner = maps[:, 0, 0]
        for squares in (maps.mean(axis=(1, 2)), corner):
            error = squares.std(ddof=1) / math.sqrt(R)
            assert error < 0.15
            assert abs(squares.mean() - 1.0) < 7.0 * error
    # Mean field: f is a sum of C terms of order 1 over C.
    assert 0.02 < f.square().mean().item() * net.shapes[-1][0] < 2.0


@pytest.mark.parametrize("act", ["relu", "gelu"])
@pytest.mark.parametrize(
    ("arch", "image"),
    [
        ("linear", (8, 8)),
        ("mlp", (8, 8)),
        ("cnn", (28, 28)),
        ("mnas", (8, 8)),
        ("mnas", (32, 32, 3)),
    ],
)
def test_costs_are_what_is_counted(arch: str, image: tuple[int, ...], act: str) -> None:
    n, d = 3, math.prod(image)
    net = build(arch, d, 4, 16, act, image)
    weights = _weights(net, 2, seed=0)
    x = torch.randn(2, n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with FlopCounterMode(display=False) as counter:
        net.forward(weights, x)
    # The read-out averages before it multiplies; the mean is counted as multiplications here.
    average = net.layers[-1].floats - net.layers[-1].outputs if arch in ("cnn", "mnas") else 0
    assert counter.get_total_flops() == 2 * 2 * n * (net.flops - average)
    if arch not in ("cnn", "mnas"):
        return
    held: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.ndim == 4 and len(tensor) == n:
            held[tensor.data_ptr()] = tensor.numel()
        return tensor

    leaves = [w.requires_grad_() for w in weights]
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net.output(leaves, x)
    # The bound counts two gradients besides, and the images as they came.
    assert 0.3 * 2 * n * net.activations < sum(held.values()) < 2 * n * net.activations


def test_mnas_has_the_published_layers() -> None:
    h = 32
    net = build("mnas", 3072, 4, h, "relu", (32, 32, 3))
    blocks = [(2 * h, h), (h, h), (h, 3 * h), (3 * h, 3 * h)]
    expected = 25 * 3 * 4 * h + 25 * 4 * h + 4 * h * 2 * h
    expected += sum(3 * n * n + 25 * 3 * n + 3 * n * m for n, m in blocks)
    expected += 3 * h * 20 * h + 20 * h + 1
    assert sum(map(math.prod, net.shapes)) == expected == 192_033
    assert len(net.shapes) == 17
    assert [layer.out_size[0] for layer in net.layers] == [16] * 4 + [8] * 6 + [4] * 6
    # Nothing but zeros around the image makes a unit smaller: as many as "SAME" of JAX has.
    ones = torch.ones((1, 1, 8, 8))
    halved = convolution.Convolution((8, 8), 1, 1, 5, 2, zeros_count=True)(
        ones[None, ..., :5, :5], ones
    )
    assert halved[0, 0, [0, 1, -1], 0].tolist() == pytest.approx([16 / 5, 20 / 5, 12 / 5])


@pytest.mark.parametrize(
    ("arch", "depth"), [("linear", 0), ("mlp", 1), ("mlp", 3), ("cnn", 3), ("mnas", 2), ("mnas", 4)]
)
def test_degrees_of_homogeneity_are_those_stated(arch: str, depth: int) -> None:
    net = build(arch, 64, depth, 1 if arch == "linear" else 6, "gelu", (8, 8))
    weights = _weights(net, 1, seed=3)
    if arch == "linear":
        weights = [torch.ones_like(w) for w in weights]
    x = torch.tensor(np.random.default_rng(0).standard_normal((1, 5, 64)))

    def size(scale: float) -> float:
        f, _ = net.forward([scale * w for w in weights], x)
        return f.norm().item()

    # Skips and the bias add lower degrees, which die out as weights grow.
    degree = math.log2(size(2.0**13) / size(2.0**12))
    assert degree == pytest.approx(KINDS[arch].degree(depth), abs=1e-3)


def test_k_is_that_of_the_degree_and_a_linear_net_has_none() -> None:
    assert feature_exponent("mlp", 3) == 0.5
    assert feature_exponent("mnas", 4) == 15 / 17
    assert feature_exponent("linear", 0) is None


def test_little_memory_means_smaller_rounds_and_the_same_results(monkeypatch) -> None:
    configs = [
        NetConfig(arch="cnn", depth=2, width=4, P=48, B=4, T=2.0**-4, seed=s, dtype="float64")
        for s in range(3)
    ]
    net = build("cnn", 64, 2, 4, "relu", (8, 8))
    rows: list[int] = []
    forward = type(net).forward

    def watched(self, weights, x):
        rows.append(x.shape[0] * x.shape[1])
        return forward(self, weights, x)

    monkeypatch.setattr(type(net), "forward", watched)
    # Without the course, whose probe evaluates 64 samples at once and is counted apart.
    how = {"checkpoints": False, "workers": 1}
    free = train(configs, "cpu", **how)
    assert max(rows) > 100
    rows.clear()
    monkeypatch.setattr(device, "_CPU_ROUND_BYTES", 40 * 8 * net.activations)
    bound = train(configs, "cpu", **how)
    assert 20 < max(rows) <= 40
    for ours, theirs in zip(bound, free, strict=True):
        assert (ours.steps, ours.updates) == (theirs.steps, theirs.updates)
        assert ours.dw == pytest.approx(theirs.dw, rel=1e-10)


def test_an_ensemble_is_no_larger_than_memory(monkeypatch) -> None:
    config = NetConfig(arch="mnas", width=16, P=1024, P_test=0, B=64)
    net = build("mnas", 64, 4, 16, "relu", (8, 8))
    one = 4 * net.activations * 64
    # Gradients of each of the 64 samples of the probe, in several copies, and what leads there.
    probe = 4 * 64 * sum(map(math.prod, net.shapes)) * 4 + 3 * one
    monkeypatch.setattr(device, "_CPU_STEP_BYTES", 100 * one)
    monkeypatch.setattr(device, "_CPU_WEIGHT_BYTES", 100 * one)

    def capacity(free: int, lanes: int) -> int:
        monkeypatch.setattr(device, "free_bytes", lambda _: free)
        return device.capacity(net, [config] * 50, 64, torch.device("cpu"), lanes)

    # Half of what is free, the probe set of one replica, weights and data besides.
    room = 2 * (probe + 10 * one)
    assert 3 <= capacity(room, 1) < 10
    assert capacity(2 * room, 2) == capacity(room, 1)
    with pytest.raises(InputError, match=r"2 at once .*, B = 64, d = 64 need about .* --workers"):
        capacity(probe, 2)
    with pytest.raises(InputError, match="lower P, P_test, B or the width"):
        check_request([config], "cpu")


def test_a_convolutional_net_without_images_is_refused() -> None:
    with pytest.raises(InputError, match="arch = 'cnn' reads images"):
        build("cnn", 64, 2, 4, "relu")


def test_products_of_pixels_are_convolutions_of_one_pixel() -> None:
    layer = convolution.Convolution((4, 6), 3, 5)
    generator = torch.Generator().manual_seed(0)
    w = torch.randn((2, 5, 3, 1, 1), generator=generator, dtype=torch.float64)
    a = torch.randn((7, 6, 4, 6), generator=generator, dtype=torch.float64)
    found = convolution.products(w / math.sqrt(3.0), a)
    assert torch.allclose(found, layer(w, a), rtol=1e-12)
