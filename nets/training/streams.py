"""Random streams that can be put away and taken up again."""

from typing import Any, cast

import numpy as np


def stream_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return the state of a PCG64 stream, for JSON."""
    return dict(rng.bit_generator.state)


def restored_stream(state: dict[str, Any]) -> np.random.Generator:
    """Return a stream that goes on from ``state``."""
    bits = np.random.PCG64()
    bits.state = cast(Any, state)
    return np.random.Generator(bits)
