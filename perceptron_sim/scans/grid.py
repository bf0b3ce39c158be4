"""Grids of configurations: text such as ``2^-13:2^2:16`` to values, values to configs."""

import itertools
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Number
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from perceptron_sim import parameters
from perceptron_sim.errors import InputError
from perceptron_sim.runs.config import MAX_STEPS, PerceptronConfig

C = TypeVar("C")

MAX_RUNS = 10**7

_POWER = re.compile(r"^([+-]?[0-9.eE+]+)\^([+-]?[0-9.]+)$")
_HINT = "write a list (0,1,3), powers (2^-5) or a geometric range first:last:points (2^-13:2^2:16)"


def parse_floats(text: str, name: str) -> tuple[float, ...]:
    """Return the values that ``text`` stands for, for a real parameter called ``name``.

    Raises:
        InputError: if a part is empty, not a number, or not a rising range.
    """
    values: list[float] = []
    for part in text.split(","):
        if not part.strip():
            raise InputError(f"{name}: empty entry in {text!r}: {_HINT}")
        values.extend(_range(part, name) if ":" in part else [_number(part, name)])
    return tuple(dict.fromkeys(values))


def parse_integers(text: str, name: str) -> tuple[int, ...]:
    """Return the distinct integers that ``text`` stands for; ranges are rounded.

    Raises:
        InputError: as ``parse_floats``, and if a listed value is not an integer.
    """
    values: list[int] = []
    for part in text.split(","):
        is_range = ":" in part
        for value in parse_floats(part, name):
            if not math.isfinite(value) or not (is_range or value == round(value)):
                raise InputError(f"{name}: {part.strip()!r} is not an integer: {_HINT}")
            values.append(round(value))
    return tuple(dict.fromkeys(values))


def grid_text(values: Sequence[float]) -> str:
    """Return what stands for these values and no others, a range where they are one: 2^-3:16:8."""
    texts = [_exact_text(value) for value in values]
    as_range = f"{texts[0]}:{texts[-1]}:{len(texts)}"
    parse = parse_integers if isinstance(values[0], int) else parse_floats
    if len(values) > 3 and 0 < values[0] < values[-1] and parse(as_range, "") == tuple(values):
        return as_range
    return ",".join(texts)


def _exact_text(value: float) -> str:
    if value == round(value) and abs(value) < 2**20:
        return str(int(value))
    mantissa, exponent = math.frexp(value)
    text = repr(value)
    return f"2^{exponent - 1}" if mantissa == 0.5 and len(text) > 6 else text


def _number(text: str, name: str) -> float:
    power = _POWER.match(text.strip())
    try:
        if power:
            value = float(power.group(1)) ** float(power.group(2))
            if isinstance(value, float):
                return value
        return float(text)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise InputError(f"{name}: {text.strip()!r} is not a number: {_HINT}") from None


def _range(text: str, name: str) -> list[float]:
    parts = text.split(":")
    if len(parts) != 3:
        raise InputError(f"{name}: {text!r} is not a range first:last:points: {_HINT}")
    first, last = _number(parts[0], name), _number(parts[1], name)
    points = _number(parts[2], name)
    if not (0 < first < math.inf and 0 < last < math.inf):
        raise InputError(
            f"{name}: the ends of the geometric range {text!r} must be positive and finite: "
            "list other values one by one"
        )
    if first >= last:
        raise InputError(
            f"{name}: the range {text!r} is empty or reversed: write {parts[1]}:{parts[0]}:..., "
            "smaller end first"
        )
    if not 2 <= points <= MAX_RUNS or points != round(points):
        raise InputError(
            f"{name}: {parts[2]!r} points in {text!r}: allowed is an integer from 2 to {MAX_RUNS:,}"
        )
    # In base 2, so that a range between powers of two contains powers of two exactly.
    exponents = np.linspace(math.log2(first), math.log2(last), int(points))
    values = np.exp2(exponents)
    values[0], values[-1] = first, last
    return [float(v) for v in values]


