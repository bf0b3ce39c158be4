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
    _parse = "parse_floats"
    _single = False

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Parse by ``scans.grid``; refuse more than one value where one is asked for."""
        from perceptron_sim.scans import grid

        if not isinstance(value, str):
            return value
        values = getattr(grid, self._parse)(value, _shown(param))
        if not self._single:
            return values
        if len(values) != 1:
            raise click.BadParameter(f"{value!r} is {len(values)} values: give one", param=param)
        return values[0]


class IntegerGrid(FloatGrid):
    """A list, powers, or a geometric range of integers."""

    _parse = "parse_integers"


class SingleFloat(FloatGrid):
    """One real number, powers allowed."""

    name = "NUMBER"
    _single = True


class SingleInteger(IntegerGrid):
    """One integer, powers allowed."""

    name = "INTEGER"
    _single = True


def _shown(param: click.Parameter | None) -> str:
    return param.opts[0] if param is not None else "value"


class OutFolder(click.ParamType[Any]):
    """A folder that can be written, made or not."""

    name = "PATH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Refuse by ``places.check_writable``."""
        from perceptron_sim.places import check_writable

        check_writable(Path(value), _shown(param))
        return Path(value)


def chain(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator for several, the first of which stands first in --help."""
    return lambda function: functools.reduce(lambda f, add: add(f), decorators[::-1], function)


def point_options(real: click.ParamType[Any], integer: click.ParamType[Any]) -> Callable[[F], F]:
    """Return the decorator that adds chi, d, P, B, T | eta, kappa | alpha."""
    steps = "Stop a run after this many steps."
    return chain(
        click.option("--chi", type=real, help="Density exponent at the boundary, > -1."),
        click.option("-d", "--dimension", "d", type=integer, help="Input dimension, >= 2."),
        click.option("-P", "--samples", "P", type=integer, help="Training-set size."),
        click.option("-B", "--batch-size", "B", type=integer, help="Batch size, 1..P."),
        click.option("-T", "--temperature", "T", type=real, help="Noise scale eta/B, > 0."),
        click.option("--eta", "--learning-rate", "eta", type=real, help="Instead of T."),
        click.option("--kappa", "--margin", "kappa", type=real, help="Margin, >= 0."),
        click.option("--alpha", type=real, help="Instead of kappa: kappa = 1/alpha."),
        click.option("--max-steps", type=SingleInteger(), help=steps),
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
    return chain(
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
    )(function)


def net_options(
    real: click.ParamType[Any], integer: click.ParamType[Any], *, trained: bool = True
) -> Callable[[F], F]:
    """Return the decorator that adds everything a run of a net is made of, but its seed.

    Args:
        real, integer: types of the options.
        trained: whether nets are trained, so that precision, device and engine can be chosen.
    """
    depth = "Hidden layers, or blocks of mnas, >= 1.  [default: mlp 3, cnn and mnas 4]"
    width = "Units or channels h of a hidden layer.  [default: mlp 64, cnn and mnas 32]"
    engine = "compiled (dense nets on a CPU), ensemble (any net, anywhere), or auto."
    tests = "Number of test samples, the first of the test set.  [default: all]"
    streams = (
        "Runs of a seed have data, initial weights and batches in common, or each its own.  "
        "[default: shared]"
    )
    folder = "Folder of mnist.npz, cifar10.npz; else $PERCEPTRON_SIM_DATA, the user cache."
    shown: dict[str, Any] = {"default": "auto", "show_default": True}
    training = (
        click.option("--dtype", help="float32 or float64.  [default: float32]"),
        click.option("--device", help="auto, cpu or cuda.", **shown),
        click.option("--engine", help=engine, **shown),
    )
    return chain(
        point_options(real, integer),
        click.option("--data", help="digits, mnist, cifar10 or perceptron.  [default: digits]"),
        click.option("--arch", help="mlp, cnn, mnas or linear.  [default: mlp]"),
        click.option("--depth", type=integer, help=depth),
        click.option("--width", type=integer, help=width),
        click.option("--act", help="relu, gelu or silu.  [default: relu]"),
        click.option("--test-samples", "P_test", type=SingleInteger(), help=tests),
        click.option("--shared-seeds/--independent", default=None, help=streams),
        *(training if trained else ()),
        click.option("--data-dir", type=click.Path(path_type=Path), help=folder),
    )


def outputs_option(function: F) -> F:
    """Add --keep-outputs."""
    about = "Store outputs on the test set too; report the error of their average over seeds."
    return click.option("--keep-outputs", is_flag=True, help=about)(function)


def seeds_option(default: int) -> Callable[[F], F]:
    """Return the decorator that adds --seeds."""
    about = f"Replicas at each point: seeds 0 .. N-1.  [default: {default}]"
    return click.option("--seeds", type=int, help=about)


def out_option(
    default: str, about: str = "Folder for runs, summary.json and figures; resumed if it exists."
) -> Callable[[F], F]:
    """Return the decorator that adds --out."""
    return click.option(
        "--out", type=OutFolder(), default=Path(default), show_default=True, help=about
    )


def workers_option(function: F) -> F:
    """Add --workers and --scheduler; ``workers_of`` makes one of the two."""
    threads = "Threads.  [default: one per core]"
    cluster = "Run on a Dask cluster: tcp://host:port or a scheduler file."
    return chain(
        click.option("--workers", type=click.IntRange(min=1), help=threads),
        click.option("--scheduler", help=cluster),
    )(function)


def budget_option(about: str, **more: Any) -> Callable[[F], F]:
    """Return the decorator that adds --budget; PERCEPTRON_SIM_BUDGET gives it for every command."""
    return click.option(
        "--budget", envvar="PERCEPTRON_SIM_BUDGET", show_envvar=True, help=about, **more
    )


def scan_options(function: F) -> F:
    """Add what every scan takes: where, at what cost, and whether courses are stored."""
    return chain(
        workers_option,
        budget_option("Start no run after this time: 90s, 10m, 2h.  [default: none]"),
        click.option(
            "--dry-run",
            is_flag=True,
            help="Print what would be done and what it costs; do nothing.",
        ),
        click.option(
            "--checkpoints/--no-checkpoints",
            default=True,
            help="Store the checkpoints of each run.",
        ),
    )(function)


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
    about = "Print JSON instead of a table."
    return click.option("--json", "as_json", is_flag=True, help=about)(function)


def given(**values: Any) -> dict[str, Any]:
    """Return the values that the user gave, so that defaults stay where they are defined."""
    return {name: value for name, value in values.items() if value is not None}


def values_of(defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the axes of a grid: what the user gave, else ``defaults``; eta replaces their T."""
    values = defaults | given(**options)
    if "eta" in values and options["T"] is None:
        values.pop("T", None)
    return values
