"""Architectures: one module each, with a function ``build``, and one registry line each.

Every network is written over tensors with a leading replica axis, so that R replicas with their
own weights go through one batched computation. Importing this package does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from nets.choices import check_choice
from perceptron_sim.errors import InputError

if TYPE_CHECKING:
    from nets.architectures.base import Architecture

NAMES = {
    "mlp": "nets.architectures.mlp",
    "linear": "nets.architectures.linear",
    "cnn": "nets.architectures.cnn",
    "mnas": "nets.architectures.mnas",
}
# Without hidden layers: depth, width and activation mean nothing to them.
SHALLOW = ("linear",)
# Reading images by place, so that data without places mean nothing to them.
CONVOLUTIONAL = ("cnn", "mnas")

# Made of dense layers and activations alone (``base.Dense``).
DENSE = ("mlp", "linear")


def check_architecture(name: str) -> str:
    """Return ``name`` if it is registered; raise InputError with the near match otherwise."""
    return check_choice("arch", name, tuple(NAMES))


def build(
    name: str,
    d: int,
    depth: int,
    width: int,
    act: str,
    image: tuple[int, ...] | None = None,
) -> "Architecture":
    """Return the architecture ``name`` for inputs of dimension d.

    Args:
        name: one of ``NAMES``.
        d: input dimension.
        depth: number of hidden layers; of blocks for "mnas".
        width: size h of each, or number of channels.
        act: activation, "relu", "gelu" or "silu".
        image: (height, width) or (height, width, channels) of an input, channels last; None for
            data that are no images.

    Raises:
        InputError: if no architecture has that name, or it reads images and there is none.
    """
    module = import_module(NAMES[check_architecture(name)])
    if name in CONVOLUTIONAL and image is None:
        raise InputError(f"arch = {name!r} reads images: give their shape, or choose 'mlp'")
    architecture: Architecture = module.build(d, depth, width, act, image)
    return architecture