def axis(name: str, values: Any, parse: Callable[[str, str], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the distinct values of one axis of a grid: one value, a list, an array or text.

    Raises:
        InputError: if there are none, or one of them is not a number.
    """
    if isinstance(values, str):
        return parse(values, name)
    flat = [values] if np.ndim(values) == 0 else list(values)
    if not flat:
        raise InputError(f"{name} has no values: {_HINT}")
    if not all(isinstance(value, Number) for value in flat):
        raise InputError(f"{name} = {values!r} is not a list of numbers: {_HINT}")
    # NumPy's numbers become Python's, since they enter the keys of stored runs.
    plain = [value.item() if isinstance(value, np.generic) else value for value in flat]
    return tuple(dict.fromkeys(plain))


Reals = Sequence[float] | float | str | None
Integers = Sequence[int] | int | str | None


class Grid(ABC, Generic[C]):
    """A full grid: every combination of the listed values, each with every seed.

    The grid of a kind of run is a frozen dataclass derived from this one. Its fields are axes: one
    value, a list, an array of shape (n,), or text as on the command line ("2^-5:2^2:8"). They are
    kept as tuples. None means the default. ``eta`` may replace ``T``, ``alpha`` ``kappa``.

    Attributes:
        seeds: number of replicas at each point, numbered 0 .. seeds-1.
    """

    # Fields that are not axes, shared by all runs.
    SHARED: ClassVar[tuple[str, ...]] = ("max_steps",)
    # The law that defines T.
    LAW: ClassVar[str] = "eta / B"
    T: Reals
    eta: Reals
    kappa: Reals
    alpha: Reals
    seeds: int

    @abstractmethod
    def _config(self, **values: Any) -> C:
        """Return the configuration of one run."""

    def __post_init__(self) -> None:
        """Raise InputError for contradictions, empty axes and grids of more than 10^7 runs."""
        parameters.check_pairs(self.T, self.eta, self.kappa, self.alpha, self.LAW)
        for name, values in self._axes().items():
            parse = parse_integers if name in parameters.INTEGERS else parse_floats
            object.__setattr__(self, name, axis(name, values, parse))
        parameters.integer("seeds", self.seeds)
        # Python limits the length of a sequence. It must not be exceeded here.
        if self._count() > MAX_RUNS:
            raise InputError(
                f"the grid has {self._count():,} runs: allowed are up to {MAX_RUNS:,}; "
                "use fewer values or seeds"
            )

    def _axes(self) -> dict[str, Any]:
        given = vars(self).items()
        return {k: v for k, v in given if v is not None and k not in (*self.SHARED, "seeds")}

    def _count(self) -> int:
        return math.prod(len(values) for values in self._axes().values()) * int(self.seeds)

    def __len__(self) -> int:
        """Return the number of runs."""
        return self._count()

    def __iter__(self) -> Iterator[C]:
        """Yield every configuration.

        Raises:
            InputError: on the first combination that is out of range.
        """
        axes = self._axes()
        shared = {name: getattr(self, name) for name in self.SHARED}
        for point in itertools.product(*axes.values()):
            for seed in range(self.seeds):
                yield self._config(**dict(zip(axes, point, strict=True)), **shared, seed=seed)


@dataclass(frozen=True)
class PerceptronGrid(Grid[PerceptronConfig]):
    """A full grid of perceptrons: every combination of the values, each with every seed.

    Attributes:
        chi, d, P, B, T, eta, kappa, alpha: one value, a list, an array of shape (n,), or text such
            as "2^-5:2^2:8"; defaults as in ``PerceptronConfig``.
        seeds: number of replicas at each point, numbered 0 .. seeds-1.
        max_steps: number of steps after which a run ends unfitted.

    Raises:
        InputError: for contradictions, empty axes and grids of more than 10^7 runs.

    >>> from perceptron_sim import PerceptronGrid
    >>> grid = PerceptronGrid(chi=(0, 1), d=8, P="64:256:3", T="2^-1", seeds=2)
    >>> grid.P, len(list(grid))
    ((64, 128, 256), 12)
    """

    chi: Reals = None
    d: Integers = None
    P: Integers = None
    B: Integers = None
    T: Reals = None
    kappa: Reals = None
    seeds: int = 1
    max_steps: int = MAX_STEPS
    eta: Reals = None
    alpha: Reals = None

    def _config(self, **values: Any) -> PerceptronConfig:
        return PerceptronConfig(**values)
