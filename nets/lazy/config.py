"""What a lazy run is known by, and its random streams."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nets.config import NetConfig
from perceptron_sim.kernels.dynamics import SGD
from perceptron_sim.runs.identity import key_of, stream_of

# A lazy run costs little a step, and at large P it takes more of them than a net is trained for.
MAX_STEPS = 10**7

# What fixes the kernel of a seed: all but P, T, B, kappa.
_SHARED = ("data", "chi", "d", "arch", "depth", "width", "act", "P_test", "seed")


@dataclass(frozen=True)
class LazyConfig:
    """One lazy run.

    Attributes:
        config: the net, data and noise; ``dtype`` means nothing here.
        paired: whether batches are those of training ``config``, and with independent streams
            data and initial weights too; otherwise all runs of a seed share their initial weights
            and have nested data.
        dynamics: how the weights move, as in ``perceptron_sim.simulate_kernel``.
    """

    config: NetConfig
    paired: bool = False
    dynamics: str = SGD

    def key(self) -> str:
        """Return the name of the run: 24 hex digits."""
        fields = self._fields()
        if self.dynamics != SGD:
            fields["dynamics"] = self.dynamics
        return key_of(self._identity(fields))

    def kernel_key(self) -> str:
        """Return a name that runs served by one kernel have in common."""
        return key_of(self._identity(self._kernel_fields()))

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the random stream for ``purpose`` ("data", "weights", "batches").

        Those of training, if paired, and of seeds that share theirs all but the batches: steps
        that change nothing are jumped over, so these are drawn otherwise. Of runs that are neither,
        data and weights are shared by a seed, and batches depend on all but ``max_steps``.
        """
        shared = self.config.shared_seeds
        if self.paired or (shared and purpose != "batches"):
            return self.config.stream(purpose)
        fields = self._kernel_fields()
        if purpose == "batches" and not shared:
            fields = {k: v for k, v in self._fields().items() if k != "max_steps"}
        return stream_of({"purpose": purpose} | self._identity(fields))

    def _fields(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self.config).items() if k != "dtype"}

    def _kernel_fields(self) -> dict[str, Any]:
        if self.paired and not self.config.shared_seeds:
            return {k: v for k, v in vars(self.config).items() if k != "max_steps"}
        # A paired run starts as training does, rounded to its precision.
        names = (*_SHARED, "dtype") if self.paired else _SHARED
        return {name: getattr(self.config, name) for name in names}

    def _identity(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"model": "lazy", "paired": self.paired, **self.config.identity(fields)}
