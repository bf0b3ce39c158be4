"""Data sets of the user's own, as arrays, held to what training takes for granted."""

import numpy as np
from numpy.typing import ArrayLike

from nets.data.images import ImageData
from perceptron_sim.errors import InputError


def own_data(name: str, x: ArrayLike, y: ArrayLike) -> ImageData:
    """Return arrays as a data set.

    Args:
        name: of the data set, for messages.
        x: inputs, shape (N, d), or (N, height, width[, channels]) for images.
        y: labels -1 or +1, shape (N,).

    Raises:
        InputError: if shapes do not fit, a value is not finite, all values are alike, or a label
            is neither -1 nor +1.
    """
    try:
        inputs, labels = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"data {name}: x and y are no arrays of numbers: convert them") from None
    if inputs.ndim not in (2, 3, 4) or 0 in inputs.shape:
        raise InputError(
            f"data {name}: x has shape {inputs.shape}: allowed is (N, d), or (N, height, width) or "
            "(N, height, width, channels) for images"
        )
    if labels.shape != inputs.shape[:1]:
        raise InputError(
            f"data {name}: y has shape {labels.shape}: allowed is ({len(inputs)},), one label for "
            "each input"
        )
    if not np.all(np.isfinite(inputs)):
        raise InputError(f"data {name}: x has values that are not finite: clean it first")
    if not np.all(np.abs(labels) == 1.0):
        raise InputError(f"data {name}: y has labels other than -1 and +1: map the classes to two")
    if np.ptp(inputs) == 0.0:
        raise InputError(f"data {name}: all values of x are {inputs.flat[0]:g}: nothing to learn")
    return ImageData(
        name, inputs.reshape(len(inputs), -1), labels.astype(np.int8), inputs.shape[1:]
    )
