"""Architectures: one module each, with a function ``build``, and one registry line each.

Every network is written over tensors with a leading replica axis, so that R replicas with their
own weights go through one batched computation. Importing this package does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from nets.choices import check_choice

if TYPE_CHECKING:
    from nets.architectures.base import Architecture

NAMES = {"mlp": "nets.architectures.mlp", "linear": "nets.architectures.linear"}
# Without hidden layers: depth, width and activation mean nothing to them.
SHALLOW = ("linear",)

# Made of dense layers and activations alone (``base.Dense``).
DENSE = ("mlp", "linear")


def check_architecture(name: str) -> str:
    """Return ``name`` if it is registered; raise InputError with the near match otherwise."""
    return check_choice("arch", name, tuple(NAMES))


def build(name: str, d: int, depth: int, width: int, act: str) -> "Architecture":
    """Return the architecture ``name`` for inputs of dimension d.

    Args:
        name: one of ``NAMES``.
        d: input dimension.
        depth: number of hidden layers.
        width: size h of each.
        act: activation, "relu", "gelu" or "silu".

    Raises:
        InputError: if no architecture has that name.
    """
    module = import_module(NAMES[check_architecture(name)])
    architecture: Architecture = module.build(d, depth, width, act)
    return architecture
