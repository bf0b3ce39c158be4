"""Ctrl-C and SIGTERM: the first finishes and saves runs in progress, the second drops them."""

import signal
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.simulate import StopFlag

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
# Whether a signal broke off a call of this process, and left objects of LLVM half made.
broken_off = threading.Event()


def passed(until: float | None) -> bool:
    """Tell whether the time.monotonic() after which no run starts is over."""
    return until is not None and time.monotonic() >= until


class _Interrupted(KeyboardInterrupt):
    """A signal came before any run had started."""


class Interrupts:
    """Context in which signals are counted instead of raised.

    Attributes:
        draining: True after the first signal; then nothing new starts.
        stop: set by the second signal; then running kernels return at once.
    """

    def __init__(self, progress: Progress | None = None) -> None:
        """Prepare; ``progress`` gets a note on what a signal did."""
        self.draining = False
        self.stop = StopFlag()
        self._progress = progress or NoProgress()
        self._preparing = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        """Take over the signals, if this is the main thread (others get none)."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def prepare(self, call: Callable[[], object]) -> None:
        """Make a call before the first run. A signal ends it at once."""
        if self.draining:
            return
        try:
            self._preparing = True
            call()
        except BaseException:
            # In a callback of LLVM the signal ends the call by another error.
            if not self.draining:
                raise
        self._preparing = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._preparing and not self.draining:
            self.draining = True
            broken_off.set()
            raise _Interrupted
        if self.draining:
            self.stop.set()
            self._progress.note("stopping now; runs in progress are dropped")
        else:
            self.draining = True
            self._progress.note("finishing and saving running work; interrupt again to drop it")
