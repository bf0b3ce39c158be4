"""Data sets of the user's own, as arrays, held to what training takes for granted."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nets.data.images import ImageData
from perceptron_sim.arrays import real_array
from perceptron_sim.errors import InputError, reason_of

# Beyond 2^-this and 2^this the squares of values could vanish or overflow.
_SAFE_EXPONENT = 200


def own_data(name: str, load: Callable[[], tuple[ArrayLike, ArrayLike]]) -> ImageData:
    """Return what a registered loader returns as a data set.

    Args:
        name: of the data set, for messages.
        load: returns inputs, shape (N, d), or (N, height, width[, channels]) for images, and
            labels -1 or +1, shape (N,): arrays, tensors, frames or lists.

    Raises:
        InputError: if ``load`` raises or returns something else, shapes do not fit, a value is
            masked, complex or not finite, or a label is neither -1 nor +1.
    """
    try:
        loaded: Any = load()
    except InputError:
        raise
    except Exception as error:
        reason = reason_of(error)
        raise InputError(f"data {name}: its loader raises {reason}: mend the loader") from error
    if not isinstance(loaded, tuple | list) or len(loaded) != 2:
        many = (
            f"{len(loaded)} values" if isinstance(loaded, tuple | list) else type(loaded).__name__
        )
        raise InputError(
            f"data {name}: its loader returns {many}: allowed are two arrays, inputs x and labels y"
        )
    inputs, labels = (
        real_array(f"data {name}: {what}", value)
        for what, value in zip(("x", "y"), loaded, strict=True)
    )
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
    if not np.all(np.abs(labels) == 1.0):
        raise InputError(f"data {name}: y has labels other than -1 and +1: map the classes to two")
    # What is normalised later has no scale, and a power of two changes no bit of it.
    exponent = int(np.frexp(np.max(np.abs(inputs)))[1])
    if abs(exponent) > _SAFE_EXPONENT:
        inputs = np.ldexp(inputs, -exponent)
    return ImageData(
        name, inputs.reshape(len(inputs), -1), labels.astype(np.int8), inputs.shape[1:]
    )
