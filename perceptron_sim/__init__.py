"""Exact simulation and theory of SGD noise in the perceptron and in lazy nets.

Importing this package is cheap: the names below are loaded on first use, so that
``import perceptron_sim`` neither compiles a kernel nor imports numba, torch or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from perceptron_sim.version import __version__

if TYPE_CHECKING:
    from perceptron_sim.errors import InputError
    from perceptron_sim.runs.config import PerceptronConfig
    from perceptron_sim.runs.kernel_machine import KernelRunResult, simulate_kernel
    from perceptron_sim.runs.kernel_matrix import KernelMatrix
    from perceptron_sim.runs.online import OnlineResult, simulate_online
    from perceptron_sim.runs.simulate import RunResult, simulate

_HOME = {
    "InputError": "perceptron_sim.errors",
    "PerceptronConfig": "perceptron_sim.runs.config",
    "RunResult": "perceptron_sim.runs.simulate",
    "simulate": "perceptron_sim.runs.simulate",
    "KernelMatrix": "perceptron_sim.runs.kernel_matrix",
    "KernelRunResult": "perceptron_sim.runs.kernel_machine",
    "simulate_kernel": "perceptron_sim.runs.kernel_machine",
    "OnlineResult": "perceptron_sim.runs.online",
    "simulate_online": "perceptron_sim.runs.online",
}

__all__ = [
    "InputError",
    "KernelMatrix",
    "KernelRunResult",
    "OnlineResult",
    "PerceptronConfig",
    "RunResult",
    "__version__",
    "simulate",
    "simulate_kernel",
    "simulate_online",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted(__all__)
