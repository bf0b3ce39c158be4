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

from perceptron_sim.kernels.jit import SOURCE_STAMP
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import RunResult
from perceptron_sim.status import Status
from perceptron_sim.version import __version__

_CHECKPOINT_FIELDS = ("step", "t", "w1", "w_perp", "unfitted", "train_loss", "test_error")
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
        ("kernel", pa.string()),
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
    + [
        (f"checkpoint_{name}", pa.list_(pa.int64() if name == "step" else pa.float64()))
        for name in _CHECKPOINT_FIELDS
    ]
    + NET_FIELDS
)

Record = dict[str, Any]

# Model of the runs of perceptrons.
PERCEPTRON = "perceptron"

# Kernel of runs that other programs made; the second, where runs of one seed share their data or
# initial weights, as the lazy runs of a seed do.
IMPORTED = "imported"
IMPORTED_BY_SEED = "imported, shared seeds"
# Kernel of lazy runs that share data and initial weights within a seed.
LAZY_BY_SEED = "lazy"


def by_seed(kernel: str) -> bool:
    """Tell whether the runs of a kernel are independent between seeds alone."""
    return kernel in (LAZY_BY_SEED, IMPORTED_BY_SEED)


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


def _identity(config: PerceptronConfig, kernel: str) -> Record:
    return {
        "key": config.key(kernel),
        "model": PERCEPTRON,
        "kernel": kernel,
        **asdict(config),
        "eta": config.eta,
        "versions": provenance(),
    }


def failure_record(config: PerceptronConfig, kernel: str, reason: BaseException) -> Record:
    """Return the row of a run that ended in an exception: no numbers, the reason as message."""
    return _identity(config, kernel) | failure_fields(reason)


def failure_fields(reason: BaseException) -> Record:
    """Return status and message of a run that ended in an exception."""
    message = f"{type(reason).__name__}: {reason}".splitlines()[0]
    return {"status": Status.FAILED, "message": message}


def record_of(run: RunResult) -> Record:
    """Return the row of a finished run."""
    row = _identity(run.config, run.kernel)
    for name in _RESULT_FIELDS:
        row[name] = getattr(run, name)
    for name in _CHECKPOINT_FIELDS:
        course = run.checkpoints
        row[f"checkpoint_{name}"] = None if course is None else getattr(course, name).tolist()
    return row
