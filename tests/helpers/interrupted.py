"""Training that is given up again and again, and goes on from the states it saved."""

from collections.abc import Sequence
from pathlib import Path

from nets.config import NetConfig
from nets.training import Control, NetResult, train_each
from perceptron_sim.runs.snapshots import Snapshots

IDENTITY = {"versions": "these"}


class Impatient(Snapshots):
    """Asks training to stop when a few states have been saved."""

    control: Control
    patience = 12

    def save(self, *args) -> None:
        super().save(*args)
        self.patience -= 1
        if self.patience == 0:
            self.control.stop.set()


def train_in_pieces(
    configs: Sequence[NetConfig], folder: Path, most: int, *device: str, patience: int = 12, **how
) -> tuple[dict[str, NetResult], int, list[str]]:
    """Return results by key, how many attempts it took (at most ``most``), and what was noted."""
    notes: list[str] = []
    done: dict[str, NetResult] = {}
    attempts = 0
    while len(done) < len(configs):
        attempts += 1
        control = Control(snapshots=Impatient(folder, IDENTITY, notes.append))
        control.snapshots.control = control
        control.snapshots.patience = patience
        pending = [config for config in configs if config.key() not in done]
        stored = [config for config in configs if config.key() in done]
        for result in train_each(pending, *device, control=control, stored=stored, **how):
            done.setdefault(result.config.key(), result)
        assert attempts < most
    return done, attempts, notes
