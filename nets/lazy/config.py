"""What a lazy run is known by, and its random streams."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nets.config import NetConfig
from perceptron_sim.runs.identity import key_of, stream_of

# Bumped whenever lazy runs consume random numbers differently.
STREAM_VERSION = 1

# A lazy run costs little a step, and at large P it takes more of them than a net is trained for.
MAX_STEPS = 10**7

# What fixes the kernel of a seed: all but P, T, B, kappa.
_SHARED = ("data", "chi", "d", "arch", "depth", "width", "act", "P_test", "seed")


@dataclass(frozen=True)
class LazyConfig:
    """One lazy run.

    Attributes:
        config: the net, data and noise; ``dtype`` means nothing here.
        paired: whether data, initial weights and batches are those of training ``config``;
            otherwise all runs of a seed share their initial weights and have nested data.
    """

    config: NetConfig
    paired: bool = False

    def key(self) -> str:
        """Return the name of the run: 24 hex digits."""
        return key_of(self._identity(self._fields()))

    def kernel_key(self) -> str:
        """Return a name that runs served by one kernel have in common."""
        return key_of(self._identity(self._kernel_fields()))

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the random stream for ``purpose`` ("data", "weights", "batches").

        Paired runs have those of training; else data and weights are shared by the runs of a
        seed, while batches depend on everything but ``max_steps``.
        """
        if self.paired:
            return self.config.stream(purpose)
        fields = self._kernel_fields()
        if purpose == "batches":
            fields = {k: v for k, v in self._fields().items() if k != "max_steps"}
        return stream_of({"purpose": purpose} | self._identity(fields))

    def _fields(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self.config).items() if k != "dtype"}

    def _kernel_fields(self) -> dict[str, Any]:
        if self.paired:
            return {k: v for k, v in vars(self.config).items() if k != "max_steps"}
        return {name: getattr(self.config, name) for name in _SHARED}

    def _identity(self, fields: dict[str, Any]) -> dict[str, Any]:
        version = {"model": "lazy", "stream": STREAM_VERSION}
        return {**version, "paired": self.paired, "config": fields}
