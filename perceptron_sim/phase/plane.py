"""What a plane of a phase diagram is: maps of cells to be filled, and a conclusion.

The driver (``explore``), the store and the command line know planes by these types alone: a
plane of another model, such as trained nets, is one module and one line of the registry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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


@dataclass(frozen=True)
class Map:
    """A lattice of cells, alike but for x and y.

    Attributes:
        shared: the parameters that all cells have in common, for titles and tables.
        x, y: the axes.
        job: (x, y, seed) to the run there and how it is done, or None where there is no such cell.
        adaptive: whether it may be refined from a coarse lattice.
    """

    shared: Mapping[str, Any]
    x: Axis
    y: Axis
    job: Callable[[float, float, int], Job[Any] | None]
    adaptive: bool = True


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


@dataclass(frozen=True, eq=False)
class Conclusion:
    """What the runs of a plane say.

    Attributes:
        summary: fits, intervals, windows, verdicts; for summary.json.
        tables: the same for people.
        frames: further tables of numbers behind the figures, by file name.
        figures: name to the function that charts it.
    """

    summary: dict[str, Any]
    tables: list[Table]
    frames: "dict[str, pd.DataFrame]"
    figures: "dict[str, Callable[[], Chart]]"

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
    """

    defaults: dict[str, Any]
    observables: tuple[str, ...]
    maps: Callable[[dict[str, Any]], list[Map]]
    conclude: Callable[[dict[str, Any], pd.DataFrame, pd.DataFrame, str], Conclusion]
    adaptive: bool = True
