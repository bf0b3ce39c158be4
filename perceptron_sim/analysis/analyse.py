"""What many runs say: one way from stored runs to exponents, figures and summary.json."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from perceptron_sim.analysis.collapse import Collapse, collapses
from perceptron_sim.analysis.exponents import (
    ExponentRow,
    distinct,
    exponent_rows,
    points_left_out,
    size_of,
)
from perceptron_sim.analysis.limits import Limit, limits_of
from perceptron_sim.analysis.local import Local, local_exponents
from perceptron_sim.errors import InputError
from perceptron_sim.status import Status
from perceptron_sim.store.schema import PERCEPTRON, versions

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from perceptron_sim.drawing.panels import Chart

# Names of figures, by model.
_FIGURES = {PERCEPTRON: "scan", "net": "nets"}
_COLLAPSES = {"P/d": "collapse_on_P", "kappa/T": "collapse_on_kappa"}


@dataclass(frozen=True, eq=False)
class Analysis:
    """All results of the fits to a table of runs.

    Attributes:
        frame: the runs, one row per run with the columns of ``store.schema.SCHEMA``.
        rows: measured exponents next to their predictions.
        left_out: number of grid points in no fit, because some run there was not fitted.
        collapses: data collapses of perceptrons of several d.
        limits: exponents of perceptrons extrapolated to P -> infinity.
        local: exponents of perceptrons between neighbouring P.
        copies: number of runs that repeat another run in other units, and enter no fit.
    """

    frame: pd.DataFrame
    rows: list[ExponentRow]
    left_out: int
    collapses: list[Collapse]
    limits: list[Limit]
    local: list[Local]
    copies: int

    def summary(self, command: str, packages: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
        """Return the content of summary.json.

        It holds no dates or durations. So a resumed scan ends with the same summary as an
        undisturbed one.

        Args:
            command: command line that made the runs.
            packages: whose versions can influence a number, beyond the common ones.
            more: further entries.
        """
        return {
            "command": command,
            "runs": len(self.frame),
            "status": counts(self.frame),
            "points_left_out": self.left_out,
            "copies": self.copies,
            "exponents": [row.to_json() for row in self.rows],
            "limits": [limit.to_json() for limit in self.limits],
            "local_exponents": [asdict(row) for row in self.local],
            "collapses": [asdict(collapse) for collapse in self.collapses],
            **more,
            "versions": versions(packages),
        }

    def plot(
        self,
        ax: "Axes | None" = None,
        y: str = "w_norm",
        on: str = "P",
        chi: float | None = None,
        model: str | None = None,
    ) -> "Axes":
        """Draw one panel of the figures, means over seeds with intervals and theory; return axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
            y: "w_norm" (for nets ||w - w_0|| / ||w_0||) or "t_star".
            on: the abscissa, "P" or "T".
            chi: density exponent of perceptrons; None for the smallest.
            model: "perceptron", "net", ...; None for the first in alphabetical order.

        Raises:
            InputError: if there is no such fitted run, or for another ``y`` or ``on``.
        """
        from perceptron_sim.analysis.figures.scan import panel, panel_of_nets
        from perceptron_sim.drawing.mpl import plot

        for name, value, known in (("y", y, ("w_norm", "t_star")), ("on", on, ("P", "T"))):
            if value not in known:
                raise InputError(f"{name} = {value!r} is unknown: choose {' or '.join(known)}")
        fitted = self.frame[self.frame["status"] == Status.FITTED]
        model = str(fitted["model"].min()) if model is None else model
        runs = fitted[fitted["model"] == model]
        chi = runs["chi"].min() if chi is None and model == PERCEPTRON else chi
        runs = runs if chi is None else runs[runs["chi"] == chi]
        if not len(runs):
            raise InputError(f"no fitted run of model {model!r}, chi = {chi}: nothing to draw")
        rows = [row for row in self.rows if row.model == model]
        if model == PERCEPTRON:
            return plot(panel(runs, rows, y, on, float(runs["chi"].iloc[0])), ax)
        return plot(panel_of_nets(runs, rows, size_of(runs) if y == "w_norm" else y, on), ax)

    def figures(self, lazy: pd.DataFrame | None = None) -> "dict[str, Chart]":
        """Return the figures by the names of their files, separately for each model.

        Args:
            lazy: runs of the same nets linearised, which are drawn as lines.
        """
        from perceptron_sim.analysis.figures.collapse import figure_collapse
        from perceptron_sim.analysis.figures.local import figure_local
        from perceptron_sim.analysis.figures.scan import figure_on_P, figure_on_T, figure_scan

        drawn: dict[str, Chart] = {}
        kinds = dict(self.frame.groupby("model")["shared_seeds"].nunique())
        for (model, shared), runs in self.frame.groupby(["model", "shared_seeds"], sort=True):
            rows = [row for row in self.rows if (row.model, row.shared_seeds) == (model, shared)]
            name = _FIGURES.get(str(model), str(model).replace(" ", "-"))
            # Runs of earlier versions next to runs that share seeds.
            name += "-independent" if kinds[model] > 1 and not shared else ""
            if model == PERCEPTRON:
                drawn[f"{name}_on_P"] = figure_on_P(runs, rows)
                drawn[f"{name}_on_T"] = figure_on_T(runs, rows)
                if self.local:
                    drawn[f"{name}_local"] = figure_local(self.local)
                for abscissa, file in _COLLAPSES.items():
                    if any(collapse.abscissa == abscissa for collapse in self.collapses):
                        drawn[file] = figure_collapse(runs, self.collapses, abscissa)
            else:
                drawn[f"{name}_on_T"] = figure_scan(runs, rows, "T", lazy)
                drawn[f"{name}_on_P"] = figure_scan(runs, rows, "P", lazy)
        return drawn


def analyse(frame: pd.DataFrame) -> Analysis:
    """Fit all exponents, limits and collapses that the runs in ``frame`` determine.

    Args:
        frame: one row per run with the columns of ``store.schema.SCHEMA``: perceptrons, nets or
            imported runs. Each model is fitted separately.

    >>> from perceptron_sim import MemoryStore, PerceptronGrid, analyse, scan
    >>> store = MemoryStore()
    >>> report = scan(PerceptronGrid(chi=1, d=4, P=(32, 64), T=(1, 2), seeds=2), store)
    >>> [row.quantity for row in analyse(store.frame()).rows]
    ['delta', 't_star_on_T', 'gamma', 'b', 'b - 1 - 2 gamma']
    """
    perceptrons = frame[frame["model"] == PERCEPTRON]
    return Analysis(
        frame=frame,
        rows=[row for _, runs in frame.groupby("model", sort=True) for row in exponent_rows(runs)],
        left_out=points_left_out(frame),
        collapses=collapses(perceptrons) if len(perceptrons) else [],
        limits=limits_of(perceptrons) if len(perceptrons) else [],
        local=local_exponents(perceptrons) if len(perceptrons) else [],
        copies=len(frame) - len(distinct(frame)),
    )


def counts(runs: pd.DataFrame) -> dict[str, int]:
    """Return how many runs, or cells of a plane, ended in each way."""
    return {str(k): int(v) for k, v in runs["status"].value_counts().sort_index().items()}
