"""Architectures: one module each, with a function ``build``, and one registry line each.

Every network is written over tensors with a leading replica axis, so that R replicas with their
own weights go through one batched computation. Importing this package does not load PyTorch.
``register`` adds one from outside.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from perceptron_sim.choices import check_choice, check_new
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


@dataclass(frozen=True)
class Hidden:
    """What depth, width and activation of a net are where none are given."""

    depth: int
    width: int
    act: str = "relu"


HIDDEN = {
    "mlp": Hidden(3, 64),
    "cnn": Hidden(4, 32),
    # Blocks as in the paper's net.
    "mnas": Hidden(4, 32),
}


@dataclass(frozen=True)
class _Registered:
    build: "Callable[[int, int, int, str, tuple[int, ...] | None], Architecture]"
    reads_images: bool


_registered: dict[str, _Registered] = {}


def register(
    name: str,
    build: "Callable[[int, int, int, str, tuple[int, ...] | None], Architecture]",
    *,
    depth: int = 3,
    width: int = 64,
    act: str = "relu",
    reads_images: bool = False,
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

    Raises:
        InputError: if the name is taken or no such name, ``build`` is no function, or a default is
            out of range. The net is tried, and what it returns checked, when it is first used.
    """
    check_new("arch", name, (*NAMES, *_registered))
    if not callable(build):
        raise InputError(f"arch = {name!r}: build = {build!r:.60} is no function: give one")
    for what, value in (("depth", depth), ("width", width)):
        if value < 1:
            raise InputError(f"{what} = {value} is too small: allowed is {what} >= 1")
    _registered[name] = _Registered(build, reads_images)
    HIDDEN[name] = Hidden(depth, width, act)


def check_architecture(name: str) -> str:
    """Return ``name`` if it is registered; raise InputError with the near match otherwise."""
    return check_choice("arch", name, (*NAMES, *_registered))


def registered(name: str) -> object | None:
    """Return what ``name`` was registered with, None for what is built in."""
    return _registered.get(name)


def reads_images(name: str) -> bool:
    """Tell whether an architecture reads images by place."""
    return name in CONVOLUTIONAL or (name in _registered and _registered[name].reads_images)


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
        name: one of ``NAMES``, or registered.
        d: input dimension.
        depth: number of hidden layers; of blocks for "mnas".
        width: size h of each, or number of channels.
        act: activation, "relu", "gelu" or "silu".
        image: (height, width) or (height, width, channels) of an input, channels last; None for
            data that are no images.

    Raises:
        InputError: if no architecture has that name, it reads images and there is none, or what
            was registered raises.
    """
    check_architecture(name)
    if reads_images(name) and image is None:
        raise InputError(f"arch = {name!r} reads images: give their shape, or choose 'mlp'")
    if name in _registered:
        try:
            return _registered[name].build(d, depth, width, act, image)
        except InputError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise InputError(
                f"arch = {name!r} cannot be built for d = {d}, depth = {depth}, width = {width}, "
                f"act = {act!r}, image = {image}: build raises {reason}; mend it"
            ) from error
    module = import_module(NAMES[name])
    architecture: Architecture = module.build(d, depth, width, act, image)
    return architecture
