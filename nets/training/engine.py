"""What drives training: engines, of which each trains some runs at once."""

from collections.abc import Callable
from typing import Protocol

from nets.config import NetConfig
from nets.data import Subsets
from nets.training.result import NetResult
from perceptron_sim.runs.snapshots import State

# Draws the samples of a configuration, by its seed.
Draw = Callable[[NetConfig], Subsets]


class Engine(Protocol):
    """Trains up to ``capacity`` runs at once.

    Attributes:
        capacity: how many.
        exact: whether results do not depend on what else is trained, not even by rounding.
    """

    capacity: int
    exact: bool

    @property
    def configs(self) -> list[NetConfig]:
        """The runs in training."""

    def admit(self, config: NetConfig) -> None:
        """Start one more run."""

    def round(self) -> list[NetResult]:
        """Train for at most about a second; return the runs that ended."""

    def state(self) -> State:
        """Return what ``restore`` needs to go on as if nothing had happened."""

    def restore(self, state: State, configs: dict[str, NetConfig]) -> None:
        """Go on from a state, in an engine that is empty.

        Args:
            state: of an engine made alike.
            configs: the runs by key.
        """
