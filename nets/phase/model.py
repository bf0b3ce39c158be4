"""Nets in the cells of a plane: trained, or their linearisation."""

from typing import Any

from nets.config import NetConfig
from nets.lazy import LazyConfig
from nets.lazy.config import MAX_STEPS as LAZY_STEPS
from nets.lazy.kernel_log import KernelLog
from nets.lazy.scan import LazyWork
from nets.scan import NetWork
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.dynamics import SGD
from perceptron_sim.scans.drive import Job

# What workers of a cluster must have.
PACKAGES = ("torch",)
TRAINED = "net"
LAZY = "lazy"
# Parameters that cells of a map share, in the order of tables.
SHARED = ("depth", "width", "B")
_NET = ("data", "arch", "act", "P_test", "dtype", "shared_seeds")
DEFAULTS: dict[str, Any] = {
    "data": "digits",
    "arch": "mlp",
    "act": "relu",
    "P_test": None,
    "dtype": "float32",
    "shared_seeds": True,
    "device": "auto",
    "engine": "auto",
    "data_dir": None,
}


def kinds_of(options: dict[str, Any]) -> tuple[str, ...]:
    """Return the kinds of runs that option ``kernel`` stands for: both for "auto".

    Raises:
        InputError: if it is the name of a compiled loop.
    """
    kinds = {"auto": (LAZY, TRAINED), LAZY: (LAZY,), TRAINED: (TRAINED,)}
    if options["kernel"] not in kinds:
        raise InputError(
            f"kernel {options['kernel']!r} is not a kind of run here: auto (both), lazy or net"
        )
    return kinds[options["kernel"]]


def config_of(options: dict[str, Any], lazy: bool, **values: Any) -> NetConfig:
    """Return the configuration with ``values`` and the rest from ``options``.

    Raises:
        InputError: on a value that is out of range.
    """
    values |= {name: int(values[name]) for name in ("P", "B")}
    steps = LAZY_STEPS if lazy else options["max_steps"]
    return NetConfig(**{name: options[name] for name in _NET}, **values, max_steps=steps)


def job_of(
    options: dict[str, Any],
    lazy: bool,
    *,
    logs: tuple[KernelLog[Any], ...] = (),
    checkpoints: bool = False,
    dynamics: str = SGD,
    **values: Any,
) -> Job[Any]:
    """Return the run with ``values`` of its configuration and the rest from ``options``.

    Args:
        options: of the plane.
        lazy: linearised, not trained.
        logs: what is kept of the kernels of linearised runs.
        checkpoints: whether linearised runs store their course; trained ones do.
        dynamics: of linearised runs.
        values: of the configuration.

    Raises:
        InputError: on a value that is out of range.
    """
    if "max_updates" in options:
        raise InputError("max_updates means nothing to nets: give --max-steps")
    config = config_of(options, lazy, **values)
    data_dir = options["data_dir"]
    if lazy:
        return Job(
            LazyWork(data_dir, checkpoints=checkpoints, logs=logs),
            LazyConfig(config, dynamics=dynamics),
        )
    # With the course, because the change of the kernel is a part of it.
    kept = options.get("keep_outputs", False)
    return Job(NetWork(options["device"], options["engine"], data_dir, keep_outputs=kept), config)
