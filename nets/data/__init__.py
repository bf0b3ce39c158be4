"""Data sets for nets, labels -1 and +1: one module per source, one line in the registry.

``register`` adds one from outside.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from numpy.typing import ArrayLike

from nets.data.archives import load_cifar10, load_mnist
from nets.data.digits import load_digits
from nets.data.images import (
    ImageData,
    Subsets,
    check_contrast,
    check_parts,
    check_size,
    draw_indices,
    draw_subsets,
)
from nets.data.own import own_data
from nets.data.teacher import draw_nested, draw_teacher_data
from perceptron_sim.choices import check_choice, check_new
from perceptron_sim.errors import InputError

__all__ = [
    "PERCEPTRON",
    "ImageData",
    "Subsets",
    "check_name",
    "check_parts",
    "check_size",
    "draw_indices",
    "draw_nested",
    "draw_subsets",
    "draw_teacher_data",
    "load_images",
    "register",
    "test_size",
]

_LOADERS: dict[str, Callable[[Path | None], ImageData]] = {
    "digits": load_digits,
    "mnist": load_mnist,
    "cifar10": load_cifar10,
}
# Drawn by the configuration, of any size, instead of loaded.
PERCEPTRON = "perceptron"
# Samples of the whole test set, where it is known before the data are loaded.
_TEST_SIZES = {"digits": 599, "mnist": 10_000, "cifar10": 10_000, PERCEPTRON: 10_000}


def check_name(name: str) -> str:
    """Return ``name`` if it is a data set; raise InputError with the near match otherwise."""
    return check_choice("data", name, (*_LOADERS, PERCEPTRON))


def test_size(name: str) -> int:
    """Return the number of samples of the test set of ``name``; what was registered is loaded."""
    known = _TEST_SIZES.get(name)
    return len(load_images(name).parts[1]) if known is None else known


def register(name: str, load: Callable[[], tuple[ArrayLike, ArrayLike]]) -> None:
    """Make a data set known by ``name``, for this process, to configurations and commands.

    Its values are shifted and scaled to mean 0 and variance 1 over the whole set, one mean and one
    variance for all, as those of the others are. Runs are known by the name: data that are changed
    need another one, or stored runs on the old ones are taken for theirs.

    Args:
        name: letters, digits and ``._-``.
        load: returns inputs, shape (N, d), or (N, height, width[, channels]) for images, and
            labels -1 or +1, shape (N,); called when the data are first used.

    Raises:
        InputError: if the name is taken, or no such name, or ``load`` is not a function. What
            ``load`` returns is checked when it is used.
    """
    if not callable(load):
        raise InputError(f"data {name}: load = {load!r:.60} is not a function: give a loader")
    check_new("data", name, (*_LOADERS, PERCEPTRON))
    _LOADERS[name] = lambda data_dir: own_data(name, load)


@lru_cache(maxsize=2)
def load_images(name: str, data_dir: Path | None = None) -> ImageData:
    """Load a data set of images; the last two are kept in memory.

    Args:
        name: "digits", "mnist" or "cifar10", or registered.
        data_dir: folder to look in first (``nets.data.paths.search_path``).

    Raises:
        InputError: if the file is absent, damaged or holds something else, what was registered is
            no data set, or there is nothing to learn from it.
    """
    data = _LOADERS[name](data_dir)
    check_contrast(data)
    return data
