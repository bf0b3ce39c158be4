"""The table of exponents that ``nets scan`` and ``nets lazy`` end with."""

from typing import Any

import click

_NAMES = {
    "delta": "delta: ||dw||/||w0|| on T",
    "t_star_on_T": "t* on T",
    "gamma": "gamma: ||dw||/||w0|| on P",
    "b": "b: t* on P",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
    "chi_eff": "chi_eff = 1/gamma - 1",
}


def print_exponents(rows: list[Any], left_out: int) -> None:
    """Print the rows of ``nets.exponents``, their windows, and what was left out."""
    from cli.output import number, print_table
    from cli.reports import INTERVALS, NOTHING_TO_FIT, say_left_out

    if not rows:
        click.echo(NOTHING_TO_FIT)
        return
    named = ("data", "arch", "chi", "d", "depth", "width", "act", "B")
    extra = [name for name in named if len({getattr(row, name) for row in rows}) > 1]
    print_table(
        "||w - w0||/||w0|| ~ T^delta P^gamma,  t* ~ T P^b",
        ["exponent", *extra, "measured", "95 % interval", "syst.", "paper", "chi2/dof", "seeds"],
        [
            [
                _NAMES[row.quantity],
                *(str(getattr(row, name)) for name in extra),
                f"{row.measured:.3f}",
                f"[{number(row.ci_low, 3)}, {number(row.ci_high, 3)}]",
                number(row.systematic, 2),
                number(row.expected, 2),
                number(row.chi2_per_dof, 2),
                str(row.n_seeds),
            ]
            for row in rows
        ],
    )
    for window in sorted({row.window for row in rows}):
        click.echo(f"window: {window}")
    click.echo(INTERVALS)
    say_left_out(left_out)
