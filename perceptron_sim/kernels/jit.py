"""All options of Numba.

Policy:
    * ``nogil``: kernels run side by side in threads of one process.
    * ``cache``: compiled once per machine, kept on disk, so a second process compiles nothing.
    * Numba tests only whether a kernel's own file has changed. A kernel compiled into another would
      become outdated. So the cache is stamped with the sources of all kernels together.
    * The cache is a convenience. A damaged file counts as absent and is overwritten. Without a
      place or space for it, kernels are compiled in each process.
    * What a kernel calls is compiled as a part of it, and optimised once (``linking``).
    * No ``parallel``: kernels are serial; parallelism is above them (a kernel with its own
      thread pool aborts Python when called from several threads).
    * ``fastmath`` only for ``reassociated``: it lets a dot product be summed in vector lanes.
      Such a sum is only ever compared with a threshold, so another order of summation changes
      a trajectory only where a margin lies within rounding, about 1e-15, of the threshold.
"""

import hashlib
import logging
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from perceptron_sim.kernels.linking import Kernel, set_environments

F = TypeVar("F", bound=Callable[..., object])


def _sources() -> str:
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


SOURCE_STAMP = _sources()


_log = logging.getLogger("perceptron_sim")
_REMEDY = "set NUMBA_CACHE_DIR to a folder that you can write to"
_DIGEST = hashlib.sha256().digest_size


class Told:
    """Messages that this process has printed, each once.

    Attributes:
        compiling: whether the message that kernels are compiled was printed.
        problem: why compiled kernels cannot be kept, with the remedy; None without a problem.
    """

    compiling = False
    problem: str | None = None


told = Told()


def _say_compiling() -> None:
    if not told.compiling:
        told.compiling = True
        how_often = "once per machine" if told.problem is None else "in each process"
        _log.info("compiling the kernels: up to a minute, %s", how_often)


def _say_not_kept(reason: str) -> None:
    if told.problem is None:
        told.problem = f"compiled kernels cannot be kept ({reason}): {_REMEDY}"
        _log.warning("%s", told.problem)


class _Files(IndexDataCacheFile):  # type: ignore[misc]
    """The files of one kernel. Each entry carries its key and a checksum of its bytes.

    Damaged machine code would end the process, or run.
    """

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (key, data))

    def load(self, key: Any) -> Any:
        found = super().load(key)
        return found[1] if found is not None and found[0] == key else None

    def _load_index(self) -> Any:
        try:
            return dict(super()._load_index())
        except Exception:
            # Unpickling what is damaged can raise anything.
            return {}

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(content).digest() + content)

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            return None
        return pickle.loads(content[_DIGEST:])


class _KernelCache(FunctionCache):  # type: ignore[misc]
    """The cache of one kernel. It never prevents compilation."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__(function)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, SOURCE_STAMP)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            found = super().load_overload(sig, target_context)
        except Exception:
            found = None
        if found is None:
            _say_compiling()
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        set_environments(data)
        try:
            super().save_overload(sig, data)
        except OSError as error:
            _say_not_kept(f"{error.strerror or error} in {self._cache_path}")


class _NoCache(NullCache):  # type: ignore[misc]
    """Replaces the cache where no folder can be written."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        _say_not_kept("no folder for Numba's cache can be written")
        _say_compiling()

    def save_overload(self, sig: Any, data: Any) -> None:
        set_environments(data)


def _compiled(function: F, **options: Any) -> F:
    """Compile a function, to be kept on disk if there is a place for it."""
    if numba.config.DISABLE_JIT:
        return function
    kernel = Kernel(function, {"nopython": True, "nogil": True, "error_model": "numpy", **options})
    try:
        kernel._cache = _KernelCache(function)
    except (RuntimeError, OSError):
        kernel._cache = _NoCache()
    return cast(F, kernel)


def compiled(function: F) -> F:
    """Compile a kernel with the project's options; strict IEEE arithmetic."""
    return _compiled(function)


def reassociated(function: F) -> F:
    """Compile a kernel whose sums may be reordered and contracted (see the module's policy)."""
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})
