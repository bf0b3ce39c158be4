"""Data sets for nets, all with labels -1 and +1: one module a source, one registry line each."""

from functools import lru_cache
from pathlib import Path

from nets.data.archives import load_cifar10, load_mnist
from nets.data.digits import load_digits
from nets.data.images import ImageData, Subsets, check_size, draw_subsets
from nets.data.names import NAMES, PERCEPTRON, check_name
from nets.data.teacher import draw_teacher_data

__all__ = [
    "NAMES",
    "PERCEPTRON",
    "ImageData",
    "Subsets",
    "check_name",
    "check_size",
    "draw_subsets",
    "draw_teacher_data",
    "load_images",
]

_LOADERS = {"digits": load_digits, "mnist": load_mnist, "cifar10": load_cifar10}


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
