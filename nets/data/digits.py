"""The 1,797 digits of 8 x 8 pixels that ship with scikit-learn, by parity."""

from pathlib import Path

import numpy as np

from nets.data.images import ImageData
from perceptron_sim.extras import require


def load_digits(data_dir: Path | None = None) -> ImageData:
    """Return the digits, even = +1, odd = -1; needs no file, so ``data_dir`` is not read.

    Raises:
        MissingExtra: if scikit-learn is not installed.
    """
    require("data digits", "sklearn")
    from sklearn import datasets

    bunch = datasets.load_digits()
    parity = np.where(bunch.target % 2 == 0, 1, -1).astype(np.int8)
    return ImageData("digits", bunch.data.astype(np.uint8), parity, (8, 8))
