"""What a plane of a phase diagram is: maps of cells to be filled, and a conclusion.

The driver (``explore``), the store and the command line know planes by these types alone: a
plane of another model, such as trained nets, is one module and one line of the registry.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from perceptron_sim.analysis.exponents import AGREES
from perceptron_sim.analysis.summary import Entry
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.scans.drive import Job

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from perceptron_sim.drawing.panels import Chart


@dataclass(frozen=True)
class Axis:
    """An axis of a map.

    Attributes:
        name: of the parameter, a column of the records.
        values: increasing, positive.
    """

    name: str
    values: tuple[float, ...]

    @property
    def logs(self) -> FloatArray:
        """ln of the values."""
        return np.log(np.asarray(self.values, dtype=np.float64))


def axis(name: str, values: Sequence[float]) -> Axis:
    """Return an axis with sorted values.

    Raises:
        InputError: if a value is not positive.
    """
    if not all(value > 0.0 for value in values):
        raise InputError(f"{name} = {min(values):g} on a logarithmic axis: allowed is {name} > 0")
    return Axis(name, tuple(sorted(float(value) for value in values)))


def combinations(options: Mapping[str, Any], names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield every combination of the values of some options."""
    for values in itertools.product(*(options[name] for name in names)):
        yield dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class Map:
    """A lattice of cells that differ only in x and y.

    Attributes:
        shared: the parameters that all cells have in common, for titles and tables.
        x, y: the axes.
        job: (x, y and ``seed`` by their names) to the run there and how it is done, or None where
            there is no such cell.
        adaptive: whether it may be refined from a coarse lattice.
    """

    shared: Mapping[str, Any]
    x: Axis
    y: Axis
    job: Callable[..., Job[Any] | None]
    adaptive: bool = True

    def jobs(self, x: float, y: float, seeds: int) -> list[Job[Any]]:
        """Return the runs of one cell, none where there is no such cell."""
        at = {self.x.name: x, self.y.name: y}
        return [job for seed in range(seeds) if (job := self.job(**at, seed=seed)) is not None]


class _Cells(Formatter):
    """Formats attributes of a row: None as a dash, whether something agrees as yes or NO."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        found = args[0]
        for name in field_name.split(".") if field_name != "0" else ():
            found = None if found is None else getattr(found, name)
        return found, field_name

    def format_field(self, value: Any, format_spec: str) -> Any:
        known = value is not None and not isinstance(value, bool)
        return format(value, format_spec) if known else AGREES[value]


@dataclass(frozen=True)
class Table:
    """Rows for people.

    Attributes:
        title: what it shows.
        columns: heads; the first is text.
        rows: cells.
        note: how to read it, or "".
    """

    title: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    note: str = ""

    @classmethod
    def of(
        cls, title: str, rows: Sequence[Any], columns: Sequence[tuple[str, str]], note: str = ""
    ) -> "Table":
        """Return a table of objects: a head, and a format of their attributes, for each column."""
        cells = [[_Cells().format(text, row) for _, text in columns] for row in rows]
        return cls(title, tuple(head for head, _ in columns), cells, note)

    @classmethod
    def joined(cls, parts: "Sequence[Table]") -> "Table":
        """Return the rows of several tables under the heads of the first."""
        return replace(parts[0], rows=[row for part in parts for row in part.rows])


@dataclass(frozen=True, eq=False)
class Conclusion:
    """What the runs of a plane say.

    Attributes:
        parts: fits, intervals, windows, verdicts; lists of entries by their names in summary.json.
        tables: the same for people.
        frames: further tables of numbers behind the figures, by file name.
        figures: name to the function that charts it.
        more: further content of summary.json.
    """

    parts: Mapping[str, Sequence[Entry]]
    tables: list[Table]
    frames: "dict[str, pd.DataFrame]"
    figures: "dict[str, Callable[[], Chart]]"
    more: Mapping[str, Any] = field(default_factory=dict)

    def plot(self, ax: "Axes | None" = None, figure: str | None = None, panel: int = 0) -> "Axes":
        """Draw one panel of a figure of the plane; return the axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
            figure: a name in ``figures``; None for the first.
            panel: its number, row by row.

        Raises:
            InputError: if there is no such figure or panel.
        """
        from perceptron_sim.drawing.mpl import plot

        name = next(iter(self.figures)) if figure is None else figure
        if name not in self.figures:
            raise InputError(f"no figure {name!r}: choose one of {', '.join(self.figures)}")
        panels = [each for row in self.figures[name]().panels for each in row]
        if not 0 <= panel < len(panels):
            raise InputError(f"panel = {panel} is out of range: allowed is 0..{len(panels) - 1}")
        return plot(panels[panel], ax)


@dataclass(frozen=True)
class Plane:
    """A plane of a phase diagram.

    Attributes:
        defaults: the options it takes, with what they are if not given.
        observables: columns of the records that can be mapped; the first is the default.
        maps: options to the maps to be filled; raises InputError on bad ones.
        conclude: (options, cells, runs, observable) to what they say; cells as in ``cells``.
        adaptive: whether its maps are refined from a coarse lattice unless asked otherwise.
        packages: what workers of a cluster must have.
    """

    defaults: dict[str, Any]
    observables: tuple[str, ...]
    maps: Callable[[dict[str, Any]], list[Map]]
    conclude: Callable[[dict[str, Any], pd.DataFrame, pd.DataFrame, str], Conclusion]
    adaptive: bool = True
    packages: tuple[str, ...] = ()
