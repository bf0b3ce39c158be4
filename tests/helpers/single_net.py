"""The obvious loop over one net, by autograd: the oracle of the ensemble, its rival in speed."""

import math
import time

import numpy as np
import torch

from nets.architectures.activations import normalisation
from nets.config import NetConfig
from nets.training import draw_data
from perceptron_sim.kernels.batches import draw_batch, needs_order

_ACT = {"relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu}


def _images(config: NetConfig, x: torch.Tensor) -> torch.Tensor:
    shape = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}[config.data]
    return x.reshape(-1, *shape).permute(0, 3, 1, 2).contiguous()


def _act(config: NetConfig, z: torch.Tensor) -> torch.Tensor:
    return normalisation(config.act) * _ACT[config.act](z)


def _conv(a: torch.Tensor, w: torch.Tensor, stride: int, groups: int = 1) -> torch.Tensor:
    options = {"stride": stride, "padding": w.shape[2] // 2}
    z = torch.nn.functional.conv2d(a, w, groups=groups, **options)
    # Fan-in without the zeros around the image: the same convolution of ones.
    ones = (a.new_ones((1, 1, *image.shape[2:])) for image in (a, w))
    read = torch.nn.functional.conv2d(*ones, **options)
    return z / torch.sqrt(w.shape[1] * read)


def _published(a: torch.Tensor, w: torch.Tensor, stride: int, groups: int = 1) -> torch.Tensor:
    # As JAX pads: ceil(size / stride) places, an odd zero at the far border.
    k, size = w.shape[2], a.shape[2]
    zeros = max(0, (math.ceil(size / stride) - 1) * stride + k - size)
    a = torch.nn.functional.pad(a, (zeros // 2, zeros - zeros // 2) * 2)
    z = torch.nn.functional.conv2d(a, w, stride=stride, groups=groups)
    return z / math.sqrt(w.shape[1] * k * k)


def _stride(a: torch.Tensor) -> int:
    return 2 if a.shape[2] > 4 else 1


def _cnn(config: NetConfig, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    a = _images(config, x)
    for w in weights[:-1]:
        a = _act(config, _conv(a, w, _stride(a)))
    return a.mean(dim=(2, 3)) @ weights[-1][:, 0] / config.width


def _mnas(config: NetConfig, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    stem, depthwise, separable, *blocks, head, last = weights
    a = _images(config, x)
    a = _act(config, _published(a, stem, 2))
    a = _act(config, _published(a, depthwise, 1, groups=4 * config.width))
    a = _act(config, _published(a, separable, 1))
    for block in range(config.depth):
        expand, depthwise, project = blocks[3 * block : 3 * block + 3]
        z = _act(config, _published(a, expand, 1))
        z = _act(config, _published(z, depthwise, 2 - block % 2, groups=len(depthwise)))
        z = _published(z, project, 1)
        a = (a + z) / math.sqrt(2.0) if block % 2 else z
    a = _act(config, _published(a, head, 1))
    return (a.mean(dim=(2, 3)) @ last[:-1, 0] + last[-1, 0]) / (20 * config.width)


def _output(config: NetConfig, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if config.arch == "linear":
        return (x @ weights[0])[:, 0] / math.sqrt(x.shape[1])
    if config.arch in ("cnn", "mnas"):
        return {"cnn": _cnn, "mnas": _mnas}[config.arch](config, weights, x)
    a = x
    for w in weights[:-1]:
        a = _act(config, a @ w / math.sqrt(w.shape[0]))
    return (a @ weights[-1])[:, 0] / config.width


def _shapes(config: NetConfig, d: int) -> list[tuple[int, ...]]:
    h, channels = config.width, 3 if config.data == "cifar10" else 1
    if config.arch == "cnn":
        return [(h, channels, 3, 3), *[(h, h, 3, 3)] * (config.depth - 1), (h, 1)]
    if config.arch == "mlp":
        return [(d, h), *[(h, h)] * (config.depth - 1), (h, 1)]
    shapes = [(4 * h, channels, 5, 5), (4 * h, 1, 5, 5), (2 * h, 4 * h, 1, 1)]
    at = 2 * h
    for block in range(config.depth):
        after = h * [1, 1, 3, 3, 5, 5][block]
        shapes += [(3 * at, at, 1, 1), (3 * at, 1, 5, 5), (after, 3 * at, 1, 1)]
        at = after
    return [*shapes, (20 * h, at, 1, 1), (20 * h + 1, 1)]


def _start(config: NetConfig, d: int, dtype: torch.dtype) -> list[torch.Tensor]:
    if config.arch == "linear":
        return [torch.zeros((d, 1), dtype=dtype, requires_grad=True)]
    rng = config.stream("weights")
    drawn = [rng.standard_normal(shape) for shape in _shapes(config, d)]
    return [torch.tensor(w, dtype=dtype, requires_grad=True) for w in drawn]


def train_single(config: NetConfig, steps: int) -> tuple[list[np.ndarray], int, int]:
    """Take ``steps`` plain steps; return weights, updates and the last non-null step."""
    data = draw_data(config)
    dtype = getattr(torch, config.dtype)
    x, y = torch.tensor(data.x, dtype=dtype), torch.tensor(data.y, dtype=dtype)
    weights = _start(config, x.shape[1], dtype)
    with torch.no_grad():
        f0 = _output(config, weights, x)
    rng = config.stream("batches")
    order = np.arange(config.P if needs_order(config.P, config.B) else 0)
    batch = np.empty(config.B, dtype=np.int64)
    updates = last = 0
    for step in range(1, steps + 1):
        draw_batch(rng, config.P, order, batch)
        i = torch.from_numpy(batch)
        gap = y[i] * (_output(config, weights, x[i]) - f0[i])
        loss = torch.relu(1.0 - config.alpha * gap).mean() / config.alpha
        if loss > 0:
            updates, last = updates + 1, step
        gradient = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for w, g in zip(weights, gradient, strict=True):
                w -= config.eta * g
    return [w.detach().double().numpy() for w in weights], updates, last


def distance(found: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """Return how far weights are apart, in norms of the expected ones."""
    apart = math.hypot(*(np.linalg.norm(a - b) for a, b in zip(found, expected, strict=True)))
    return apart / math.hypot(*(np.linalg.norm(b) for b in expected))


def seconds_a_step(configs: list[NetConfig], steps: int) -> float:
    """Return seconds per step and run; a run of one step takes what comes with drawing data."""
    times = []
    for count in (1, 1 + steps):
        started = time.perf_counter()
        for config in configs:
            train_single(config, count)
        times.append(time.perf_counter() - started)
    return (times[1] - times[0]) / (len(configs) * steps)
