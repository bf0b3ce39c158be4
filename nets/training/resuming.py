"""Random streams and arrays that can be put away and taken up again."""

from typing import Any, Protocol, cast

import numpy as np


class Shaped(Protocol):
    """An array or a tensor."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of its axes."""


def alike(saved: np.ndarray, place: Shaped) -> np.ndarray:
    """Return a saved array if it has the shape of the place it came from.

    Raises:
        ValueError: if it has another; NumPy might spread it over the place.
    """
    if saved.shape != tuple(place.shape):
        raise ValueError(f"an array has shape {saved.shape} instead of {tuple(place.shape)}")
    return saved


def stream_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of a PCG64 stream, for JSON."""
    return dict(rng.bit_generator.state)


def restored_stream(state: dict[str, Any]) -> np.random.Generator:
    """Return a stream that goes on from ``state``."""
    bits = np.random.PCG64()
    bits.state = cast(Any, state)
    return np.random.Generator(bits)
