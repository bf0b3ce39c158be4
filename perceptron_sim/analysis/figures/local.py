"""Figure of local exponents against P/d, with both limits and the prediction at finite size."""

from collections.abc import Sequence

from perceptron_sim.analysis.local import Local
from perceptron_sim.drawing.panels import Chart, Panel, Series
from perceptron_sim.theory import exponents, exponents_at_dimension


def figure_local(found: Sequence[Local]) -> Chart:
    """Chart gamma_loc and b_loc against P/d, a column for each chi."""
    chis = sorted({row.chi for row in found})
    panels = [[local_panel(found, quantity, chi) for chi in chis] for quantity in ("gamma", "b")]
    title = ["perceptron, local exponents between neighbouring P where noise dominates"]
    return Chart(panels, title, share="x", width=3.6)


def local_panel(found: Sequence[Local], quantity: str, chi: float) -> Panel:
    """Return one panel: "gamma" or "b" at one chi, a colour for each d.

    A solid line is ``predict`` at the same P. A dashed line is the limit P -> infinity at that d,
    docs/theory.md (26). The paper's exponent, for d -> infinity after it, is one line for all d.
    """
    series: list[Series] = []
    own = [row for row in found if row.quantity == quantity and row.chi == chi]
    groups = list(dict.fromkeys((row.d, row.B) for row in own))
    for i, (d, B) in enumerate(groups):
        rows = [row for row in own if (row.d, row.B) == (d, B)]
        name = f"d = {d}" + (f", B = {B}" if len({b for _, b in groups}) > 1 else "")
        x = [row.P_over_d for row in rows]
        low, high = ([_number(end) for end in ends] for ends in _ends(rows))
        series.append(Series(name, x, [row.measured for row in rows], low, high, colour=i))
        trusted = [row for row in rows if row.predicted is not None]
        if trusted:
            y = [_number(row.predicted) for row in trusted]
            at = [row.P_over_d for row in trusted]
            series.append(Series("prediction, finite P/d", at, y, line=True, theory=True, colour=i))
        limit = getattr(exponents_at_dimension(chi, d), quantity)
        label = "P -> infinity at this d, (26)"
        series.append(Series(label, [x[0], x[-1]], [limit] * 2, line=True, dash="--", colour=i))
    reached = [row.P_over_d for row in own]
    value = getattr(exponents(chi), quantity)
    label = "asymptotic, d -> infinity"
    ends = [min(reached), max(reached)]
    series.append(Series(label, ends, [value] * 2, line=True, dash="-.", colour="0.35"))
    symbol = "local gamma" if quantity == "gamma" else "local b"
    return Panel(f"chi = {chi:g}", "P / d", symbol, series, log_y=False)


def _ends(rows: Sequence[Local]) -> tuple[list[float | None], list[float | None]]:
    return [row.ci_low for row in rows], [row.ci_high for row in rows]


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
