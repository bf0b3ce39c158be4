"""A user's simulator: called within a time limit, its results read and checked."""

import ctypes
import inspect
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.runs.config import PerceptronConfig

Simulator = Callable[..., Any]
# Keywords that a simulator may take in addition to the configuration.
GIVEN = ("data", "batches")
# The first run may compile. It may take this many times as long.
_FIRST = 12.0
_COUNTS = ("steps", "updates", "hits")


class Misbehaved(Exception):
    """The result of a simulator could not be read; the message is one line."""


class TooLong(Misbehaved):
    """A run did not end within its time."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """The values that one run returned; None for a value that it did not return.

    Attributes:
        w: final weights, shape (d,).
        t_star: learning rate times the index of the last non-null step.
        steps: index of the last non-null step.
        updates: number of non-null steps.
        hits: number of samples that were unfitted when drawn, over all steps.
        hit_counts: hits of each training sample, shape (P,).
        test_error: fraction of fresh samples on the wrong side.
    """

    w: FloatArray | None = None
    t_star: float | None = None
    steps: int | None = None
    updates: int | None = None
    hits: int | None = None
    hit_counts: IntArray | None = None
    test_error: float | None = None

    def present(self) -> dict[str, Any]:
        """Return the values that are not None, by name."""
        found = {name: getattr(self, name) for name in RETURNED}
        return {name: value for name, value in found.items() if value is not None}


RETURNED = tuple(field.name for field in fields(Outcome))


class Subject:
    """A simulator under test.

    Attributes:
        rtol: relative error up to which two numbers count as equal.
        runs: how many runs each setting of a statistical law takes.
        offers: those of ``GIVEN`` that the simulator takes, and of ``RETURNED`` that it returns.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        limit_s: float = 10.0,
        rtol: float = 1e-9,
        runs: int = 400,
        first_seed: int = 0,
    ) -> None:
        """Read the arguments of a simulator. Nothing runs yet.

        Args:
            simulator: ``simulator(config)``, with ``data`` and ``batches`` by keyword if it takes
                them.
            limit_s: seconds that one run may take.
            rtol: as the attribute.
            runs: as the attribute.
            first_seed: of the runs of statistical laws.

        Raises:
            InputError: if it cannot be called.
        """
        if not callable(simulator):
            raise InputError(
                f"a simulator is a function of a configuration: {simulator!r} cannot be called"
            )
        self.simulator, self.limit_s, self.rtol, self.runs = simulator, limit_s, rtol, runs
        self.takes = frozenset(name for name in GIVEN if _takes(simulator, name))
        self.offers: frozenset[str] = self.takes
        self._first_seed = first_seed
        self._samples: dict[tuple[PerceptronConfig, int], dict[str, FloatArray]] = {}

    def run(
        self,
        config: PerceptronConfig,
        data: FloatArray | None = None,
        batches: IntArray | None = None,
    ) -> Outcome:
        """Return the result of a run.

        Args:
            config: what to run.
            data: label-folded samples z = y x, shape (P, d); the simulator must take them.
            batches: indices of the samples of each step, shape (n, B); likewise.

        Raises:
            Misbehaved: if it raises, takes too long, or its result cannot be read.
        """
        given = {"data": data, "batches": batches}
        # Copies: whatever the simulator does to its arguments stays there.
        keywords = {name: value.copy() for name, value in given.items() if value is not None}
        answer = _within(self.limit_s, lambda: self.simulator(config, **keywords))
        return _read(answer, config)

    def probe(self, config: PerceptronConfig) -> None:
        """Learn from one run what the simulator returns. This run may compile.

        Raises:
            Misbehaved: as ``run``.
        """
        limit_s, self.limit_s = self.limit_s, _FIRST * self.limit_s
        try:
            self.offers = self.takes | self.run(config).present().keys()
        finally:
            self.limit_s = limit_s

    def samples(self, config: PerceptronConfig, runs: int = 0) -> dict[str, FloatArray]:
        """Return w_1, |w_perp| and the scalars of runs at one seed after another.

        Each has shape (runs,), ``self.runs`` by default. All laws share these runs.

        Raises:
            Misbehaved: as ``run``.
        """
        key = config, runs or self.runs
        if key not in self._samples:
            first = config.seed + self._first_seed
            seeds = range(first, first + key[1])
            outcomes = [self.run(replace(config, seed=seed)) for seed in seeds]
            self._samples[key] = scalars(outcomes)
        return self._samples[key]


def scalars(outcomes: list[Any]) -> dict[str, FloatArray]:
    """Return values that all runs have as arrays of shape (runs,); w as w_1 and |w_perp|."""
    found: dict[str, FloatArray] = {}
    for name in ("t_star", *_COUNTS, "test_error"):
        values = [getattr(outcome, name) for outcome in outcomes]
        if None not in values:
            found[name] = np.array(values, dtype=np.float64)
    if all(outcome.w is not None for outcome in outcomes):
        w = np.array([outcome.w for outcome in outcomes], dtype=np.float64)
        found["w1"], found["w_perp"] = w[:, 0], np.linalg.norm(w[:, 1:], axis=1)
    return found


def _takes(simulator: Simulator, name: str) -> bool:
    try:
        parameters = inspect.signature(simulator).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns, or raise Misbehaved."""
    ended: list[Any] = []

    def work() -> None:
        try:
            ended.append(call())
        except BaseException as error:
            ended.append(Misbehaved(f"raised {type(error).__name__}: {_line(error)}"))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        # This ends a loop of Python. One of compiled code cannot be ended from outside.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident or 0), ctypes.py_object(TimeoutError)
        )
        raise TooLong(
            f"did not return within {seconds:g} s: a run ends when all samples are fitted, or "
            "after config.max_steps steps; raise limit_s for one that only needs longer"
        )
    (answer,) = ended
    if isinstance(answer, Misbehaved):
        raise answer
    return answer


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]


def _read(answer: Any, config: PerceptronConfig) -> Outcome:
    if isinstance(answer, Mapping):
        found = {name: answer.get(name) for name in RETURNED}
    else:
        found = {name: getattr(answer, name, None) for name in RETURNED}
    values: dict[str, Any] = {name: value for name, value in found.items() if value is not None}
    if not values:
        raise Misbehaved(
            f"returned {type(answer).__name__}: expected a mapping with any of "
            f"{', '.join(RETURNED)}"
        )
    shapes = {"w": (config.d,), "hit_counts": (config.P,)}
    names = {"w": "(d,)", "hit_counts": "(P,)"}
    for name, value in values.items():
        array = _numbers(name, value)
        expected = shapes.get(name, ())
        if array.shape != expected:
            where = f"{names[name]} = {expected}" if name in names else "one number"
            raise Misbehaved(f"{name} has shape {array.shape}: expected {where}")
        if not np.all(np.isfinite(array)):
            raise Misbehaved(f"{name} is not finite: {array.tolist()}"[:200])
        if name in (*_COUNTS, "hit_counts"):
            if np.any(array != np.floor(array)) or np.any(array < 0):
                raise Misbehaved(f"{name} is not a count: {array.tolist()}"[:200])
            array = array.astype(np.int64)
        values[name] = array if expected else array.item()
    return Outcome(**values)


def _numbers(name: str, value: Any) -> NDArray[np.float64]:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise Misbehaved(f"{name} is {type(value).__name__}: expected numbers") from None
