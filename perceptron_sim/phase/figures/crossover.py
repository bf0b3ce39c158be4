"""Figure of the crossover in T: ||w||/kappa against T/kappa, every kappa on one curve."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.drawing.panels import Chart, Panel, Series, geometric_means
from perceptron_sim.names import number_text
from perceptron_sim.phase.cells import FITTED
from perceptron_sim.phase.law import LawFit
from perceptron_sim.phase.perceptron import predicted

_SHOWN = 5
_SYMBOLS = {"w_norm": "||w||", "t_star": "t*"}


def figure_crossover(
    cells: pd.DataFrame, fits: Sequence[tuple[dict[str, Any], LawFit | None]]
) -> Chart:
    """Chart ||w||/kappa and t*/kappa against T/kappa, a column for each chi.

    Points: geometric means over seeds, all kappa, bars 95 %. Solid: fitted law
    kappa A (1 + T/T_c), its T_c a vertical tick. Dashed: the same as predicted.
    """
    kinds = sorted({(shared["d"], shared["P"]) for shared, _ in fits})
    fitted = cells[cells["status"] == FITTED]
    rows = []
    for name, symbol in _SYMBOLS.items():
        row = []
        for chi in sorted({shared["chi"] for shared, _ in fits}):
            shown = [(s, fit) for s, fit in fits if s["chi"] == chi][:_SHOWN]
            series = [
                each
                for shared, fit in shown
                for each in _series(
                    fitted, shared, fit, name, kinds.index((shared["d"], shared["P"]))
                )
            ]
            title = f"chi = {chi:g}" if name == "w_norm" else ""
            row.append(
                Panel(title, "temperature over margin T / kappa", f"{symbol} / kappa", series)
            )
        rows.append(row)
    said = ["solid: fitted A (1 + T/T_c), tick at T_c", "dashed: predicted"]
    return Chart(rows, [*said, "bars: 95 % intervals"], share="x", width=4.2)


def _series(
    cells: pd.DataFrame, shared: dict[str, Any], fit: LawFit | None, name: str, i: int
) -> Iterator[Series]:
    for parameter, value in shared.items():
        cells = cells[cells[parameter] == value]
    if len(cells) == 0:
        return
    tau = (cells["T"] / cells["kappa"]).to_numpy(dtype=np.float64)
    found = zip(cells[f"{name}_seeds"], cells["kappa"], strict=True)
    logs = [np.array(v) - math.log(k) for v, k in found]
    label = f"d = {shared['d']}, P = {number_text(float(shared['P']))}"
    yield geometric_means(label, tau, logs, colour=i)
    if name != "w_norm":
        return
    fine = np.geomspace(tau.min(), tau.max(), 100)
    style: dict[str, Any] = {"line": True, "colour": i}
    if fit is not None:
        law = np.exp(fit.log_law(fine, np.ones_like(fine)))
        yield Series("", fine, law, dash="-", width=1.0, **style)
        at, level = fit.tau_c.value, 2.0 * fit.plateau.value
        yield Series("", [at, at], [level / 1.6, level * 1.6], dash="-", width=2.5, **style)
    expected = predicted(shared["chi"], shared["P"], shared["d"])
    if expected is not None:
        law = expected.plateau * (1.0 + fine / expected.T_c_over_kappa)
        yield Series("", fine, law, dash="--", width=1.0, **style)
