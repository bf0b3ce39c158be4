"""Measure a store of 10^6 runs: time to open, to decide what is left, to compact; memory.

Run it as ``python tests/benchmarks/large_store.py FOLDER [RUNS]``; the store is synthetic.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.store.files import publish
from perceptron_sim.store.schema import SCHEMA
from perceptron_sim.store.store import ParquetStore

_A_FILE = 2000


def fill(store: ParquetStore, grid: PerceptronGrid) -> None:
    """Store made-up results, with courses of 40 points, for all runs of a grid but one in ten."""
    rng = np.random.default_rng(0)
    configs = [config for i, config in enumerate(grid) if i % 10]
    courses = [name for name in SCHEMA.names if name.startswith("checkpoint_")][:7]
    for start in range(0, len(configs), _A_FILE):
        part = configs[start : start + _A_FILE]
        n = len(part)
        columns = {
            **{"key": [c.key("event") for c in part], "model": ["perceptron"] * n},
            **{"kernel": ["event"] * n, "status": ["fitted"] * n, "versions": ["none"] * n},
            **{name: [getattr(c, name) for c in part] for name in ("chi", "d", "P", "B", "T")},
            **{name: [getattr(c, name) for c in part] for name in ("kappa", "seed", "eta")},
            **{name: rng.random(n) for name in ("t_star", "w_norm", "w1", "w_perp", "wall_s")},
            **{name: [list(range(40))] * n for name in courses[:1]},
            **{name: list(rng.random((n, 40))) for name in courses[1:]},
        }
        arrays = [
            pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type)
            for f in SCHEMA
        ]
        publish(store.runs, pa.table(arrays, schema=SCHEMA))


def main() -> None:
    """Fill the store if it is new, and measure."""
    folder = Path(sys.argv[1])
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 10**6
    grid = PerceptronGrid(
        chi=(0.0, 1.0),
        T=tuple(0.1 * i for i in range(1, 11)),
        seeds=50,
        P=range(100, 100 + runs // 1000),
    )
    if not folder.exists():
        fill(ParquetStore(folder), grid)
        print("filled; repeat for the measurement, so that it has the memory to itself")
        return
    started = time.perf_counter()
    store = ParquetStore(folder)
    opened = time.perf_counter()
    configs = list(grid)
    listed = time.perf_counter()
    stored = store.keys()
    found = time.perf_counter()
    pending = [config for config in configs if config.key("event") not in stored]
    decided = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"{len(grid)} runs, {len(store.files())} files: open {opened - started:.3f} s; "
        f"grid {listed - opened:.2f} s, keys of the store {found - listed:.2f} s, "
        f"{len(pending)} left decided in {decided - found:.2f} s; peak memory {peak:.2f} GiB"
    )


if __name__ == "__main__":
    main()
