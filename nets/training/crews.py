"""Engines side by side in threads: who trains what, saved states, and what fails."""

import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from nets.config import NetConfig
from nets.training.device import DeviceLost, Room, is_lost, is_out_of_memory, release
from nets.training.engine import Control, Engine, Failure, Make, ensemble_keys
from nets.training.result import NetResult
from perceptron_sim.errors import reason_of
from perceptron_sim.runs.snapshots import State

# A kill costs at most this and the time of one round and of writing the state.
_SAVE_EVERY_S = 30.0
_TICK_S = 0.25


@dataclass
class Lane:
    """What one thread does: an engine made by ``make``, and the runs that wait for it.

    Attributes:
        name: of its saved state.
        device: where it trains.
        make: returns engines.
        waiting: runs not started; lanes of exact engines share one.
        states: saved states by run, for exact engines.
        state: of an ensemble that this lane goes on with, or None.
        company: what ``state`` may name next to ``waiting``: runs that are done, by key.
    """

    name: str
    device: torch.device
    make: Make
    waiting: deque[NetConfig]
    states: dict[str, State] = field(default_factory=dict)
    state: State | None = None
    company: dict[str, NetConfig] = field(default_factory=dict)


def run_lanes(lanes: Sequence[Lane], control: Control) -> Iterator[NetResult | Failure]:
    """Train what waits in all lanes, one thread each, and yield runs as they end."""
    results: queue.SimpleQueue[NetResult | Failure | threading.Event | BaseException | None] = (
        queue.SimpleQueue()
    )
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
            elif isinstance(result, threading.Event):
                # All that ended before has been yielded, and the caller came back for more.
                control.settle()
                result.set()
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
) -> Iterator[NetResult | Failure | threading.Event]:
    """Train the runs of one lane; one that raises is isolated and given up.

    An event is yielded before a state is saved, and awaited.
    """
    crew = _Crew(lane, control)
    saved = time.monotonic()
    while not abandoned.is_set():
        over = False
        try:
            if not crew.fill():
                if control.draining():
                    return
                over = True
            else:
                yield from crew.round()
        except Exception as error:
            failure = crew.after(error)
            if failure is not None:
                yield failure
        stopped = bool(control.stop.array[0])
        if over or stopped or time.monotonic() - saved > _SAVE_EVERY_S:
            settled = threading.Event()
            yield settled
            while not settled.wait(_TICK_S):
                if abandoned.is_set():
                    return
            crew.forget() if over else crew.save()
            saved = time.monotonic()
        if over or stopped:
            return


class _Crew:
    """The engine of a lane and what it does next."""

    def __init__(self, lane: Lane, control: Control) -> None:
        """Begin with the runs of a saved state, if there is one for all of the lane."""
        self._lane = lane
        self._control = control
        self._engine: Engine | None = None
        self._limit: int | None = None
        self._arriving: list[NetConfig] = []
        self._planned = False
        if lane.state is not None:
            self._take_up(lane.state)

    def _take_up(self, state: State) -> None:
        """Go on with a saved ensemble; if that fails, its runs start again."""
        lane = self._lane
        meta, arrays = state
        known = lane.company | {config.key(): config for config in lane.waiting}
        try:
            named = ensemble_keys(meta)
            room = Room(**meta["engine"]["room"])
            engine = lane.make([known[key] for key in named], None, room)
            engine.restore((meta["engine"], arrays), known)
        except Exception as error:
            self._check(error)
            self._control.refuse(lane.name, reason_of(error))
            return
        self._engine, self._planned = engine, True
        # As it was, stored runs included: in other company results could round differently.
        others = [config for config in lane.waiting if config.key() not in named]
        lane.waiting.clear()
        lane.waiting.extend(known[key] for key in meta["waiting"])
        lane.waiting.extend(others)

    def fill(self) -> bool:
        """Start runs while there is space; return whether any is in training."""
        lane = self._lane
        if self._engine is None:
            waiting = list(lane.waiting)
            if not waiting:
                return False
            self._engine = lane.make(waiting, self._limit, None)
            if not self._planned and not self._engine.exact:
                # Who trains together, before any result is stored.
                self.save()
            self._planned = True
        engine = self._engine
        room = engine.capacity - len(engine.configs)
        while len(self._arriving) < room and not self._control.draining():
            try:
                self._arriving.append(lane.waiting.popleft())
            except IndexError:
                break
        if self._arriving and not self._restored(engine):
            engine.admit(self._arriving)
        self._arriving = []
        return bool(engine.configs)

    def _restored(self, engine: Engine) -> bool:
        """Go on with the state of a run that arrives alone; return whether there was one to use."""
        key = self._arriving[0].key()
        state = self._lane.states.pop(key, None)
        if state is None:
            return False
        try:
            engine.restore(state, {key: self._arriving[0]})
        except Exception as error:
            self._check(error)
            self._control.refuse(key, reason_of(error))
            return False
        return True

    def round(self) -> list[NetResult]:
        """Train for a while; return the runs that ended."""
        assert self._engine is not None
        return self._engine.round()

    def after(self, error: Exception) -> Failure | None:
        """Begin anew in smaller company; a run that raises when alone is the failure."""
        tried, most = ([], 0) if self._engine is None else (self._engine.configs, self._capacity)
        tried = [*tried, *(config for config in self._arriving if config not in tried)]
        self._engine, self._arriving = None, []
        self._check(error)
        lane = self._lane
        pending = [config for config in tried if config.key() not in lane.company]
        if not tried:
            # There was no memory for an engine.
            self._limit = (len(lane.waiting) if self._limit is None else self._limit) // 2
            if self._limit > 0:
                return None
            self._limit = 1
            return Failure(lane.waiting.popleft(), error)
        # Room for others may be what left too little memory for one run.
        alone = len(tried) == 1 and (most == 1 or not is_out_of_memory(error))
        self._limit = max(1, len(tried) // 2)
        if alone and pending:
            self._limit = most
            return Failure(pending[0], error)
        # Runs that are stored only kept company to a state that is lost.
        rest = [c for c in (*pending, *lane.waiting) if c.key() not in lane.company]
        if lane.company:
            lane.waiting.clear()
            lane.waiting.extend(rest)
        else:
            lane.waiting.extendleft(reversed(pending))
        return None

    @property
    def _capacity(self) -> int:
        return 1 if self._engine is None else self._engine.capacity

    def _check(self, error: Exception) -> None:
        """Let go of what a failure holds in memory.

        Raises:
            DeviceLost: if the device does nothing more.
        """
        release(error)
        if is_lost(error, self._lane.device):
            raise DeviceLost(error) from None

    def save(self) -> None:
        """Save the state of the runs in training, or of an ensemble that has not begun."""
        snapshots, engine = self._control.snapshots, self._engine
        if snapshots is None or engine is None:
            return
        keys = [config.key() for config in engine.configs]
        if engine.exact:
            if keys:
                snapshots.save(keys[0], keys, engine.state())
            return
        waiting = [config.key() for config in self._lane.waiting]
        meta, arrays = engine.state()
        state = {"engine": meta, "waiting": waiting}
        snapshots.save(self._lane.name, [*keys, *waiting], (state, arrays))

    def forget(self) -> None:
        """Remove the saved state of an ensemble whose runs have all ended."""
        if self._control.snapshots is not None:
            self._control.snapshots.remove(self._lane.name)
