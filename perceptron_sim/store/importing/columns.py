"""How columns of a file become columns of the store, and their allowed values."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from perceptron_sim.choices import choose, near_match
from perceptron_sim.errors import InputError
from perceptron_sim.status import Status
from perceptron_sim.store.importing.reading import Cell, Table
from perceptron_sim.store.schema import SCHEMA

STATUSES = tuple(status for status in Status if status != Status.INTERRUPTED)

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
# Names go into tables, figures and JSON unchanged.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,59}", re.ASCII)
_LARGEST = 2**62


@dataclass(frozen=True)
class Column:
    """The allowed values of a column.

    Attributes:
        kind: "integer", "number" or "name".
        allowed: the allowed values, in words.
        holds: whether a value of that kind is allowed.
        result: whether it is a result, so that a run that was not fitted may lack it.
    """

    kind: str
    allowed: str
    holds: Callable[[Any], bool]
    result: bool = False


def _integer(low: int, result: bool = False) -> Column:
    return Column("integer", f"an integer >= {low}", lambda v: low <= v <= _LARGEST, result)


def _positive(result: bool = False) -> Column:
    return Column("number", "a number > 0", lambda v: v > 0.0, result)


def _not_negative(result: bool = False) -> Column:
    return Column("number", "a number >= 0", lambda v: v >= 0.0, result)


def _name(allowed: str = "letters, digits, spaces and ._+-, up to 60") -> Column:
    return Column("name", allowed, lambda v: _NAME.fullmatch(v) is not None)


COLUMNS = {
    "model": _name(),
    "P": _integer(1),
    "B": _integer(1),
    "T": _positive(),
    "eta": _positive(),
    "kappa": _not_negative(),
    "alpha": _positive(),
    "seed": _integer(0),
    "chi": Column("number", "a number > -1", lambda v: v > -1.0),
    "d": _integer(1),
    "data": _name(),
    "arch": _name(),
    "depth": _integer(0),
    "width": _integer(1),
    "act": _name(),
    "P_test": _integer(0),
    "max_steps": _integer(1),
    "max_updates": _integer(1),
    "status": Column("name", f"one of {', '.join(STATUSES)}", lambda v: v in STATUSES),
    "t_star": _positive(result=True),
    "steps": _integer(0, result=True),
    "updates": _integer(0, result=True),
    "hits": _integer(0, result=True),
    "unfitted": _integer(0, result=True),
    "w1": Column("number", "a finite number", lambda v: True, result=True),
    "w_perp": _not_negative(result=True),
    "w_norm": _positive(result=True),
    "dw": _positive(result=True),
    "w0_norm": _not_negative(result=True),
    "dw_rel": _positive(result=True),
    "train_loss": _not_negative(result=True),
    "test_error": Column("number", "a number in 0..1", lambda v: 0.0 <= v <= 1.0, result=True),
    "noise_trace": _not_negative(result=True),
    "ntk_change": _not_negative(result=True),
    "wall_s": _not_negative(result=True),
}
# Also read where a file has them: they say whether the runs of a seed share data and weights, the
# second in what version 0.1 exported.
SHARED_SEEDS, KERNEL = "shared_seeds", "kernel"


def parse(name: str, cell: Cell) -> str | int | float:
    """Return the value in a cell of column ``name``.

    Raises:
        ValueError: if it is not allowed; the message says what it is.
    """
    column = COLUMNS[name]
    value = _name_in(cell) if column.kind == "name" else _number_in(cell, column.kind)
    if not column.holds(value):
        raise ValueError(f"{shown(cell)} is out of range")
    return value


def shown(cell: Cell) -> str:
    """Return a cell for a message: short, and without control characters."""
    text = repr(cell)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _name_in(cell: Cell) -> str:
    if not isinstance(cell, str):
        raise ValueError(f"{shown(cell)} is not a name")
    return cell


def _number_in(cell: Cell, kind: str) -> int | float:
    if isinstance(cell, bool) or (isinstance(cell, str) and not _NUMBER.fullmatch(cell)):
        raise ValueError(f"{shown(cell)} is not a number")
    assert cell is not None
    if kind == "integer" and isinstance(cell, str) and cell.lstrip("+-").isdigit():
        # Never through a float, which has no place for 2^53 + 1.
        return int(cell[:40])
    try:
        value = float(cell)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueError(f"{shown(cell)} is not finite")
    if kind == "number":
        return value
    if isinstance(cell, int):
        return cell
    if value != round(value):
        raise ValueError(f"{shown(cell)} is not an integer")
    return round(value)


@dataclass(frozen=True)
class Mapping:
    """How a file's columns become columns of the store.

    Attributes:
        columns: name of a column in the store, by its name in the file.
        constants: values, as text, of columns that the file lacks.
    """

    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise InputError for unknown names, or names given twice."""
        for name in (*self.columns.values(), *self.constants):
            if name not in COLUMNS:
                raise InputError(
                    f"{name!r} is not a column that is imported: {choose(name, COLUMNS)}"
                )
        wanted = [*self.columns.values(), *self.constants]
        twice = next((name for name in wanted if wanted.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{twice} is given twice: name one column or one constant for it")

    def places(self, table: Table) -> dict[str, int]:
        """Return the place of each column of the store in the rows of a file.

        Raises:
            InputError: if a column to be renamed is missing, or a file has a column twice.
        """
        for theirs in self.columns:
            if theirs not in table.names:
                raise InputError(
                    f"{table.path} has no column {theirs!r}: {near_match(theirs, table.names)}"
                    f"it has {_listed(table.names)}"
                )
        found: dict[str, int] = {}
        for place, theirs in enumerate(table.names):
            name = self.columns.get(theirs, theirs)
            # A column that another one replaces, or that is unknown, is ignored.
            if name not in COLUMNS and name not in (SHARED_SEEDS, KERNEL):
                continue
            if name in self.columns.values() and theirs not in self.columns:
                continue
            if name in self.constants:
                raise InputError(
                    f"{table.path} has a column for {name} already: leave out --set {name}="
                )
            found[name] = place
        return found

    def ignored(self, table: Table) -> list[str]:
        """Return the columns of a file that are neither imported nor replaced."""
        return [
            name for name in table.names if name not in self.columns and name not in SCHEMA.names
        ]


def _listed(names: Iterable[str]) -> str:
    some = [name[:40] for name in names]
    return ", ".join(some[:30]) + (", ..." if len(some) > 30 else "")
