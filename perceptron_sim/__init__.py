"""Exact simulation and theory of SGD noise in the perceptron and in lazy nets.

Importing this package is cheap: the names below are loaded on first use, so that
``import perceptron_sim`` neither compiles a kernel nor imports numba, torch or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from perceptron_sim.version import __version__

if TYPE_CHECKING:
    from perceptron_sim.analysis.analyse import Analysis, analyse
    from perceptron_sim.analysis.exponents import ExponentRow
    from perceptron_sim.analysis.power_law import PowerLawFit, fit_power_law
    from perceptron_sim.errors import InputError
    from perceptron_sim.kernels.kernel_matrix import KernelMatrix
    from perceptron_sim.runs.config import PerceptronConfig
    from perceptron_sim.runs.kernel_machine import KernelRunResult, simulate_kernel
    from perceptron_sim.runs.online import OnlineResult, simulate_online
    from perceptron_sim.runs.result import RunResult
    from perceptron_sim.runs.simulate import simulate
    from perceptron_sim.scans.drive import ScanReport
    from perceptron_sim.scans.grid import PerceptronGrid
    from perceptron_sim.scans.scan import scan
    from perceptron_sim.status import Status
    from perceptron_sim.store.store import MemoryStore, ParquetStore, open_store
    from perceptron_sim.theory.exponents import Exponents, exponents
    from perceptron_sim.theory.max_margin import MaxMargin, max_margin_norm
    from perceptron_sim.theory.prediction import Prediction, predict

_HOME = {
    "Analysis": "perceptron_sim.analysis.analyse",
    "ExponentRow": "perceptron_sim.analysis.exponents",
    "Exponents": "perceptron_sim.theory.exponents",
    "InputError": "perceptron_sim.errors",
    "KernelMatrix": "perceptron_sim.kernels.kernel_matrix",
    "KernelRunResult": "perceptron_sim.runs.kernel_machine",
    "MaxMargin": "perceptron_sim.theory.max_margin",
    "MemoryStore": "perceptron_sim.store.store",
    "OnlineResult": "perceptron_sim.runs.online",
    "ParquetStore": "perceptron_sim.store.store",
    "PerceptronConfig": "perceptron_sim.runs.config",
    "PerceptronGrid": "perceptron_sim.scans.grid",
    "PowerLawFit": "perceptron_sim.analysis.power_law",
    "Prediction": "perceptron_sim.theory.prediction",
    "RunResult": "perceptron_sim.runs.result",
    "ScanReport": "perceptron_sim.scans.drive",
    "Status": "perceptron_sim.status",
    "analyse": "perceptron_sim.analysis.analyse",
    "exponents": "perceptron_sim.theory.exponents",
    "fit_power_law": "perceptron_sim.analysis.power_law",
    "max_margin_norm": "perceptron_sim.theory.max_margin",
    "open_store": "perceptron_sim.store.store",
    "predict": "perceptron_sim.theory.prediction",
    "scan": "perceptron_sim.scans.scan",
    "simulate": "perceptron_sim.runs.simulate",
    "simulate_kernel": "perceptron_sim.runs.kernel_machine",
    "simulate_online": "perceptron_sim.runs.online",
}

__all__ = [
    "Analysis",
    "ExponentRow",
    "Exponents",
    "InputError",
    "KernelMatrix",
    "KernelRunResult",
    "MaxMargin",
    "MemoryStore",
    "OnlineResult",
    "ParquetStore",
    "PerceptronConfig",
    "PerceptronGrid",
    "PowerLawFit",
    "Prediction",
    "RunResult",
    "ScanReport",
    "Status",
    "__version__",
    "analyse",
    "exponents",
    "fit_power_law",
    "max_margin_norm",
    "open_store",
    "predict",
    "scan",
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
