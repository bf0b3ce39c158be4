"""Activations with their derivatives, and the factor that normalises them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

_aten = torch.ops.aten


@dataclass(frozen=True)
class Activation:
    """A function applied to each pre-activation.

    Attributes:
        apply: z -> act(z); may overwrite z if ``from_output``.
        backward: (gradient, saved) -> gradient * act'(z), with act(z) saved if
            ``from_output``, else z.
        from_output: whether the derivative is found from act(z), so that z need not be kept.
    """

    apply: Callable[[torch.Tensor], torch.Tensor]
    backward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    from_output: bool


ACTIVATIONS = {
    "relu": Activation(torch.relu_, lambda g, a: _aten.threshold_backward(g, a, 0), True),
    "gelu": Activation(torch.nn.functional.gelu, lambda g, z: _aten.gelu_backward(g, z), False),
    "silu": Activation(torch.nn.functional.silu, lambda g, z: _aten.silu_backward(g, z), False),
}


@cache
def normalisation(name: str) -> float:
    """Return c such that E[(c act(z))^2] = 1 for z ~ N(0, 1) (docs/nets.md)."""
    if name == "relu":
        return math.sqrt(2.0)
    # Gauss-Hermite quadrature; both functions are analytic, 120 points are exact to 1e-12.
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    z = torch.from_numpy(nodes)
    second = float(weights @ ACTIVATIONS[name].apply(z).numpy() ** 2)
    return math.sqrt(math.sqrt(2.0 * math.pi) / second)
