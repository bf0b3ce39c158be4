"""A run as one flat row, which the store keeps and the fits read."""

import contextlib
import functools
import platform
import re
import subprocess
from collections.abc import Iterable
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

# ``exact`` is null in rows of older versions, where all is exact.
_CHECKPOINT_FIELDS = {
    "step": pa.int64(),
    **dict.fromkeys(("t", "w1", "w_perp", "unfitted", "train_loss", "test_error"), pa.float64()),
    "exact": pa.bool_(),
}
_RESULT_FIELDS = (
    *("status", "message", "t_star", "steps", "updates", "hits", "unfitted"),
    *("w1", "w_perp", "lam", "w_norm", "test_error", "wall_s"),
)


def _columns(kind: pa.DataType, names: str) -> list[tuple[str, pa.DataType]]:
    return [(name, kind) for name in names.split()]


_TEXT, _INTEGER, _REAL, _REALS = pa.string(), pa.int64(), pa.float64(), pa.list_(pa.float64())
# Columns of nets only; null for perceptrons. For nets w1, w_perp, lam and w_norm are null.
NET_FIELDS = [
    *_columns(_TEXT, "data arch"),
    *_columns(_INTEGER, "depth width"),
    *_columns(_TEXT, "act"),
    *_columns(_REAL, "alpha"),
    *_columns(_INTEGER, "P_test"),
    *_columns(_TEXT, "dtype device"),
    *_columns(_REAL, "dw w0_norm dw_rel"),
    *_columns(_REALS, "dw_layers w0_layers"),
    *_columns(_REAL, "train_loss noise_trace ntk_change"),
    *_columns(_REALS, "checkpoint_dw checkpoint_noise_trace checkpoint_ntk_change"),
    *_columns(_REAL, "train_signal train_spread test_signal test_spread outputs_rms"),
    # y (f - f_0) / outputs_rms on the test set, in its order: float16, the low byte first.
    ("test_outputs", pa.binary()),
]
SCHEMA = pa.schema(
    [
        *_columns(_TEXT, "key model dynamics kernel"),
        ("shared_seeds", pa.bool_()),
        *_columns(_REAL, "chi"),
        *_columns(_INTEGER, "d P B"),
        *_columns(_REAL, "T eta kappa"),
        *_columns(_INTEGER, "seed max_steps max_updates"),
        *_columns(_TEXT, "status message"),
        *_columns(_REAL, "t_star"),
        *_columns(_INTEGER, "steps updates hits unfitted"),
        *_columns(_REAL, "w1 w_perp lam w_norm test_error wall_s"),
        *_columns(_TEXT, "versions"),
        *((f"checkpoint_{name}", pa.list_(kind)) for name, kind in _CHECKPOINT_FIELDS.items()),
        *NET_FIELDS,
    ]
)

Record = dict[str, Any]

# Model of the runs of perceptrons.
PERCEPTRON = "perceptron"

# Kernel of runs that other programs made, and of linearised nets.
IMPORTED = "imported"
LAZY = "lazy"
# Entries of column ``kernel`` in stores of version 0.1 that mean more than a kernel:
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
    """Return runs that version 0.1 wrote, with the columns on how they were made."""
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
    return found | {n: metadata.version(n) for n in ("numpy", "numba", "scipy", *extra)}


def versions_text(extra: tuple[str, ...] = ()) -> str:
    """Return ``versions(extra)`` as one short line, ``name=version`` separated by spaces."""
    return " ".join(f"{name}={version}" for name, version in sorted(versions(extra).items()))


def code_identity(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Return values that must be equal for the state of an unfinished run to be used again."""
    return {"versions": versions_text(extra), "revision": revision(), "kernels": SOURCE_STAMP}


@functools.lru_cache
def provenance(extra: tuple[str, ...] = ()) -> str:
    """Return the origin of the runs of this process, as ``name=value`` separated by spaces.

    It holds versions, the class of the machine (operating system, architecture, processor), and the
    revision of the code if it runs from a git checkout.
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


def identity_fields(config: Any, key: str, packages: tuple[str, ...] = ()) -> Record:
    """Return the fields of any run on its configuration and its origin.

    Args:
        config: a dataclass with ``eta``.
        key: key of the run.
        packages: packages, beyond the common ones, whose versions can change a number.
    """
    return {
        "key": key,
        "model": PERCEPTRON,
        **asdict(config),
        "eta": config.eta,
        "versions": provenance(packages),
    }


def failure_fields(reason: BaseException) -> Record:
    """Return status and message of a run that ended in an exception."""
    message = f"{type(reason).__name__}: {reason}".splitlines()[0]
    return {"status": Status.FAILED, "message": message}


def result_fields(run: Any, names: Iterable[str], of_course: Iterable[str]) -> Record:
    """Return fields of a result, and the columns of its course, if it has one."""
    columns = {name: getattr(run.checkpoints, name, None) for name in of_course}
    return {name: getattr(run, name) for name in names} | {
        f"checkpoint_{name}": None if column is None else column.tolist()
        for name, column in columns.items()
    }


def _identity(config: PerceptronConfig, kernel: str, dynamics: str) -> Record:
    identity = identity_fields(config, config.key(kernel, dynamics))
    return identity | {"dynamics": dynamics, "kernel": kernel, "shared_seeds": False}


def failure_record(
    config: PerceptronConfig, kernel: str, reason: BaseException, dynamics: str = SGD
) -> Record:
    """Return the row of a run that ended in an exception: no numbers, the reason as message."""
    return _identity(config, kernel, dynamics) | failure_fields(reason)


def record_of(run: RunResult) -> Record:
    """Return the row of a finished run."""
    identity = _identity(run.config, run.kernel, run.dynamics)
    return identity | result_fields(run, _RESULT_FIELDS, _CHECKPOINT_FIELDS)
