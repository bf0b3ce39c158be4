"""The obvious loop over one net, by autograd: the oracle of the ensemble, its rival in speed."""

import math

import numpy as np
import torch

from nets.architectures.activations import normalisation
from nets.config import NetConfig
from nets.training import draw_data
from perceptron_sim.kernels.batches import draw_batch, needs_order

_ACT = {"relu": torch.relu, "gelu": torch.nn.functional.gelu, "silu": torch.nn.functional.silu}


def _output(config: NetConfig, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    if config.arch == "linear":
        return (x @ weights[0])[:, 0] / math.sqrt(x.shape[1])
    a = x
    for w in weights[:-1]:
        a = normalisation(config.act) * _ACT[config.act](a @ w / math.sqrt(w.shape[0]))
    return (a @ weights[-1])[:, 0] / config.width


def _start(config: NetConfig, d: int, dtype: torch.dtype) -> list[torch.Tensor]:
    if config.arch == "linear":
        return [torch.zeros((d, 1), dtype=dtype, requires_grad=True)]
    rng = config.stream("weights")
    shapes = [(d, config.width), *[(config.width, config.width)] * (config.depth - 1)]
    drawn = [rng.standard_normal(shape) for shape in [*shapes, (config.width, 1)]]
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
