"""Progress on stderr: a bar with ETA on a terminal, plain lines when piped."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator

import click

# Jobs shorter than this stay silent; lines in a pipe are this far apart.
_QUIET_S = 2.0
_LINE_EVERY_S = 10.0


# Seconds of work that follow the job that is watched, in the same command.
_later_s = 0.0


@contextlib.contextmanager
def later_work(seconds: float) -> Iterator[None]:
    """Let progress tell the time left of the whole command, of which ``seconds`` come later."""
    global _later_s
    before, _later_s = _later_s, seconds
    try:
        yield
    finally:
        _later_s = before


class TerminalProgress:
    """A ``Progress`` that a person reads."""

    def __init__(self, unit: str = "runs", per_unit: int = 1) -> None:
        """Write to stderr, so that stdout stays clean for tables and JSON.

        Args:
            unit: what is counted.
            per_unit: how many of what ``advance`` counts make one of them.
        """
        self._unit, self._per_unit = unit, per_unit
        self._terminal = sys.stderr.isatty()
        self._what = ""
        self._runs = self._done_runs = 0
        self._cost = self._done_cost = 0.0
        self._started = self._last_shown = 0.0
        self._drawn = False

    def start(self, what: str, runs: int, cost: float) -> None:
        """Begin counting."""
        self._what, self._runs, self._cost = what, runs, cost
        self._done_runs, self._done_cost = 0, 0.0
        self._started = time.monotonic()
        self._last_shown = self._started - _LINE_EVERY_S + _QUIET_S
        self._drawn = False

    def advance(self, runs: int, cost: float) -> None:
        """Count, and show now and then."""
        self._done_runs += runs
        self._done_cost += cost
        now = time.monotonic()
        if now - self._started < _QUIET_S:
            return
        if now - self._last_shown >= (0.2 if self._terminal else _LINE_EVERY_S):
            self._last_shown = now
            self._show(now)

    def note(self, text: str) -> None:
        """Print a line at once."""
        self._clear()
        click.echo(text, err=True)

    def finish(self) -> None:
        """Clear the bar."""
        self._clear()

    def _show(self, now: float) -> None:
        # Costs can be estimates.
        fraction = min(1.0, self._done_cost / self._cost) if self._cost else 1.0
        elapsed = now - self._started
        left = elapsed * (1.0 - fraction) / fraction if fraction > 0 else 0.0
        text = (
            f"{self._what}: {self._done_runs // self._per_unit}/{self._runs // self._per_unit} "
            f"{self._unit}, {100 * fraction:.0f} % of the work, {duration(elapsed)} elapsed, "
            f"about {duration(left)} left"
        )
        if _later_s:
            text += f" of this, {duration(left + _later_s)} of all"
        if self._terminal:
            # A line that the terminal wraps could not be cleared.
            while ", " in text and len(text) >= _columns_of_stderr():
                text = text.rpartition(", ")[0]
            click.echo(f"\r\x1b[2K{text}", err=True, nl=False)
            self._drawn = True
        else:
            click.echo(text, err=True)

    def _clear(self) -> None:
        if self._drawn:
            click.echo("\r\x1b[2K", err=True, nl=False)
            self._drawn = False


def _columns_of_stderr() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def duration(seconds: float) -> str:
    """Return a time for people, for example '3 min 20 s'."""
    if seconds < 1:
        return f"{seconds:.1g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds // 3600:.0f} h {seconds % 3600 // 60:.0f} min"
