"""The empirical neural tangent kernel: K(x, x') = sum over weights of df/dw(x) df/dw(x').

In the limit alpha -> infinity a net trained from weights w_0 is the kernel machine of this K
(eq. (2) of docs/lazy.md).
"""

from collections.abc import Callable, Sequence
from os import PathLike

import numpy as np
from numpy.typing import NDArray

from nets.architectures.base import Architecture
from nets.ntk.jacobians import JacobianProducts
from nets.ntk.layers import LayerProducts
from nets.ntk.storage import create, key_of_kernel, open_kernel
from nets.ntk.tiles import BuildStopped, Products, fill
from perceptron_sim import parameters
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.runs.memory import available_bytes, format_bytes

__all__ = ["BuildStopped", "check_kernel_memory", "ntk", "ntk_cross"]

# Share of the free memory that a kernel may plan with.
_SHARE = 0.8


def ntk(
    architecture: Architecture,
    weights: Sequence[FloatArray],
    x: FloatArray,
    *,
    folder: str | PathLike[str] | None = None,
    budget: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """Return K_mn = sum over weights of df/dw(x_m) df/dw(x_n) (docs/lazy.md (1)).

    K is exactly symmetric, and leading blocks do not depend on what samples follow, bit for bit.

    Args:
        architecture: of the net.
        weights: one array a layer, shapes ``architecture.shapes``.
        x: inputs, shape (P, d).
        folder: where to keep K as a memory-mapped file, known by its content and used again; by
            default K is in memory.
        budget: bytes to plan with; by default 80 % of the memory at hand.
        workers: threads; default one per core.
        progress: watcher.
        stop: asked between tiles; once true, ``BuildStopped`` is raised.

    Returns:
        K, shape (P, P), float32, accurate to about 1e-6 of sqrt(K_mm K_nn).

    Raises:
        InputError: if K fits neither memory nor, with ``folder``, the disk; the message says
            which P would fit.
    """
    watcher = progress or NoProgress()
    P = len(x)
    room = _room(budget)

    def build(out: NDArray[np.float32], left: int) -> NDArray[np.float32]:
        products = _kind(architecture)(architecture, weights, x, None, left)
        return fill(out, products, workers, watcher, stop)

    if folder is None:
        check_kernel_memory(P, budget=room)
        return build(np.empty((P, P), dtype=np.float32), room - 4 * P * P)
    key = key_of_kernel(architecture, weights, x)
    folder = parameters.path("folder", folder)
    found = open_kernel(folder, key, P, watcher)
    if found is None:
        with create(folder, key, P) as on_disk:
            build(on_disk, room)
        found = open_kernel(folder, key, P, watcher)
    if found is None:
        raise InputError(f"the kernel written to {folder} reads back changed: check that disk")
    return found


def ntk_cross(
    architecture: Architecture,
    weights: Sequence[FloatArray],
    x: FloatArray,
    others: FloatArray,
    *,
    budget: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> NDArray[np.float32]:
    """Return the kernel between two sets of inputs, shape (len(x), len(others)), float32.

    Args:
        architecture, weights, budget, workers, progress, stop: as in ``ntk``.
        x: inputs, shape (P, d).
        others: inputs, shape (Q, d), for example of the test set.

    Raises:
        InputError: if it does not fit into memory.
    """
    room = _room(budget)
    needed = 4 * len(x) * len(others)
    if needed > room:
        raise InputError(
            f"a kernel between {len(x)} and {len(others)} samples needs {format_bytes(needed)} "
            f"and {format_bytes(room)} are at hand: lower P or P_test"
        )
    K = np.empty((len(x), len(others)), dtype=np.float32)
    products = _kind(architecture)(architecture, weights, x, others, room - needed)
    return fill(K, products, workers, progress or NoProgress(), stop)


def check_kernel_memory(P: int, budget: int | None = None) -> None:
    """Refuse a kernel of P samples that does not fit into memory.

    Raises:
        InputError: with the largest P that would fit.
    """
    room = _room(budget)
    if room < 4 * P * P:
        raise InputError(
            f"a kernel of P = {P} samples needs {format_bytes(4 * P * P)} of memory and "
            f"{format_bytes(room)} are at hand: P up to {int((room / 4) ** 0.5)} fits, "
            "or keep kernels on disk (nets lazy --kernels DIR)"
        )


def _room(budget: int | None) -> int:
    return int(_SHARE * available_bytes()) if budget is None else budget


def _kind(architecture: Architecture) -> type[Products]:
    """Return what computes tiles: layer by layer where the architecture gives its factors."""
    return LayerProducts if hasattr(architecture, "factors") else JacobianProducts
