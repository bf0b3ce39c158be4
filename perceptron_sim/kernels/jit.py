"""The one home of Numba's options.

Policy:
    * ``nogil``: kernels run side by side in threads of one process.
    * ``cache``: compiled once per machine, kept on disk, so a second process compiles nothing.
    * Numba asks only whether a kernel's own file has changed; a kernel compiled into another would
      go stale. So the cache is stamped with the sources of all kernels together.
    * No ``parallel``: kernels are serial; parallelism is above them (a kernel with its own
      thread pool aborts Python when called from several threads).
    * ``fastmath`` only for ``reassociated``: it lets a dot product be summed in vector lanes.
      Such a sum is only ever compared with a threshold, so another order of summation changes
      a trajectory only where a margin lies within rounding, about 1e-15, of the threshold.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def _sources() -> str:
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


SOURCE_STAMP = _sources()


def _stamped(dispatcher: Any) -> Any:
    """Make the on-disk cache of a kernel depend on the sources of all kernels."""
    cache_file = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if cache_file is not None:
        cache_file._source_stamp = SOURCE_STAMP
    return dispatcher


def compiled(function: F) -> F:
    """Compile a kernel with the project's options; strict IEEE arithmetic."""
    return cast(F, _stamped(numba.njit(nogil=True, cache=True, error_model="numpy")(function)))


def reassociated(function: F) -> F:
    """Compile a kernel whose sums may be reordered and contracted (see the module's policy)."""
    options = {"reassoc", "contract", "nsz"}
    compile_ = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=options)
    return cast(F, _stamped(compile_(function)))
