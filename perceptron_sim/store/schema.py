"""A run as one flat row: what the store keeps and the fits read."""

import contextlib
import functools
import platform
import re
import subprocess
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa

from perceptron_sim.kernels.dynamics import OF_STORED_NAME, SGD
from perceptron_sim.kernels.jit import SOURCE_STAMP
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.result import RunResult
from perceptron_sim.status import Status
from perceptron_sim.version import __version__

# ``exact`` is null where older versions wrote: all is exact there.
_CHECKPOINT_FIELDS = {
    "step": pa.int64(),
    **dict.fromkeys(("t", "w1", "w_perp", "unfitted", "train_loss", "test_error"), pa.float64()),
    "exact": pa.bool_(),
}
_RESULT_FIELDS = (
    *("status", "message", "t_star", "steps", "updates", "hits", "unfitted"),
    *("w1", "w_perp", "lam", "w_norm", "test_error", "wall_s"),
)

# Columns of nets alone; null for the perceptron, as w1, w_perp, lam and w_norm are for nets.
NET_FIELDS = [
    ("data", pa.string()),
    ("arch", pa.string()),
    ("depth", pa.int64()),
    ("width", pa.int64()),
    ("act", pa.string()),
    ("alpha", pa.float64()),
    ("P_test", pa.int64()),
    ("dtype", pa.string()),
    ("device", pa.string()),
    ("dw", pa.float64()),
    ("w0_norm", pa.float64()),
    ("dw_rel", pa.float64()),
    ("dw_layers", pa.list_(pa.float64())),
    ("w0_layers", pa.list_(pa.float64())),
    ("train_loss", pa.float64()),
    ("noise_trace", pa.float64()),
    ("ntk_change", pa.float64()),
    ("checkpoint_dw", pa.list_(pa.float64())),
    ("checkpoint_noise_trace", pa.list_(pa.float64())),
    ("checkpoint_ntk_change", pa.list_(pa.float64())),
]

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("model", pa.string()),
        ("dynamics", pa.string()),
        ("kernel", pa.string()),
        ("shared_seeds", pa.bool_()),
        ("chi", pa.float64()),
        ("d", pa.int64()),
        ("P", pa.int64()),
        ("B", pa.int64()),
        ("T", pa.float64()),
        ("eta", pa.float64()),
        ("kappa", pa.float64()),
        ("seed", pa.int64()),
        ("max_steps", pa.int64()),
        ("max_updates", pa.int64()),
        ("status", pa.string()),
        ("message", pa.string()),
        ("t_star", pa.float64()),
        ("steps", pa.int64()),
        ("updates", pa.int64()),
        ("hits", pa.int64()),
        ("unfitted", pa.int64()),
        ("w1", pa.float64()),
        ("w_perp", pa.float64()),
        ("lam", pa.float64()),
        ("w_norm", pa.float64()),
        ("test_error", pa.float64()),
        ("wall_s", pa.float64()),
        ("versions", pa.string()),
    ]
    + [(f"checkpoint_{name}", pa.list_(kind)) for name, kind in _CHECKPOINT_FIELDS.items()]
    + NET_FIELDS
)

Record = dict[str, Any]

# Model of the runs of perceptrons.
PERCEPTRON = "perceptron"

# Kernel of runs that other programs made, and of linearised nets.
IMPORTED = "imported"
LAZY = "lazy"
# What stands in the column ``kernel`` of stores of version 0.1, if it is more than a kernel:
# dynamics, kernel, and whether the runs of a seed share their data or initial weights.
_OF_VERSION_0_1: dict[str, tuple[str, str, bool]] = {
    **{name: (*found, False) for name, found in OF_STORED_NAME.items()},
    IMPORTED: (SGD, IMPORTED, False),
    "imported, shared seeds": (SGD, IMPORTED, True),
    LAZY: (SGD, LAZY, True),
    "lazy, paired": (SGD, LAZY, False),
}


def of_version_0_1(kernel: str | None) -> tuple[str, str | None, bool]:
    """Return dynamics, kernel and ``shared_seeds`` for what version 0.1 wrote as ``kernel``."""
    return _OF_VERSION_0_1.get(kernel or "", (SGD, kernel, False))


def translated(table: pa.Table) -> pa.Table:
    """Return runs that version 0.1 wrote, with the columns that tell how they were made."""
    made = [of_version_0_1(kernel) for kernel in table["kernel"].to_pylist()]
    for i, name in enumerate(("dynamics", "kernel", "shared_seeds")):
        column = pa.array([row[i] for row in made], SCHEMA.field(name).type)
        if name in table.column_names:
            table = table.set_column(table.column_names.index(name), name, column)
        else:
            table = table.append_column(name, column)
    return table


def versions(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the versions that can influence a number, those of ``extra`` packages included."""
    found = {"perceptron_sim": __version__, "python": platform.python_version()}
    for name in ("numpy", "numba", "scipy", *extra):
        found[name] = metadata.version(name)
    return found


def versions_text(extra: tuple[str, ...] = ()) -> str:
    """Return ``versions(extra)`` as one short line, ``name=version`` separated by spaces."""
    return " ".join(f"{name}={version}" for name, version in sorted(versions(extra).items()))


def code_identity(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what must be the same for the state of an unfinished run to be used again."""
    return {
        "versions": versions_text(extra),
        "revision": revision(),
        "kernels": SOURCE_STAMP,
    }


@functools.lru_cache
def provenance(extra: tuple[str, ...] = ()) -> str:
    """Return what made the runs of this process, ``name=value`` separated by spaces.

    Versions, the class of the machine (operating system, architecture, processor), and the
    revision of the code if it is run from a git checkout.
    """
    pairs = {"host": _host_class(), "revision": revision()}
    known = [f"{name}={value}" for name, value in pairs.items() if value]
    return " ".join([*known, versions_text(extra)])


def _host_class() -> str:
    processor = platform.processor()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split("\n"):
            if line.startswith("model name"):
                processor = line.partition(":")[2]
                break
    words = (platform.system(), platform.machine(), processor)
    return re.sub(r"[^\w.]+", "-", " ".join(words)).strip("-")


@functools.lru_cache
def revision() -> str:
    """Return the commit of the checkout that this code is in, "-dirty" if changed, or ""."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(describe, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _identity(config: PerceptronConfig, kernel: str, dynamics: str) -> Record:
    return {
        "key": config.key(kernel, dynamics),
        "model": PERCEPTRON,
        "dynamics": dynamics,
        "kernel": kernel,
        "shared_seeds": False,
        **asdict(config),
        "eta": config.eta,
        "versions": provenance(),
    }


def failure_record(
    config: PerceptronConfig, kernel: str, reason: BaseException, dynamics: str = SGD
) -> Record:
    """Return the row of a run that ended in an exception: no numbers, the reason as message."""
    return _identity(config, kernel, dynamics) | failure_fields(reason)


def failure_fields(reason: BaseException) -> Record:
    """Return status and message of a run that ended in an exception."""
    message = f"{type(reason).__name__}: {reason}".splitlines()[0]
    return {"status": Status.FAILED, "message": message}


def record_of(run: RunResult) -> Record:
    """Return the row of a finished run."""
    row = _identity(run.config, run.kernel, run.dynamics)
    for name in _RESULT_FIELDS:
        row[name] = getattr(run, name)
    for name in _CHECKPOINT_FIELDS:
        course = run.checkpoints
        row[f"checkpoint_{name}"] = None if course is None else getattr(course, name).tolist()
    return row
