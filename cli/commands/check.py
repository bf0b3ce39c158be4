"""``perceptron-sim check``: which laws of SGD does a simulator of one's own break."""

import importlib
import importlib.util
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from cli.options import budget_option, json_option
from perceptron_sim.errors import InputError


@click.command()
@click.argument("simulator", metavar="MODULE:FUNCTION")
@click.option("--law", "laws", multiple=True, help="Test only this law; may be repeated.")
@budget_option("Time for all laws: 90s, 5min.", default="1min", show_default=True)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the search."
)
@click.option(
    "--limit-s",
    type=click.FloatRange(0.0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds that one run may take.",
)
@click.option(
    "--rtol",
    type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
    default=1e-9,
    show_default=True,
    help="Relative error below which numbers count as equal.",
)
@json_option
def command(
    simulator: str,
    laws: tuple[str, ...],
    budget: str,
    seed: int,
    limit_s: float,
    rtol: float,
    as_json: bool,
) -> int:
    """Test whether a simulator of SGD on the perceptron obeys the laws.

    MODULE:FUNCTION, or FILE.py:FUNCTION, names a function of a PerceptronConfig. It returns a
    mapping with any of w, t_star, steps, updates, hits, hit_counts, test_error, and may take data
    and batches. For each broken law, the table shows the smallest configuration found.

    Exit code 1 if a law is broken.
    """
    from cli.output import print_json
    from perceptron_sim.phase.explore import parse_budget
    from perceptron_sim.testing import check

    seconds = parse_budget(budget).seconds
    if not math.isfinite(seconds):
        raise InputError(f"--budget {budget!r} is not a time: write 90s, 5min or 1h")
    function = _load(simulator)
    click.echo(f"testing {simulator} for up to {budget}", err=True)
    report = check(function, laws or None, seconds, seed=seed, limit_s=limit_s, rtol=rtol)
    if as_json:
        print_json(report.to_frame().to_dict("records"))
    else:
        _print(simulator, report)
    return 1 if report.broken else 0


def _load(name: str) -> Callable[..., Any]:
    """Return the function that MODULE:FUNCTION names.

    Raises:
        InputError: if there is none, or its module cannot be imported.
    """
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise InputError(f"{name!r} names no function: write MODULE:FUNCTION or FILE.py:FUNCTION")
    sys.path.insert(0, str(Path.cwd()))
    try:
        loaded = _from_file(Path(module)) if module.endswith(".py") else _from_name(module)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"importing {module} raised {type(error).__name__}: {error}: mend it first"
        ) from error
    found = loaded
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module} has no {attribute!r}: name a function that it defines")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(f"{name} cannot be called: name a function of a configuration")
    return found  # type: ignore[no-any-return]


def _from_name(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".")[: error.name.count(".") + 1] == error.name.split("."):
            raise InputError(
                f"there is no module {error.name}: run this in its folder, or install it"
            ) from None
        raise


def _from_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"there is no file {path}: name one that defines the function")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _print(simulator: str, report: Any) -> None:
    from cli.output import print_table

    rows = [[f.law.name, str(f.law.kind), str(f.answer), f.text] for f in report.findings]
    print_table(f"laws of SGD: {simulator}", ["law", "kind", "answer", "found"], rows, 4)
    for finding in report.broken:
        click.echo(f"{finding.law.name}: {finding.law.statement} ({finding.law.source})")
        click.echo(f"  {finding.line}")
    if report.broken:
        click.echo(
            "Each line shows a broken law; run first: from perceptron_sim import PerceptronConfig; "
            "from perceptron_sim.testing import LAWS"
        )
