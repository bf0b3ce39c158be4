"""``perceptron-sim theory``: what is predicted."""

from dataclasses import asdict

import click

from cli.options import FloatGrid, json_option


@click.command()
@click.option(
    "--chi", type=FloatGrid(), default="0,1,3", show_default=True, help="Density exponents, > -1."
)
@json_option
def command(chi: tuple[float, ...], as_json: bool) -> int:
    """Print exponents and large-lambda prefactors for boundary density |x_1|^chi.

    lambda = w_1/|w_perp|. With n the unfitted fraction: n ~ C_n lambda^-(1+chi);
    g_1 ~ C_1 lambda^-(2+chi); |w_perp| -> r* T sqrt(d); t ~ t_c lambda^(3+chi) T d.
    """
    from cli.output import number, print_json, print_table
    from perceptron_sim.theory import constants, exponents, mean_abs_x1

    entries = [
        {**asdict(exponents(value)), **asdict(constants(value)), "mean_abs_x1": mean_abs_x1(value)}
        for value in chi
    ]
    if as_json:
        print_json(entries)
        return 0
    names = {
        "chi": "chi",
        "delta": "delta",
        "gamma": "gamma",
        "b": "b",
        "t_star_on_T": "t* on T",
        "C_n": "C_n",
        "C_1": "C_1",
        "r_star": "r*",
        "t_prefactor": "t_c",
        "mean_abs_x1": "E|x_1|",
    }
    print_table(
        "||w|| ~ T^delta P^gamma,  t* ~ T P^b  for P/d -> inf, T/kappa -> inf",
        list(names.values()),
        [[number(entry[name], 5) for name in names] for entry in entries],
    )
    click.echo("b = 1 + 2 gamma whatever chi is; formulas and their sources: docs/theory.md")
    return 0
