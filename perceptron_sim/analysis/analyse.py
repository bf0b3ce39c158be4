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
)
from perceptron_sim.analysis.limits import Limit, limits_of
from perceptron_sim.store.schema import PERCEPTRON, versions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Names of figures, by the model that they are of.
_FIGURES = {PERCEPTRON: "scan", "net": "nets"}
_COLLAPSES = {"P/d": "collapse_on_P", "kappa/T": "collapse_on_kappa"}


@dataclass(frozen=True, eq=False)
class Analysis:
    """What the runs of a frame say.

    Attributes:
        frame: the runs, rows as in ``store.schema.SCHEMA``.
        rows: measured exponents beside their predictions.
        left_out: grid points that no fit takes, because some run there was not fitted.
        collapses: of perceptrons of several d.
        limits: exponents of perceptrons extrapolated to P -> infinity.
        copies: runs that are the trajectory of another run in other units, and enter no fit.
    """

    frame: pd.DataFrame
    rows: list[ExponentRow]
    left_out: int
    collapses: list[Collapse]
    limits: list[Limit]
    copies: int

    def summary(self, command: str, packages: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
        """Return the content of summary.json.

        It holds nothing of when or how fast the runs were done, so an interrupted and resumed scan
        ends with the same summary as an undisturbed one.

        Args:
            command: what made the runs.
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
            "collapses": [asdict(collapse) for collapse in self.collapses],
            **more,
            "versions": versions(packages),
        }

    def figures(self, lazy: pd.DataFrame | None = None) -> "dict[str, Figure]":
        """Return the figures by the names of their files, those of each model apart.

        Args:
            lazy: the runs of the same nets linearised, to be drawn as lines.
        """
        from perceptron_sim.analysis.figures.collapse import figure_collapse
        from perceptron_sim.analysis.figures.nets import figure_scan
        from perceptron_sim.analysis.figures.scan import figure_on_P, figure_on_T

        drawn: dict[str, Figure] = {}
        for model, runs in self.frame.groupby("model", sort=True):
            rows = [row for row in self.rows if row.model == model]
            name = _FIGURES.get(str(model), str(model).replace(" ", "-"))
            if model == PERCEPTRON:
                drawn[f"{name}_on_P"] = figure_on_P(runs, rows)
                drawn[f"{name}_on_T"] = figure_on_T(runs, rows)
                for abscissa, file in _COLLAPSES.items():
                    if any(collapse.abscissa == abscissa for collapse in self.collapses):
                        drawn[file] = figure_collapse(runs, self.collapses, abscissa)
            else:
                drawn[f"{name}_on_T"] = figure_scan(runs, rows, "T", lazy)
                drawn[f"{name}_on_P"] = figure_scan(runs, rows, "P", lazy)
        return drawn


def analyse(frame: pd.DataFrame) -> Analysis:
    """Fit what the runs in ``frame`` determine: of perceptrons, nets or imported runs.

    Args:
        frame: rows as in ``store.schema.SCHEMA``; runs of several models are fitted apart.
    """
    perceptrons = frame[frame["model"] == PERCEPTRON]
    return Analysis(
        frame=frame,
        rows=[row for _, runs in frame.groupby("model", sort=True) for row in exponent_rows(runs)],
        left_out=points_left_out(frame),
        collapses=collapses(perceptrons) if len(perceptrons) else [],
        limits=limits_of(perceptrons) if len(perceptrons) else [],
        copies=len(frame) - len(distinct(frame)),
    )


def counts(runs: pd.DataFrame) -> dict[str, int]:
    """Return how many runs, or cells of a plane, ended in each way."""
    return {str(k): int(v) for k, v in runs["status"].value_counts().sort_index().items()}
