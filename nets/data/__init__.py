"""Data sets for nets, all with labels -1 and +1: one module a source, one registry line each."""

import difflib
from functools import lru_cache
from pathlib import Path

from nets.data.archives import load_cifar10, load_mnist
from nets.data.digits import load_digits
from nets.data.images import ImageData, Subsets, draw_subsets
from nets.data.teacher import draw_teacher_data
from perceptron_sim.errors import InputError

__all__ = [
    "NAMES",
    "PERCEPTRON",
    "ImageData",
    "Subsets",
    "check_name",
    "draw_subsets",
    "draw_teacher_data",
    "load_images",
]

# Drawn by the configuration, of any size, instead of loaded.
PERCEPTRON = "perceptron"
_LOADERS = {"digits": load_digits, "mnist": load_mnist, "cifar10": load_cifar10}
NAMES = (*_LOADERS, PERCEPTRON)


def check_name(name: str) -> str:
    """Return ``name`` if it is one of ``NAMES``.

    Raises:
        InputError: if it is not; the nearest name is in the message.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"data = {name!r} is unknown: {hint}choose one of {', '.join(NAMES)}")
    return name


@lru_cache(maxsize=2)
def load_images(name: str, data_dir: Path | None = None) -> ImageData:
    """Load a data set of images; the last two are kept in memory.

    Args:
        name: "digits", "mnist" or "cifar10".
        data_dir: folder to look in first (``nets.datasets.search_path``).

    Raises:
        InputError: if the file is absent, damaged or holds something else.
    """
    return _LOADERS[name](data_dir)
