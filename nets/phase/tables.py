"""Tables of the net planes, for people."""

from typing import Any

from perceptron_sim.analysis.exponents import AGREES
from perceptron_sim.phase.plane import Table


def interval(found: dict[str, Any] | None, name: str = "value", digits: int = 3) -> str:
    """Return a number with its interval, or a dash."""
    if found is None:
        return "-"
    return f"{found[name]:.{digits}g} [{found['ci_low']:.{digits}g}, {found['ci_high']:.{digits}g}]"


def _net(row: dict[str, Any]) -> list[str]:
    return [f"{row[n]:g}" for n in ("depth", "width", "P", "B")]


_NET = ("L", "h", "P", "B")


def exponent_table(regimes: list[dict[str, Any]]) -> Table:
    """Return T_opt ~ alpha^k and T_max ~ alpha^k of each net."""
    rows = []
    for row in regimes:
        for symbol in ("T_opt", "T_max"):
            found = row[f"k_of_{symbol}"]
            rows.append(
                [
                    *_net(row),
                    symbol,
                    interval(found, "measured"),
                    f"{found['systematic']:.2g}" if found and found["systematic"] else "-",
                    f"{row['k_predicted']:.3f}",
                    AGREES[None if found is None else found["agrees"]],
                    "-" if found is None else f"{found['window']}, {found['n_points']} rows",
                ]
            )
    return Table(
        "T_opt and T_max ~ alpha^k below the lazy regime",
        (*_NET, "of", "measured k", "window", "(L-1)/(L+1)", "agree", "rows"),
        rows,
        "T_max: above it fewer than half of the seeds fit; T_opt: of seeds that fit, where half "
        "do. Intervals: 95 %, from the scatter of rows about the power law; window: shift without "
        "a third of the rows.",
    )


def boundary_table(regimes: list[dict[str, Any]], level: float) -> Table:
    """Return the ends of the lazy regime, ||w - w_0|| = ``level`` ||w_0||, of each net."""
    rows = []
    for row in regimes:
        at = row["lazy_boundary"]
        for symbol, name in (("T", "T_at_large_alpha"), ("alpha", "alpha_at_small_T")):
            expected = at[f"{symbol}_predicted"]
            found = at[name]
            rows.append(
                [
                    *_net(row),
                    name.replace("_", " "),
                    interval(found),
                    "-" if expected is None else f"{expected:.3g}",
                    "-" if found is None else found["window"],
                ]
            )
    return Table(
        f"end of the lazy regime: ||w-w0|| / ||w0|| = {level:g}",
        (*_NET, "end", "measured", "linearised net", "window"),
        rows,
    )


def opposition_table(regimes: list[dict[str, Any]]) -> Table:
    """Return what two ways out of the lazy regime do to the test error."""
    rows = []
    for row in regimes:
        found = row["opposition"]
        rows.append(
            [
                *_net(row),
                interval(found and found["raise_T"], "measured"),
                interval(found and found["lower_alpha"], "measured"),
                "-" if found is None else found["verdict"],
            ]
        )
    return Table(
        "leaving the lazy regime: slope of ln(test error)",
        (*_NET, "raising T: on ln T", "lowering alpha: on ln(1/alpha)", "verdict"),
        rows,
        "below 0: the error falls. Windows stand in summary.json.",
    )


def onset_table(nets: list[dict[str, Any]]) -> Table:
    """Return T_c ~ P^-a of each net, observable and level."""
    rows = []
    for net in nets:
        for row in net["onsets"]:
            name = f"dw_rel = {row['level']:g}" if row["quantity"] == "dw_rel" else row["quantity"]
            ends = [row["T_c"][i]["value"] for i in (0, -1)]
            rows.append(
                [
                    *(f"{net[n]:g}" for n in ("depth", "width", "B")),
                    {"net": "trained", "lazy": "linearised"}[row["by"]],
                    name,
                    f"{ends[0]:.3g} .. {ends[1]:.3g}",
                    interval(row["a"], "measured"),
                    interval(row["gamma_over_delta"], "measured"),
                    AGREES[row["agrees"]],
                    row["window"],
                ]
            )
    return Table(
        "T_c ~ P^-a",
        ("L", "h", "B", "by", "of", "T_c", "measured a", "gamma/delta", "agree", "window"),
        rows,
        "dw_rel: T at which ||w-w0|| / ||w0|| passes the level. t_star, test_error: departure of "
        "trained from linearised nets, a factor e^0.2. Intervals: 95 %, jackknife over seeds.",
    )
