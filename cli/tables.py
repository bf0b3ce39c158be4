"""The tables that scans of perceptrons end with."""

from typing import Any

import click

_NAMES = {
    "delta": "delta: ||w|| on T",
    "t_star_on_T": "t* on T",
    "gamma": "gamma: ||w|| on P",
    "b": "b: t* on P",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
}


def print_exponents(rows: list[Any], left_out: int) -> None:
    """Print the rows of ``exponent_table``, their windows, and what was left out."""
    from cli.output import number, print_table
    from cli.reports import INTERVALS, NOTHING_TO_FIT, say_left_out
    from perceptron_sim.analysis.exponents import AGREES

    if not rows:
        click.echo(NOTHING_TO_FIT)
    windows = sorted({row.window for row in rows})
    mark = {window: chr(ord("a") + i) if i < 26 else str(i) for i, window in enumerate(windows)}
    extra = [name for name in ("d", "B") if len({getattr(row, name) for row in rows}) > 1]
    cells = [
        [
            _NAMES[row.quantity],
            f"{row.chi:g}",
            *(str(getattr(row, name)) for name in extra),
            f"{row.measured:.3f}",
            f"[{row.ci_low:.3f}, {row.ci_high:.3f}]",
            number(row.systematic, 2),
            f"{row.asymptotic:.3f}",
            _finite_size(row),
            AGREES[row.agrees],
            str(row.n_seeds),
            mark[row.window],
        ]
        for row in rows
    ]
    if rows:
        print_table(
            "||w|| ~ T^delta P^gamma,  t* ~ T P^b",
            [
                "exponent",
                "chi",
                *extra,
                "measured",
                "95 % interval",
                "syst.",
                "P/d -> inf",
                "finite P/d",
                "agree",
                "seeds",
                "window",
            ],
            cells,
        )
        for window in windows:
            click.echo(f"window {mark[window]}: {window}")
        click.echo(
            f"{INTERVALS}\nP/d -> inf: asymptotic prediction, which exponents "
            "measured at finite P/d approach slowly.\nfinite P/d: the same fit to the means that "
            "theory predicts at the same points, +- one standard error; agree: at 95 %, both "
            "errors together; -: outside what is predicted (docs/theory.md)."
        )
    say_left_out(left_out)


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
