"""Runs of other programs: read from CSV or JSON, checked cell by cell, made rows of the store."""

from perceptron_sim.store.importing.columns import Mapping
from perceptron_sim.store.importing.runs import Imported, import_runs, store_runs

__all__ = ["Imported", "Mapping", "import_runs", "store_runs"]
