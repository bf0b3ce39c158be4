"""Tables of the net planes, for people."""

from collections.abc import Sequence

from nets.phase.entries import NetOnsets, Regime
from perceptron_sim.phase.plane import Table

NET = (("L", "{depth}"), ("h", "{width}"), ("P", "{P}"), ("B", "{B}"))


def exponent_table(regimes: Sequence[Regime]) -> Table:
    """Return T_opt ~ alpha^k and T_max ~ alpha^k of each net."""
    parts = [
        Table.of(
            "T_opt and T_max ~ alpha^k below the lazy regime",
            regimes,
            (
                *(*NET, ("of", symbol), ("measured k", f"{{k_of_{symbol}:.3g}}")),
                ("window", f"{{k_of_{symbol}.systematic:.2g}}"),
                ("(D-1)/(D+1)", "{k_predicted:.3f}"),
                ("agree", f"{{k_of_{symbol}.agrees}}"),
                ("rows", f"{{k_of_{symbol}.n_points}}"),
                ("range", f"{{k_of_{symbol}.window}}"),
            ),
            "T_max: above it fewer than half of the seeds fit; T_opt: of seeds that fit, where "
            "half do. Intervals: 95 %, from the scatter of rows about the power law; window: shift "
            "without a third of the rows.",
        )
        for symbol in ("T_opt", "T_max")
    ]
    return Table.joined(parts)


def boundary_table(regimes: Sequence[Regime], level: float) -> Table:
    """Return the ends of the lazy regime, ||w - w_0|| = ``level`` ||w_0||, of each net."""
    parts = [
        Table.of(
            f"end of the lazy regime: ||w-w0|| / ||w0|| = {level:g}",
            regimes,
            (
                *(
                    *NET,
                    ("end", end.replace("_", " ")),
                    ("measured", f"{{lazy_boundary.{end}:.3g}}"),
                ),
                ("linearised net", f"{{lazy_boundary.{end.split('_')[0]}_predicted:.3g}}"),
                ("window", f"{{lazy_boundary.{end}.window}}"),
            ),
        )
        for end in ("T_at_large_alpha", "alpha_at_small_T")
    ]
    return Table.joined(parts)


def opposition_table(regimes: Sequence[Regime]) -> Table:
    """Return what two ways out of the lazy regime do to the test error."""
    parts = [
        Table.of(
            "leaving the lazy regime: slope of ln(test error)",
            regimes if way == "opposition" else [r for r in regimes if r.opposition_of_average],
            (
                *(*NET, ("error of", of), ("raising T: on ln T", f"{{{way}.raise_T:.3g}}")),
                ("lowering alpha: on ln(1/alpha)", f"{{{way}.lower_alpha:.3g}}"),
                ("verdict", f"{{{way}.verdict}}"),
            ),
            "below 0: the error falls. average: of the output averaged over seeds, for infinitely "
            "many (jackknife). Windows stand in summary.json.",
        )
        for way, of in (("opposition", "single nets"), ("opposition_of_average", "average"))
    ]
    return Table.joined(parts)


def onset_table(nets: Sequence[NetOnsets]) -> Table:
    """Return T_c ~ P^-a of each net, observable and level."""
    parts = [
        Table.of(
            "T_c ~ P^-a",
            net.onsets,
            (
                *(("L", f"{net.depth}"), ("h", f"{net.width}"), ("B", f"{net.B}"), ("by", "{by}")),
                *(("of", "{quantity}"), ("level", "{level:g}"), ("measured a", "{a:.3g}")),
                *(("gamma/delta", "{gamma_over_delta:.3g}"), ("agree", "{agrees}")),
                ("window", "{window}"),
            ),
            "by: trained (net) or linearised (lazy) nets. dw_rel: T at which ||w-w0|| / ||w0|| "
            "passes the level. t_star, test_error: departure of trained from linearised nets, a "
            "factor e^0.2. Intervals: 95 %, jackknife over seeds.",
        )
        for net in nets
    ]
    return Table.joined(parts)
