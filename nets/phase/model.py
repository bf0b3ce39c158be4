"""Nets in the cells of a plane: trained, or their linearisation."""

from typing import Any

from nets.config import NetConfig
from nets.lazy import LazyConfig
from nets.lazy.config import MAX_STEPS as LAZY_STEPS
from nets.lazy.scan import LazyWork
from nets.scan import NetWork
from perceptron_sim.errors import InputError
from perceptron_sim.scans.drive import Job

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
    "keep_outputs": False,
}


def job_of(options: dict[str, Any], lazy: bool, **values: Any) -> Job[Any]:
    """Return the run with ``values`` of its configuration and the rest from ``options``.

    Raises:
        InputError: on a value that is out of range.
    """
    if "max_updates" in options:
        raise InputError("max_updates means nothing to nets: give --max-steps")
    values["P"] = int(values["P"])
    steps = LAZY_STEPS if lazy else options["max_steps"]
    config = NetConfig(**{name: options[name] for name in _NET}, **values, max_steps=steps)
    data_dir = options["data_dir"]
    if lazy:
        return Job(LazyWork(data_dir, checkpoints=False), LazyConfig(config))
    # With the course, because the change of the kernel is a part of it.
    kept = options["keep_outputs"]
    return Job(NetWork(options["device"], options["engine"], data_dir, keep_outputs=kept), config)
