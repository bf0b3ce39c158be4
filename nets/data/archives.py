"""MNIST by parity and CIFAR-10 by animal or vehicle, from .npz archives of uint8 arrays."""

import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nets.data.images import ImageData
from nets.data.paths import DATA_VARIABLE, FILES, locate, search_path
from perceptron_sim.errors import InputError

_BROKEN = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, LZMAError)
_VEHICLES = (0, 1, 8, 9)  # airplane, automobile, ship, truck


def load_mnist(data_dir: Path | None = None) -> ImageData:
    """Return MNIST, even digits = +1, odd = -1.

    Raises:
        InputError: if the archive is absent, damaged or holds something else.
    """
    pixels, labels, n_train = read_archive(_find("mnist", data_dir), (28, 28))
    y = np.where(labels % 2 == 0, 1, -1).astype(np.int8)
    return ImageData("mnist", pixels, y, (28, 28), n_train)


def load_cifar10(data_dir: Path | None = None) -> ImageData:
    """Return CIFAR-10, animals = +1, vehicles = -1 (docs/nets.md).

    Raises:
        InputError: if the archive is absent, damaged or holds something else.
    """
    pixels, labels, n_train = read_archive(_find("cifar10", data_dir), (32, 32, 3))
    y = np.where(np.isin(labels, _VEHICLES), -1, 1).astype(np.int8)
    return ImageData("cifar10", pixels, y, (32, 32, 3), n_train)


def _find(name: str, data_dir: Path | None) -> Path:
    path = locate(name, data_dir)
    if path is None:
        folders = ", ".join(map(str, search_path(data_dir)))
        raise InputError(
            f"data set {name} is not there: run 'perceptron-sim nets fetch {name}', put "
            f"{FILES[name]} into one of {folders}, or point --data-dir or ${DATA_VARIABLE} to its "
            "folder"
        )
    return path


def read_archive(
    path: Path, shape: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], int]:
    """Return pixels (N, d), labels (N,) and how many are for training, which come first.

    Args:
        path: .npz archive of uint8 arrays x_train, y_train, x_test, y_test.
        shape: of one image, channels last.

    Raises:
        InputError: if the archive is damaged or holds something else.
    """
    try:
        # Opened here, because NumPy leaves the file open when the archive is truncated.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            parts = {key: archive[key] for key in ("x_train", "x_test", "y_train", "y_test")}
    except _BROKEN as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} is damaged ({reason}): replace it by a fresh copy") from None
    pixels = []
    labels = []
    for part in ("train", "test"):
        x, y = parts[f"x_{part}"], parts[f"y_{part}"]
        _check_array(path, f"x_{part}", x, shape)
        _check_array(path, f"y_{part}", y, ())
        if len(x) != len(y) or y.max(initial=0) > 9:
            raise InputError(
                f"{path}: {len(x)} images in x_{part} and {len(y)} labels up to "
                f"{y.max(initial=0)} in y_{part}: expected as many, 0 to 9; "
                "replace it by a fresh copy"
            )
        if len(x) == 0 and part == "train":
            raise InputError(f"{path}: x_train holds no image: replace it by a fresh copy")
        pixels.append(x.reshape(len(x), -1))
        labels.append(y)
    return np.concatenate(pixels), np.concatenate(labels), len(labels[0])


def _check_array(path: Path, key: str, array: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    if array.dtype != np.uint8 or array.shape[1:] != shape or array.ndim != len(shape) + 1:
        expected = ", ".join(["N", *map(str, shape)])
        raise InputError(
            f"{path}: {key} is {array.dtype} of shape {array.shape}: expected uint8 of shape "
            f"({expected}); replace it by a fresh copy"
        )
