"""Kernels kept on disk: one .npy per kernel, known by its content, with checksums next to it.

The matrix is written under a temporary name, fsynced and renamed; the checksums, written last,
say that it is complete.
"""

import errno
import hashlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nets.architectures.base import Architecture
from perceptron_sim.arrays import FloatArray
from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError
from perceptron_sim.places import make_folder
from perceptron_sim.progress import Progress
from perceptron_sim.runs.memory import format_bytes

# Bumped whenever kernels are computed differently.
_VERSION = 1
_ROWS = 256


def key_of_kernel(architecture: Architecture, weights: Sequence[FloatArray], x: FloatArray) -> str:
    """Return the name of a kernel: 24 hex digits of the hash of all that it is made from."""
    tensors = [torch.as_tensor(w, dtype=torch.float64)[None] for w in weights]
    f, _ = architecture.forward(tensors, torch.as_tensor(x[:4], dtype=torch.float64)[None])
    # What the net makes of some samples tells its layout, activation and scales.
    outputs = " ".join(f"{value:.9e}" for value in f[0].tolist())
    digest = hashlib.sha256(f"ntk {_VERSION} {outputs} {type(architecture).__name__}".encode())
    for array in (*weights, x):
        digest.update(f"{np.shape(array)}".encode())
        digest.update(np.ascontiguousarray(array, dtype=np.float64).data)
    return digest.hexdigest()[:24]


def open_kernel(folder: Path, key: str, P: int, progress: Progress) -> NDArray[np.float32] | None:
    """Return the kernel kept in ``folder``, memory-mapped, or None if it is not there whole.

    A file whose checksums do not match is reported as damaged and removed.
    """
    matrix, seal = _paths(folder, key)
    if not seal.is_file():
        return None
    try:
        expected = json.loads(seal.read_text())["crc32"]
        # Copy on write: kernels are compiled for writable arrays, and the file stays as it is.
        K = np.load(matrix, mmap_mode="c")
        if K.shape == (P, P) and K.dtype == np.float32 and _checksums(K) == expected:
            found: NDArray[np.float32] = K
            return found
        reason = "checksums do not match"
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
    progress.note(f"{matrix} is damaged ({reason}): it is built anew")
    seal.unlink(missing_ok=True)
    matrix.unlink(missing_ok=True)
    return None


@contextmanager
def create(folder: Path, key: str, P: int) -> Iterator[NDArray[np.float32]]:
    """Give a matrix (P, P) on disk to be filled; on leaving without error it is published.

    Raises:
        InputError: if the folder cannot be written, or P is more than fits on its disk.
    """
    matrix, seal = _paths(folder, key)
    make_folder(folder, "--kernels")
    free = shutil.disk_usage(folder).free
    if free < 4 * P * P:
        raise _too_large(folder, P, free)
    temporary = matrix.with_name(f".{matrix.name}.{uuid.uuid4().hex}.tmp")
    try:
        K = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=(P, P))
        _reserve(temporary, P)
        yield K
        K.flush()
        sums = _checksums(K)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(matrix)
    finally:
        temporary.unlink(missing_ok=True)
    write_atomically(seal, (json.dumps({"P": P, "rows": _ROWS, "crc32": sums}) + "\n").encode())


def _reserve(file: Path, P: int) -> None:
    """Take the space on the disk at once: a page of a mapped file without space kills the process.

    Raises:
        InputError: if the disk is too full.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, file.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            # A file system that cannot reserve: the space was there a moment ago.
            return
        free = shutil.disk_usage(file.parent).free
        raise _too_large(file.parent, P, free) from None


def _too_large(folder: Path, P: int, free: int) -> InputError:
    return InputError(
        f"a kernel of P = {P} samples needs {format_bytes(4 * P * P)} on disk and "
        f"{format_bytes(free)} are free in {folder}: P up to {int((free / 4) ** 0.5)} fits; make "
        "room, or name another folder for kernels"
    )


def _paths(folder: Path, key: str) -> tuple[Path, Path]:
    return folder / f"ntk-{key}.npy", folder / f"ntk-{key}.json"


def _checksums(K: NDArray[np.float32]) -> list[int]:
    """Return the CRC-32 of every ``_ROWS`` rows."""
    return [zlib.crc32(K[first : first + _ROWS].data) for first in range(0, len(K), _ROWS)]
