"""What a long job tells whoever watches it; by default nobody does."""

from typing import Protocol


class Progress(Protocol):
    """A watcher of a job whose parts have known relative costs."""

    def start(self, what: str, runs: int, cost: float) -> None:
        """Be told that ``runs`` runs of total ``cost`` begin."""

    def advance(self, runs: int, cost: float) -> None:
        """Be told that ``runs`` more runs, worth ``cost``, are done."""

    def note(self, text: str) -> None:
        """Be told something a person should read now."""

    def finish(self) -> None:
        """Be told that the job is over, done or not."""


class NoProgress:
    """The watcher that does not watch."""

    def start(self, what: str, runs: int, cost: float) -> None:
        """Ignore the start."""

    def advance(self, runs: int, cost: float) -> None:
        """Ignore the advance."""

    def note(self, text: str) -> None:
        """Ignore the note."""

    def finish(self) -> None:
        """Ignore the end."""
