"""Engines side by side in threads: who trains what, saved states, and what fails."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from nets.config import NetConfig
from nets.training.engine import Engine
from nets.training.result import NetResult
from perceptron_sim.experiments.simulate import StopFlag
from perceptron_sim.experiments.snapshots import Snapshots, State

# A kill costs at most this and the time of one round and of writing the state.
_SAVE_EVERY_S = 30.0
_TICK_S = 0.25


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
        snapshots: where states are saved, or None.
    """

    draining: Callable[[], bool] = lambda: False
    stop: StopFlag = field(default_factory=StopFlag)
    heartbeat: Callable[[], None] = lambda: None
    snapshots: Snapshots | None = None


@dataclass
class Lane:
    """What one thread does: an engine made by ``make``, and the runs that wait for it.

    Attributes:
        name: of its saved state.
        make: returns an empty engine for up to so many runs (None for as many as pay).
        waiting: runs not started; lanes of exact engines share one.
        stored: runs that are done, but that a saved state may name.
        states: saved states, by run for exact engines, by lane for others.
    """

    name: str
    make: Callable[[int | None], Engine]
    waiting: deque[NetConfig]
    stored: Sequence[NetConfig]
    states: dict[str, State]


def run_lanes(lanes: Sequence[Lane], control: Control) -> Iterator[NetResult | Failure]:
    """Train what waits in all lanes, one thread each, and yield runs as they end."""
    results: queue.SimpleQueue[NetResult | Failure | BaseException | None] = queue.SimpleQueue()
    abandoned = threading.Event()

    def work(lane: Lane) -> None:
        # The count is one of the thread's own: spread over more, small products wait for the
        # slowest thread, which on a machine with other users cost a factor of 20.
        torch.set_num_threads(1)
        try:
            for result in _train(lane, control, abandoned):
                results.put(result)
            results.put(None)
        except BaseException as error:
            results.put(error)

    threads = [threading.Thread(target=work, args=(lane,), daemon=True) for lane in lanes]
    before = torch.get_num_threads()
    try:
        for thread in threads:
            thread.start()
        working = len(threads)
        while working:
            try:
                result = results.get(timeout=_TICK_S)
            except queue.Empty:
                control.heartbeat()
                continue
            if result is None:
                working -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result
                control.heartbeat()
    finally:
        # Also if the caller has had enough: no thread may outlive this.
        abandoned.set()
        if any(thread.is_alive() for thread in threads):
            control.stop.set()
        for thread in threads:
            thread.join()
        torch.set_num_threads(before)


def _train(
    lane: Lane, control: Control, abandoned: threading.Event
) -> Iterator[NetResult | Failure]:
    """Train the runs of one lane; one that raises is isolated and given up."""
    crew = _Crew(lane, control)
    saved = time.monotonic()
    while not abandoned.is_set():
        try:
            if not crew.fill():
                return
            yield from crew.engine.round()
        except Exception as error:
            failure = crew.after(error)
            if failure is not None:
                yield failure
        stopped = bool(control.stop.array[0])
        if stopped or time.monotonic() - saved > _SAVE_EVERY_S:
            crew.save()
            saved = time.monotonic()
        if stopped:
            return


class _Crew:
    """The engine of a lane and what it does next."""

    def __init__(self, lane: Lane, control: Control) -> None:
        """Begin with the runs of a saved state, if there is one for all of the lane."""
        self.engine = lane.make(None)
        self._lane = lane
        self._control = control
        self._arriving: NetConfig | None = None
        state = None if self.engine.exact else lane.states.pop(lane.name, None)
        if state is not None:
            meta, arrays = state
            configs = {config.key(): config for config in (*lane.waiting, *lane.stored)}
            self.engine.restore((meta["engine"], arrays), configs)
            # As it was, stored runs included: in other company results could round differently.
            lane.waiting.clear()
            lane.waiting.extend(configs[key] for key in meta["waiting"])

    def fill(self) -> bool:
        """Start runs while there is room; return whether any is in training."""
        while len(self.engine.configs) < self.engine.capacity and not self._control.draining():
            try:
                self._arriving = self._lane.waiting.popleft()
            except IndexError:
                break
            state = self._lane.states.pop(self._arriving.key(), None)
            if state is None:
                self.engine.admit(self._arriving)
            else:
                self.engine.restore(state, {self._arriving.key(): self._arriving})
            self._arriving = None
        return bool(self.engine.configs)

    def after(self, error: Exception) -> Failure | None:
        """Begin anew in smaller company; a run that raises when alone is the failure."""
        tried = self.engine.configs
        if self._arriving is not None and self._arriving not in tried:
            tried = [*tried, self._arriving]
        self._arriving = None
        if len(tried) == 1:
            self.engine = self._lane.make(self.engine.capacity)
            return Failure(tried[0], error)
        self._lane.waiting.extendleft(reversed(tried))
        self.engine = self._lane.make(len(tried) // 2)
        return None

    def save(self) -> None:
        """Save the state of the runs in training."""
        snapshots = self._control.snapshots
        if snapshots is None or not self.engine.configs:
            return
        keys = [config.key() for config in self.engine.configs]
        meta, arrays = self.engine.state()
        if self.engine.exact:
            snapshots.save(keys[0], keys, (meta, arrays))
        else:
            waiting = [config.key() for config in self._lane.waiting]
            state = {"engine": meta, "waiting": waiting}
            snapshots.save(self._lane.name, [*keys, *waiting], (state, arrays))
