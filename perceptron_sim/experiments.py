"""The modules of version 0.1 under their old names, for scripts that were written then.

Each name gives the module at its new place, the same object, with a DeprecationWarning. Modules
that were merged into others are not among them.
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

__path__: list[str] = []

# Old name, below this one, to the new one below perceptron_sim.
MOVED = {
    "atomic": "atomic",
    "bench": "bench.compare",
    "bench_event": "bench.growth",
    "calibration": "analysis.calibration",
    "cluster": "scans.cluster",
    "cluster_task": "scans.cluster_task",
    "collapse": "analysis.collapse",
    "config": "runs.config",
    "cost": "scans.run_time",
    "executors": "scans.executors",
    "exponent_table": "analysis.exponents",
    "export": "store.export",
    "figures": "analysis.figures",
    "figures.collapse": "analysis.figures.collapse",
    "figures.crossover": "phase.figures.crossover",
    "figures.dynamics": "phase.figures.dynamics",
    "figures.late_noise": "phase.figures.late_noise",
    "figures.phase_map": "phase.figures.maps",
    "figures.run": "analysis.figures.course",
    "figures.scan": "analysis.figures.scan",
    "figures.theory": "analysis.figures.theory",
    "fits": "analysis.power_law",
    "grid": "scans.grid",
    "identity": "runs.identity",
    "importing": "store.importing",
    "importing.columns": "store.importing.columns",
    "importing.row": "store.importing.row",
    "importing.runs": "store.importing.runs",
    "importing.tables": "store.importing.reading",
    "interrupts": "scans.interrupts",
    "kernel_machine": "runs.kernel_machine",
    "kernel_matrix": "kernels.kernel_matrix",
    "memory": "runs.memory",
    "online": "runs.online",
    "phase": "phase",
    "phase.batch_rate": "phase.batch_rate",
    "phase.cells": "phase.cells",
    "phase.dynamics": "phase.dynamics",
    "phase.explore": "phase.explore",
    "phase.late_noise": "phase.late_noise",
    "phase.law": "phase.law",
    "phase.perceptron": "phase.perceptron",
    "phase.plane": "phase.plane",
    "phase.refine": "phase.refine",
    "phase.report": "phase.output",
    "phase.temperature": "phase.temperature",
    "progress": "progress",
    "records": "store.schema",
    "run_files": "store.files",
    "scan": "scans.scan",
    "simulate": "runs.simulate",
    "snapshots": "runs.snapshots",
    "store": "store.store",
    "store_upkeep": "store.upkeep",
    "summary": "analysis.summary",
    "trajectory": "scans.watched_run",
}


class _Mover(MetaPathFinder, Loader):
    """Finds modules under their old names."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Return where a module is now, or None for all others."""
        parent, _, old = name.partition(f"{__name__}.")
        return spec_from_loader(name, self) if not parent and old in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module at its new place."""
        new = f"perceptron_sim.{MOVED[spec.name.removeprefix(f'{__name__}.')]}"
        warnings.warn(f"{spec.name} is {new} now", DeprecationWarning, stacklevel=2)
        module = import_module(new)
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its own specification back; it has run already."""
        module.__spec__ = self._own


# First, or files would be loaded again under old names of their packages.
sys.meta_path.insert(0, _Mover())
