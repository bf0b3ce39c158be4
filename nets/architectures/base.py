"""What training needs of an architecture, and gradients of any one sample by sample."""

from typing import Protocol

import numpy as np
import torch
from torch.func import grad, vmap

from perceptron_sim.arrays import FloatArray

# (height, width) or (height, width, channels) of an input, channels last; None if not an image.
Image = tuple[int, ...] | None


class Architecture(Protocol):
    """A network f(w, x) with a scalar output, for R replicas at once.

    Attributes:
        shapes: shape of each layer's weights in one replica.
        flops: multiplications that one sample takes on the way forward.
        activations: upper bound on the numbers held for one sample on the way forward and back.
    """

    shapes: list[tuple[int, ...]]
    flops: int
    activations: int

    def draw(self, rng: np.random.Generator) -> list[FloatArray]:
        """Draw the initial weights of one replica, one array a layer."""

    def forward(
        self, weights: list[torch.Tensor], x: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Evaluate the network.

        Args:
            weights: one tensor a layer, shape (R, *shapes[layer]).
            x: inputs, shape (R, n, d).

        Returns:
            f, shape (R, n), and what ``descend`` needs of it, tensors of shape (R, n, ...).
        """

    def descend(
        self, weights: list[torch.Tensor], tape: tuple[torch.Tensor, ...], push: torch.Tensor
    ) -> None:
        """Add sum_n push_n df(x_n)/dw to the weights, in place.

        Args:
            weights: as in ``forward``.
            tape: of ``forward``, or any of its rows n.
            push: factor of each sample, shape (R, n); samples with factor 0 do not matter.
        """


class Dense(Architecture, Protocol):
    """A net of dense layers, which the compiled loop can train.

    Attributes:
        scales: factor of each layer's product; the layers lie between activations.
    """

    scales: list[float]


def sample_gradients(
    net: Architecture, weights: list[torch.Tensor], x: torch.Tensor
) -> list[torch.Tensor]:
    """Return df(x_n)/dw by automatic differentiation, shape (n, *shapes[layer]) for each layer.

    Args:
        net: the architecture.
        weights: of one replica, one tensor a layer.
        x: inputs, shape (n, d).
    """

    def output(weights: list[torch.Tensor], sample: torch.Tensor) -> torch.Tensor:
        f, _ = net.forward([w[None] for w in weights], sample[None, None])
        return torch.as_tensor(f[0, 0])

    return list(vmap(grad(output), in_dims=(None, 0))(weights, x))
