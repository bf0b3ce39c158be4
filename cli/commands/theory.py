"""``perceptron-sim theory``: what is predicted."""

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli.options import FloatGrid, IntegerGrid, json_option, out_option, point_options, values_of

DEFAULTS: dict[str, Any] = {
    "chi": (0.0, 1.0, 3.0),
    "d": (16,),
    "P": (512, 2048, 8192, 32768),
    "B": (2,),
    "T": (1.0,),
}
_LAMBDAS = (0.0, 1.0, 3.0, 10.0, 100.0, 1000.0)
# The run on the phase portrait takes the largest P that ends in about a second.
_STEPS_SHOWN = 1e7


@click.command()
@point_options(FloatGrid(), IntegerGrid())
@out_option("perceptron-sim-theory")
@json_option
def command(out: Path, as_json: bool, **options: Any) -> int:
    """Print exponents, closed forms, trajectories and the predicted end of training.

    lambda = w_1/|w_perp|. With n the unfitted fraction: n ~ C_n lambda^-(1+chi);
    g_1 ~ C_1 lambda^-(2+chi); |w_perp| -> r* T sqrt(d); t ~ t_c lambda^(3+chi) T d; test error
    at the end ~ C d/P for T << kappa. Tables of trajectories are for the first d, B, T, kappa;
    the figure shows the phase portrait (w_1, |w_perp|) with a simulated run for each chi.
    Defaults: chi 0,1,3; d 16; P 512..32768; B 2; T 1; kappa 2^-15.
    """
    from cli.output import print_json
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.figures.theory import figure_phase_portrait
    from perceptron_sim.places import make_folder
    from perceptron_sim.runs.simulate import simulate
    from perceptron_sim.scans.grid import PerceptronGrid

    configs = list(PerceptronGrid(**values_of(DEFAULTS, options)))
    make_folder(out, "--out")
    found = {
        "exponents": _exponents(configs),
        "closed_forms": _closed_forms(configs),
        "trajectories": _trajectories(configs),
        "finite_size": _finite_size(configs),
    }
    runs = [simulate(config, kernel="reference") for config in _shown(configs)]
    written = save(figure_phase_portrait(runs), out, "phase_portrait")
    if as_json:
        print_json(found)
    else:
        _print(found)
    click.echo(f"figure: {written[0]}", err=True)
    return 0


def _exponents(configs: list[Any]) -> list[dict[str, Any]]:
    from perceptron_sim import theory

    return [
        {
            **asdict(theory.exponents(chi)),
            "d": d,
            "gamma_at_d": theory.exponents_at_dimension(chi, d).gamma,
            "b_at_d": theory.exponents_at_dimension(chi, d).b,
            **asdict(theory.constants(chi)),
            "mean_abs_x1": theory.mean_abs_x1(chi),
            "minimal_error": theory.minimal_error(chi),
        }
        for chi, d in dict.fromkeys((c.chi, c.d) for c in configs)
    ]


def _closed_forms(configs: list[Any]) -> list[dict[str, Any]]:
    from perceptron_sim import theory

    return [
        {
            "chi": chi,
            "lam": lam,
            "n": float(theory.unfitted_fraction(lam, chi)),
            "g_1": float(theory.signal_drift(lam, chi)),
            "z_theta": float(theory.noise_drift(lam, chi)),
            "z2_theta": float(theory.noise_diffusion(lam, chi)),
        }
        for chi in dict.fromkeys(c.chi for c in configs)
        for lam in _LAMBDAS
    ]


def _trajectories(configs: list[Any]) -> list[dict[str, Any]]:
    import numpy as np

    from perceptron_sim.theory import order_parameter_flow

    entries = []
    for c in {c.chi: c for c in reversed(configs)}.values():
        t = c.eta * np.geomspace(1.0, 1e8, 9)
        flow = order_parameter_flow(t, chi=c.chi, d=c.d, T=c.T, kappa=c.kappa, B=c.B)
        shared = {"chi": c.chi, "d": c.d, "B": c.B, "T": c.T, "kappa": c.kappa}
        for i in range(len(t)):
            at = {name: float(values[i]) for name, values in asdict(flow).items()}
            entries.append(shared | at)
    return sorted(entries, key=lambda entry: (entry["chi"], entry["t"]))


def _finite_size(configs: list[Any]) -> list[dict[str, Any]]:
    from perceptron_sim.theory import predict
    from perceptron_sim.theory.minimal_signal import CAPACITY

    known = [c for c in configs if CAPACITY * (c.d - 1) < c.P]
    if not known:
        return []
    names = ("chi", "P", "d", "T", "kappa", "B")
    found = predict(**{name: [getattr(c, name) for c in known] for name in names}).to_frame()
    # Next to the capacity local exponents have no value.
    rows: Any = found.replace([math.inf, -math.inf], None).to_dict("records")
    return list(rows)


def _shown(configs: list[Any]) -> list[Any]:
    """Return for each chi the configuration of the largest P whose run is short."""
    from perceptron_sim.theory.minimal_signal import CAPACITY
    from perceptron_sim.theory.prediction import end_of_training

    shown: dict[float, Any] = {}
    for c in sorted(configs, key=lambda c: c.P):
        if CAPACITY * (c.d - 1) < c.P:
            end = end_of_training(c.chi, c.P, c.d, c.B, c.kappa / c.T)
            if end.t_star / c.B > _STEPS_SHOWN:
                continue
        shown[c.chi] = c
    return [shown.get(c.chi, c) for c in {c.chi: c for c in reversed(configs)}.values()][::-1]


# Titles, and columns as "key = heading", the key alone where they are the same.
_TABLES = {
    "exponents": (
        "||w|| ~ T^delta P^gamma,  t* ~ T P^b  for P/d -> inf, T/kappa -> inf",
        "chi; delta; gamma; b; t_star_on_T = t* on T; d; gamma_at_d = gamma, fixed d; "
        "b_at_d = b, fixed d; C_n; C_1; r_star = r*; t_prefactor = t_c; mean_abs_x1 = E|x_1|; "
        "minimal_error = C",
    ),
    "closed_forms": (
        "fresh samples at kappa = 0",
        "chi; lam = lambda; n; g_1; z_theta = E[z theta]; z2_theta = E[z^2 theta]",
    ),
    "trajectories": (
        "SGD on fresh samples from w = 0",
        "chi; t; w1 = w_1; w_perp = |w_perp|; lam = lambda; unfitted; test_error = test error",
    ),
    "finite_size": (
        "predicted end of training on P samples; local exponents",
        "chi; d; P; B; T; kappa; w1 = w_1; w_perp = |w_perp|; t_star = t*; "
        "test_error = test error; gamma_loc = gamma; b_loc = b; delta_loc = delta; "
        "doubt = not trusted because",
    ),
}


def _print(found: dict[str, list[dict[str, Any]]]) -> None:
    from cli.output import number, print_table

    for name, (title, text) in _TABLES.items():
        pairs = [column.partition(" = ") for column in text.split("; ")]
        columns = {key: heading or key for key, _, heading in pairs}
        cells = [
            [
                str(entry[key]) if isinstance(entry[key], str | int) else number(entry[key], 4)
                for key in columns
            ]
            for entry in found[name]
        ]
        if not any(row[-1] for row in cells):
            columns, cells = dict(list(columns.items())[:-1]), [row[:-1] for row in cells]
        if cells:
            print_table(title, list(columns.values()), cells)
    click.echo(
        "fixed d: the limit P -> inf at this d; b = 1 + 2 gamma for d -> inf whatever chi is. "
        "Formulas and their sources: docs/theory.md"
    )
