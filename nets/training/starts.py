"""Outputs on the test set at the initial weights, which runs of a seed share."""

from collections.abc import Callable

import numpy as np

from nets.config import NetConfig

# Seeds of which they are kept.
_MOST = 64
_OF_SEED = ("data", "chi", "d", "arch", "depth", "width", "act", "seed", "dtype", "P_test")


class Starts:
    """Initial outputs f_0 on the test set, kept for the runs to come."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[tuple[object, ...], np.ndarray] = {}

    def of(self, config: NetConfig, evaluate: Callable[[], np.ndarray]) -> np.ndarray:
        """Return f_0 of a run, shape (P_test,), by ``evaluate`` unless it is known."""
        if not config.shared_seeds:
            return evaluate()
        key = tuple(getattr(config, name) for name in _OF_SEED)
        if key not in self._kept:
            if len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = evaluate()
        return self._kept[key]
