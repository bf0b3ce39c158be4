"""Options that the commands on nets share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.options import SingleInteger, point_options

F = TypeVar("F", bound=Callable[..., Any])


def net_options(
    real: click.ParamType[Any], integer: click.ParamType[Any], *, trained: bool = True
) -> Callable[[F], F]:
    """Return the decorator that adds everything a run is made of, but its seed.

    Args:
        real, integer: types of the options.
        trained: whether nets are trained, so that precision, device and engine can be chosen.
    """
    training = [
        click.option("--dtype", help="float32 or float64.  [default: float32]"),
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda."),
        click.option(
            "--engine",
            default="auto",
            show_default=True,
            help="compiled (dense nets on a CPU), ensemble, resident (GPU), or auto.",
        ),
    ]
    options = [
        click.option("--data", help="digits, mnist, cifar10 or perceptron.  [default: digits]"),
        click.option("--arch", help="mlp, cnn, mnas or linear.  [default: mlp]"),
        click.option(
            "--depth",
            type=integer,
            help="Hidden layers, or blocks of mnas, >= 1.  [default: mlp 3, cnn and mnas 4]",
        ),
        click.option(
            "--width",
            type=integer,
            help="Units or channels h of a hidden layer.  [default: mlp 64, cnn and mnas 32]",
        ),
        click.option("--act", help="relu, gelu or silu.  [default: relu]"),
        click.option("--test-samples", "P_test", type=SingleInteger(), help="[default: 512]"),
        *(training if trained else []),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            help="Folder of mnist.npz, cifar10.npz; else $PERCEPTRON_SIM_DATA, the user cache.",
        ),
    ]

    def apply(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return point_options(real, integer)(function)

    return apply
