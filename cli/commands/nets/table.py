"""What ``nets scan`` and ``nets lazy`` print beside their exponents."""

from typing import Any

import click


def print_parting(rows: list[Any]) -> None:
    """Print the rows of ``nets.parting``: at which T nets leave their linearisation."""
    from cli.output import number, print_table

    def shown(T: float | None) -> str:
        if T is None:
            return "beyond"
        return "below" if T == 0.0 else f"{T:.3g}"

    named = ("data", "arch", "chi", "d", "depth", "width", "act", "B", "kappa")
    extra = [name for name in named if len({getattr(row, name) for row in rows}) > 1]
    print_table(
        "T at which ||dw|| is 20 % off that of the net linearised at w0",
        ["P", *extra, "T", "95 % interval", "linearised ||dw||/||w0|| there", "seeds"],
        [
            [
                str(row.P),
                *(str(getattr(row, name)) for name in extra),
                shown(row.T),
                f"[{shown(row.ci_low)}, {shown(row.ci_high)}]",
                number(row.dw_rel, 3),
                str(row.n_seeds),
            ]
            for row in rows
        ],
    )
    for window in sorted({row.window for row in rows}):
        click.echo(f"T scanned: {window}; beyond and below: no such T among them")


def print_density(density: Any, rows: list[Any]) -> None:
    """Print chi_density beside what gamma and b say of chi, as lines."""
    from cli.output import number

    about = (
        f"margins of the first gradient step at P = {density.P}, {density.n_seeds} seeds: "
        f"error {density.error:.3g}, smear {density.smear:.2g} of their spread"
    )
    if density.measured is None:
        click.echo(f"chi_density: not determined, Gaussian within the errors ({about})")
    else:
        interval = f"[{number(density.ci_low, 3)}, {number(density.ci_high, 3)}]"
        click.echo(f"chi_density = {density.measured:.3f} {interval} ({about})")
    for row in rows:
        if row.quantity == "b":
            ends = ", ".join(number(0.5 * (end - 1.0), 3) for end in (row.ci_low, row.ci_high))
            click.echo(f"(b - 1)/2 = {0.5 * (row.measured - 1.0):.3f} [{ends}], gamma in the paper")
