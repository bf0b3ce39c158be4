"""Where image data sets are looked for; nothing is loaded here."""

import os
from pathlib import Path

import platformdirs

from perceptron_sim import parameters
from perceptron_sim.errors import InputError

DATA_VARIABLE = "PERCEPTRON_SIM_DATA"
FILES = {"mnist": "mnist.npz", "cifar10": "cifar10.npz"}


def default_folder() -> Path:
    """Return the user cache, the last folder that is searched and where data sets are put."""
    return Path(platformdirs.user_cache_dir("perceptron-sim"))


def search_path(data_dir: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the folders to search: ``data_dir``, $PERCEPTRON_SIM_DATA, the user cache."""
    folders = [] if data_dir is None else [parameters.path("data_dir", data_dir)]
    if os.environ.get(DATA_VARIABLE):
        folders.append(Path(os.environ[DATA_VARIABLE]))
    return [*folders, default_folder()]


def locate(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Return the file of data set ``name`` ("mnist", "cifar10"), or None if there is none.

    Raises:
        InputError: if no data set has that name.
    """
    if name not in FILES:
        raise InputError(f"data set {name!r} is unknown: choose one of {', '.join(FILES)}")
    for folder in search_path(data_dir):
        path = folder / FILES[name]
        if path.is_file():
            return path
    return None
