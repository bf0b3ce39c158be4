"""``perceptron-sim scan``: the main job."""

import itertools
from typing import Any

import click

from cli.options import (
    FloatGrid,
    IntegerGrid,
    json_option,
    method_options,
    out_option,
    point_options,
    scan_options,
    seeds_option,
    values_of,
)

# Chosen so that the exponents of three chi come out in about a minute on two cores, the first
# compilation aside.
DEFAULTS: dict[str, Any] = {
    "chi": (0.0, 1.0, 3.0),
    "d": (16,),
    "B": (2,),
    "T": (0.25, 1.0, 4.0),
    "seeds": 6,
}
# P from which chi on: as far as it goes in a third of that time each, as hits grow as P^(2 gamma).
SIZES = {
    -1.0: (640, 1810, 5120, 14482, 40960),
    0.5: tuple(640 * 4**k for k in range(7)),
    2.0: tuple(640 * 8**k for k in range(7)),
}


def by_chi(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the axes of each grid: one for each chi where no P is given, else one."""
    from perceptron_sim.scans.grid import axis, parse_floats

    if "P" in values:
        return [values]
    found = []
    for chi in axis("chi", values["chi"], parse_floats):
        sizes = [sizes for least, sizes in SIZES.items() if least <= chi] or [SIZES[-1.0]]
        found.append(values | {"chi": (chi,), "P": sizes[-1]})
    return found


@click.command()
@point_options(FloatGrid(), IntegerGrid())
@seeds_option(DEFAULTS["seeds"])
@method_options
@scan_options
@out_option("perceptron-sim-scan")
@json_option
@click.pass_context
def command(
    ctx: click.Context, /, dynamics: str, kernel: str, checkpoints: bool, **options: Any
) -> int:
    """Train perceptrons over a grid until fitted; fit delta, gamma, b; draw the figures.

    Grids are lists (0,1,3), powers (2^-5) or geometric ranges (2^-13:2^2:16). Without options:
    chi 0,1,3; d 16; P from 640 to 40960, from chi = 0.5 on to 2.6 10^6 and from chi = 2 on to 1.7
    10^8; B 2; T 0.25,1,4; kappa 2^-15; 6 seeds. The same command again finds what is stored and
    does only the rest.
    """
    from cli.reports import exit_code
    from cli.scanning import Scanning
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.scans.drive import checked
    from perceptron_sim.scans.grid import PerceptronGrid
    from perceptron_sim.scans.scan import PerceptronWork

    scanning = Scanning(ctx, options)
    work = PerceptronWork(kernel, "log" if checkpoints else None, dynamics)
    # Every combination is checked before the folder is touched.
    values = values_of(DEFAULTS, options)
    grids = [PerceptronGrid(**one) for one in by_chi(values)]
    request = checked(itertools.chain.from_iterable(grids), work, scanning.where())
    if scanning.dry_run:
        return scanning.say_cost(f"dynamics {dynamics}, kernel {kernel}", request)
    frame = scanning.carry_out(request)
    if frame is None:
        return 1
    scanning.conclude(analyse(frame))
    return exit_code(scanning.failed)
