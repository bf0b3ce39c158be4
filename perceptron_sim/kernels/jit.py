"""The one home of Numba's options.

Policy:
    * ``nogil``: kernels run side by side in threads of one process.
    * ``cache``: compiled once per machine, kept on disk, so a second process compiles nothing.
    * No ``parallel``: kernels are serial; parallelism is above them (a kernel with its own
      thread pool aborts Python when called from several threads).
    * ``fastmath`` only for ``reassociated``: it lets a dot product be summed in vector lanes.
      Such a sum is only ever compared with a threshold, so another order of summation changes
      a trajectory only where a margin lies within rounding, about 1e-15, of the threshold.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """Compile a kernel with the project's options; strict IEEE arithmetic."""
    return cast(F, numba.njit(nogil=True, cache=True, error_model="numpy")(function))


def reassociated(function: F) -> F:
    """Compile a kernel whose sums may be reordered and contracted (see the module's policy)."""
    options = {"reassoc", "contract", "nsz"}
    return cast(
        F, numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=options)(function)
    )
