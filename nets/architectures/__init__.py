"""Architectures: one module each, with a class ``build``, and one registry line each.

Every network is written over tensors with a leading replica axis, so that R replicas with their
own weights go through one batched computation. Importing this package does not load PyTorch.
``register`` adds one from outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from perceptron_sim import parameters
from perceptron_sim.choices import check_choice, check_new
from perceptron_sim.errors import InputError, reason_of

if TYPE_CHECKING:
    from nets.architectures.base import Architecture

Build = Callable[[int, int, int, str, tuple[int, ...] | None], "Architecture"]


@dataclass(frozen=True)
class Kind:
    """One architecture.

    Attributes:
        build: the module that has its ``build``, or what is called itself.
        depth, width, act: where a configuration gives none. Without hidden layers, depth 0, it
            can give none.
        reads_images: by place, so that data without places mean nothing to it.
        degree: of the output as a function of the weights, by depth: how often the largest product
            of weights in it has one. None where it is not known.
    """

    build: str | Build
    depth: int
    width: int
    act: str = "relu"
    reads_images: bool = False
    degree: Callable[[int], int] | None = None


KINDS = {
    "mlp": Kind("nets.architectures.mlp", 3, 64, degree=lambda L: L + 1),
    "linear": Kind("nets.architectures.linear", 0, 1, "none", degree=lambda L: 1),
    "cnn": Kind("nets.architectures.cnn", 4, 32, reads_images=True, degree=lambda L: L + 1),
    # Blocks as in the papers' net, of three layers each; five layers lie around them.
    "mnas": Kind("nets.architectures.mnas", 4, 32, reads_images=True, degree=lambda L: 3 * L + 5),
}
# Made of dense layers and activations alone (``base.Dense``).
DENSE = ("mlp", "linear")


def register(
    name: str,
    build: Build,
    *,
    depth: int = 3,
    width: int = 64,
    act: str = "relu",
    reads_images: bool = False,
    degree: Callable[[int], int] | None = None,
) -> None:
    """Make an architecture known by ``name``, for this process, to configurations and commands.

    Runs are known by the name: a net that is changed needs another one, or stored runs of the old
    one are taken for its own.

    Args:
        name: letters, digits and ``._-``.
        build: returns the net for (d, depth, width, act, image), as ``build`` of this package; a
            subclass of ``autograd.Autograd`` needs its output only.
        depth, width, act: where a configuration gives none.
        reads_images: whether ``image``, the shape of an input, must be there.
        degree: as in ``Kind``; without it no exponent k is predicted.

    Raises:
        InputError: if the name is taken or not allowed, ``build`` is not a function, or a default
            is out of range. The first use tries the net and checks what it returns.
    """
    check_new("arch", name, list(KINDS))
    if not callable(build):
        raise InputError(f"arch = {name!r}: build = {build!r:.60} is not a function: give one")
    parameters.integers(depth=depth, width=width)
    KINDS[name] = Kind(build, depth, width, act, reads_images, degree)


def kind_of(name: str) -> Kind:
    """Return the architecture ``name``; raise InputError with the near match if there is none."""
    return KINDS[check_choice("arch", name, list(KINDS))]


def feature_exponent(name: str, depth: int) -> float | None:
    """Return k = (D - 1)/(D + 1) of T_opt ~ alpha^k, D + 1 the degree of homogeneity (claim 2).

    None where the degree is not known, and for a net without a hidden layer, which has no features
    to learn.
    """
    degree = kind_of(name).degree
    D = 0 if degree is None else degree(depth) - 1
    return (D - 1) / (D + 1) if D > 0 else None


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
        name: one of ``KINDS``.
        d: input dimension.
        depth: number of hidden layers; of blocks for "mnas".
        width: size h of each, or number of channels.
        act: activation, "relu", "gelu" or "silu".
        image: (height, width) or (height, width, channels) of an input, channels last; None for
            data that are not images.

    Raises:
        InputError: if no architecture has that name, it reads images and there is none, or what
            was registered raises.
    """
    kind = kind_of(name)
    if kind.reads_images and image is None:
        raise InputError(f"arch = {name!r} reads images: give their shape, or choose 'mlp'")
    if isinstance(kind.build, str):
        found: Architecture = import_module(kind.build).build(d, depth, width, act, image)
        return found
    try:
        return kind.build(d, depth, width, act, image)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"arch = {name!r} cannot be built for d = {d}, depth = {depth}, width = {width}, "
            f"act = {act!r}, image = {image}: build raises {reason_of(error)}; mend it"
        ) from error
