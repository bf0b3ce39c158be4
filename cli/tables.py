"""The tables that scans end with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.analysis.exponents import ExponentRow
    from perceptron_sim.analysis.limits import Limit

_NAMES = {
    "delta": "delta: {} on T",
    "t_star_on_T": "t* on T",
    "gamma": "gamma: {} on P",
    "b": "b: t* on P",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
    "chi_eff": "chi_eff = 1/gamma - 1",
}
# What runs may share, in the order of the columns.
_SHARED = ("data", "arch", "chi", "d", "depth", "width", "act", "B")
_LEGEND = {
    "P/d -> inf": "P/d -> inf: asymptotic prediction, which exponents measured at finite P/d "
    "approach slowly.",
    "finite P/d": "finite P/d: the same fit to the means that theory predicts at the same points, "
    "+- one standard error; agree: at 95 %, both errors together; -: outside what is predicted "
    "(docs/theory.md).",
}


def print_exponents(rows: "Sequence[ExponentRow]", left_out: int, copies: int = 0) -> None:
    """Print rows of exponents, a table a model, with their windows, and what was left out."""
    from cli.reports import NOTHING_TO_FIT, say_left_out

    if not rows:
        click.echo(NOTHING_TO_FIT)
    for model in dict.fromkeys(row.model for row in rows):
        _print_model(model, [row for row in rows if row.model == model])
    say_left_out(left_out)
    if copies:
        click.echo(
            f"{counted(copies, 'run')} left out of the fits: the trajectory of another run in "
            "other units (same seed, same kappa/T), which counts once."
        )


def print_limits(found: "Sequence[Limit]") -> None:
    """Print exponents extrapolated to P -> infinity, and from two d on to d -> infinity."""
    from cli.output import number, print_table

    if not found:
        return
    rows = [
        [
            row.quantity,
            f"{row.chi:g}",
            "-> inf" if row.d is None else str(row.d),
            f"{row.measured:.3f}",
            f"[{_end(row.ci_low)}, {_end(row.ci_high)}]",
            number(row.systematic, 2),
            _end(row.predicted),
        ]
        for row in found
    ]
    print_table(
        "limits P -> infinity: exponents fitted with a correction P^(-1/(1+chi))",
        ["exponent", "chi", "d", "limit", "95 % interval", "syst.", "theory"],
        rows,
    )
    click.echo(
        "theory: at fixed d equation (26) of docs/theory.md; for d -> inf the paper's exponents. "
        "syst.: largest shift with a steeper correction or without the lower third of P."
    )


def _print_model(model: str, rows: "Sequence[ExponentRow]") -> None:
    from cli.output import number, print_table
    from cli.reports import INTERVALS
    from perceptron_sim.analysis.exponents import AGREES
    from perceptron_sim.store.schema import PERCEPTRON

    perceptron = model == PERCEPTRON
    size = "||w||" if perceptron else "||dw||/||w0||"
    windows = sorted({row.window for row in rows})
    mark = {window: chr(ord("a") + i) if i < 26 else str(i) for i, window in enumerate(windows)}
    columns: dict[str, list[str]] = {
        "exponent": [_NAMES[row.quantity].format(size) for row in rows]
    }
    for name in _SHARED:
        values = [getattr(row, name) for row in rows]
        if len(set(values)) > 1 or (perceptron and name == "chi"):
            columns[name] = [number(v) if isinstance(v, float) else str(v) for v in values]
    columns["measured"] = [f"{row.measured:.3f}" for row in rows]
    columns["95 % interval"] = [f"[{_end(row.ci_low)}, {_end(row.ci_high)}]" for row in rows]
    columns["syst."] = [number(row.systematic, 2) for row in rows]
    if perceptron:
        columns["P/d -> inf"] = [_end(row.asymptotic) for row in rows]
        columns["finite P/d"] = [_finite_size(row) for row in rows]
        columns["agree"] = [AGREES[row.agrees] for row in rows]
    else:
        columns["paper"] = [number(row.asymptotic, 2) for row in rows]
        columns["chi2/dof"] = [number(row.chi2_per_dof, 2) for row in rows]
    columns["seeds"] = [str(row.n_seeds) for row in rows]
    columns["window"] = [mark[row.window] for row in rows]
    laws = "||w|| ~ T^delta P^gamma" if perceptron else "||w - w0||/||w0|| ~ T^delta P^gamma"
    print_table(
        f"{laws},  t* ~ T P^b",
        list(columns),
        [list(cells) for cells in zip(*columns.values(), strict=True)],
    )
    for window in windows:
        click.echo(f"window {mark[window]}: {window}")
    click.echo("\n".join([INTERVALS, *(text for name, text in _LEGEND.items() if name in columns)]))


def _end(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def print_collapses(found: list[Any]) -> None:
    """Print how well series of different d collapse."""
    from cli.output import print_table

    if found:
        print_table(
            "collapse of ||w||/(T sqrt d) and t*/(T d) over d: S = 1 within errors",
            ["observable", "chi", "against", "S", "spread in ln", "points"],
            [
                [
                    {"w_norm": "||w||", "t_star": "t*"}[c.observable],
                    f"{c.chi:g}",
                    c.abscissa,
                    f"{c.quality:.2f} +- {c.error:.2f}",
                    f"{c.rms:.3f}",
                    str(c.n_points),
                ]
                for c in found
            ],
        )


def _finite_size(row: Any) -> str:
    if row.finite_size is None:
        return "-"
    error = f" +- {row.finite_size_error:.3f}" if row.finite_size_error else ""
    return f"{row.finite_size:.3f}{error}"
