"""What drives training: engines, of which each trains some runs, and how they are steered."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from nets.config import NetConfig
from nets.data import Subsets
from nets.training.device import Room
from nets.training.result import NetResult
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.runs.snapshots import Snapshots, State

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

    def admit(self, configs: Sequence[NetConfig]) -> None:
        """Start more runs, as many as there is space for, at least one."""

    def round(self) -> list[NetResult]:
        """Train for at most about a second; return the runs that ended."""

    def state(self) -> State:
        """Return what ``restore`` needs to go on as if nothing had happened."""

    def restore(self, state: State, configs: dict[str, NetConfig]) -> None:
        """Go on from a state, in an engine that is empty.

        Args:
            state: of an engine made in the same way.
            configs: the runs by key.
        """


class Make(Protocol):
    """Makes the engines of a lane."""

    def __call__(
        self, configs: Sequence[NetConfig], limit: int | None, room: Room | None
    ) -> Engine:
        """Return an empty engine.

        Args:
            configs: what it may be given to train, at least one.
            limit: most runs at once, if fewer than pay.
            room: of a saved ensemble that it shall take up, if there is one.

        Raises:
            InputError: if memory does not suffice.
        """


@dataclass(frozen=True)
class Failure:
    """A run that ended in an exception."""

    config: NetConfig
    error: Exception


@dataclass
class Control:
    """How the driver steers threads that train.

    Attributes:
        draining: asked before a run is started; once true, none is.
        stop: once raised, rounds end at once and states are saved.
        heartbeat: called a few times a second by the driving thread.
        settle: called by the driving thread before a state is saved; must store what has ended,
            so that no run is missing from both.
        snapshots: where states are saved, or None.
        note: told what a person should know; by default ``snapshots.note``, or a log.
    """

    draining: Callable[[], bool] = lambda: False
    stop: StopFlag = field(default_factory=StopFlag)
    heartbeat: Callable[[], None] = lambda: None
    settle: Callable[[], None] = lambda: None
    snapshots: Snapshots | None = None
    note: Callable[[str], None] | None = None

    def tell(self, text: str) -> None:
        """Tell a person something."""
        if self.note is not None:
            self.note(text)
        elif self.snapshots is not None:
            self.snapshots.note(text)
        else:
            logging.getLogger(__name__).warning(text)

    def given_up(self) -> bool:
        """Tell whether no run shall be started any more."""
        return self.draining() or bool(self.stop.array[0])

    def saved(self, keys: set[str]) -> dict[str, State]:
        """Return the states that were saved of runs with these keys, by name."""
        return {} if self.snapshots is None else self.snapshots.load(keys)

    def refuse(self, name: str, reason: str) -> None:
        """Tell that a saved state cannot be used."""
        if self.snapshots is not None:
            self.snapshots.refuse(name, reason)


def ensemble_keys(meta: dict[str, Any]) -> list[str]:
    """Return the keys of the runs that a saved ensemble trains or has waiting.

    Raises:
        KeyError, TypeError: if it is none.
    """
    return [*(replica["key"] for replica in meta["engine"]["replicas"]), *meta["waiting"]]
