"""Options shared by commands: grids, single values, output. Symbols short, words long."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from perceptron_sim.kernels.dynamics import AUTO, KERNELS, NAMES, SGD

F = TypeVar("F", bound=Callable[..., Any])


class FloatGrid(click.ParamType[Any]):
    """A list, powers, or a geometric range of real numbers."""

    name = "GRID"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Parse by ``experiments.grid.parse_floats``."""
        from perceptron_sim.scans.grid import parse_floats

        return value if isinstance(value, tuple) else parse_floats(value, _shown(param))


class IntegerGrid(click.ParamType[Any]):
    """A list, powers, or a geometric range of integers."""

    name = "GRID"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse by ``experiments.grid.parse_integers``."""
        from perceptron_sim.scans.grid import parse_integers

        return value if isinstance(value, tuple) else parse_integers(value, _shown(param))


class SingleFloat(FloatGrid):
    """One real number, powers allowed."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse, and refuse more than one value."""
        return (
            value
            if isinstance(value, float)
            else _single(super().convert(value, param, ctx), value, param)
        )


class SingleInteger(IntegerGrid):
    """One integer, powers allowed."""

    name = "INTEGER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse, and refuse more than one value."""
        return (
            value
            if isinstance(value, int)
            else _single(super().convert(value, param, ctx), value, param)
        )


def _single(values: tuple[Any, ...], text: Any, param: click.Parameter | None) -> Any:
    if len(values) != 1:
        raise click.BadParameter(f"{text!r} is {len(values)} values: give one", param=param)
    return values[0]


def _shown(param: click.Parameter | None) -> str:
    return param.opts[0] if param is not None else "value"


class OutFolder(click.ParamType[Any]):
    """A folder that can be written, made or not."""

    name = "PATH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuse by ``experiments.places.check_writable``."""
        from perceptron_sim.places import check_writable

        check_writable(Path(value), _shown(param))
        return Path(value)


def _chain(decorators: list[Callable[[F], F]]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        return functools.reduce(lambda f, decorate: decorate(f), reversed(decorators), function)

    return apply


def point_options(real: click.ParamType[Any], integer: click.ParamType[Any]) -> Callable[[F], F]:
    """Return the decorator that adds chi, d, P, B, T | eta, kappa | alpha."""
    return _chain(
        [
            click.option("--chi", type=real, help="Density exponent at the boundary, > -1."),
            click.option("-d", "--dimension", "d", type=integer, help="Input dimension, >= 2."),
            click.option("-P", "--samples", "P", type=integer, help="Training-set size."),
            click.option("-B", "--batch-size", "B", type=integer, help="Batch size, 1..P."),
            click.option("-T", "--temperature", "T", type=real, help="Noise scale eta/B, > 0."),
            click.option("--eta", "--learning-rate", "eta", type=real, help="Instead of T."),
            click.option("--kappa", "--margin", "kappa", type=real, help="Margin, >= 0."),
            click.option("--alpha", type=real, help="Instead of kappa: kappa = 1/alpha."),
            click.option(
                "--max-steps", type=SingleInteger(), help="Give up a run after so many steps."
            ),
        ]
    )


class DynamicsChoice(click.Choice[str]):
    """The name of a dynamics."""

    def __init__(self) -> None:
        """Take the names from the table of dynamics."""
        super().__init__(NAMES)


class KernelChoice(click.Choice[str]):
    """The name of a kernel."""

    def __init__(self, *more: str) -> None:
        """Take the names from the table of dynamics, and ``more``."""
        super().__init__([*KERNELS, *more])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Parse; say of a dynamics, which version 0.1 took here, what to write now."""
        if value in NAMES:
            message = f"{value!r} is a dynamics: write --dynamics {value}"
            raise click.BadParameter(message, ctx, param)
        return super().convert(value, param, ctx)


def method_options(function: F) -> F:
    """Add --dynamics and --kernel."""
    options = [
        click.option(
            "--dynamics",
            type=DynamicsChoice(),
            default=SGD,
            show_default=True,
            help="How weights move.",
        ),
        click.option(
            "--kernel",
            type=KernelChoice(),
            default=AUTO,
            show_default=True,
            help="The compiled loop that computes it; auto: the fastest.",
        ),
    ]
    return _chain(options)(function)


def out_option(default: str) -> Callable[[F], F]:
    """Return the decorator that adds --out."""
    return click.option(
        "--out",
        type=OutFolder(),
        default=Path(default),
        show_default=True,
        help="Folder for runs, summary.json and figures; resumed if it exists.",
    )


def workers_option(function: F) -> F:
    """Add --workers and --scheduler; ``workers_of`` makes one of the two."""
    options = [
        click.option(
            "--workers", type=click.IntRange(min=1), help="Threads.  [default: one a core]"
        ),
        click.option(
            "--scheduler", help="Run on a Dask cluster: tcp://host:port or a scheduler file."
        ),
    ]
    return _chain(options)(function)


def workers_of(
    ctx: click.Context,
    workers: int | None,
    scheduler: str | None,
    *,
    packages: tuple[str, ...] = (),
    gpu: bool = False,
) -> Any:
    """Return where runs are done: ``workers``, or a cluster that is left with the command.

    Args:
        ctx: of the command.
        workers, scheduler: as given by the user.
        packages, gpu: as in ``Cluster``.
    """
    if scheduler is None:
        return workers
    from perceptron_sim.errors import InputError
    from perceptron_sim.scans.cluster import Cluster

    if workers is not None:
        raise InputError("--workers counts threads of this machine: leave it out with --scheduler")

    def tell(text: str) -> None:
        click.echo(text, err=True)

    return ctx.with_resource(Cluster(scheduler, packages, tell, gpu))


def json_option(function: F) -> F:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(
        function
    )


def given(**values: Any) -> dict[str, Any]:
    """Return the values that the user gave, so that defaults stay where they are defined."""
    return {name: value for name, value in values.items() if value is not None}
