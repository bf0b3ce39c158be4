"""Outputs on the test set at the initial weights, which runs of a seed share."""

import numpy as np

from nets.config import NetConfig

# Seeds of which they are kept.
_MOST = 64


class Starts:
    """Initial outputs f_0 on the test set, kept for the runs to come."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[tuple[object, ...], np.ndarray] = {}

    def get(self, config: NetConfig) -> np.ndarray | None:
        """Return f_0 of a run, shape (P_test,), if it is known."""
        return self._kept.get(_key(config))

    def put(self, config: NetConfig, f0: np.ndarray) -> np.ndarray:
        """Keep f_0 of a run and return it."""
        if config.shared_seeds:
            if len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[_key(config)] = f0
        return f0


def _key(config: NetConfig) -> tuple[object, ...]:
    return (*config.family, config.dtype, config.P_test)
