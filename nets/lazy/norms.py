"""The hard-margin solution of the kernels of lazy runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel
from nets.lazy.kernel_log import KernelLog, OfSamples
from perceptron_sim.theory import Separability, max_margin_norm

# The law holds within some per cent: a norm known better tells no more.
_GAP = 1e-3


@dataclass(frozen=True)
class KernelNorm(OfSamples):
    """The hard-margin solution of the leading P samples of a kernel.

    Attributes:
        P: number of samples.
        omega: least norm that fits with margin 1; None where the samples are not separable.
        gap: certified relative gap of omega, or None.
        K_mean: mean of the diagonal.
        K_spread: its standard deviation over its mean.
        n_support: number of support vectors.
        participation: (trace K)^2 / trace K^2, an effective number of dimensions.
        label_mean: mean of y_mu y_nu K_munu over pairs of different samples; None where an earlier
            version measured.
    """

    P: int
    omega: float | None
    gap: float | None
    K_mean: float
    K_spread: float
    n_support: int
    participation: float
    label_mean: float | None = None


class NormLog(KernelLog[KernelNorm]):
    """Hard-margin solutions at each P of a scan."""

    kind: ClassVar[type[KernelNorm]] = KernelNorm

    def measure(self, kernel: LazyKernel, sizes: Sequence[int]) -> list[KernelNorm]:
        """Return the solutions; each starts anew, so that it does not depend on the others."""
        return [_norm(kernel, P) for P in sizes]

    def of(self, runs: Sequence[LazyConfig]) -> dict[str, KernelNorm]:
        """Return what is known, by the keys of lazy runs and of the nets that they pair."""
        found = [(run, self.known(run)) for run in runs]
        lazy = {run.key(): norm for run, norm in found if norm}
        return lazy | {run.config.key(): norm for run, norm in found if norm and run.paired}


def _norm(kernel: LazyKernel, P: int) -> KernelNorm:
    entries = kernel.matrix.entries[:P, :P]
    diagonal = np.diagonal(entries).astype(np.float64)
    y = kernel.y[:P]
    end = max_margin_norm(kernel.matrix, y, gap=_GAP)
    known = end.status is Separability.SEPARABLE
    parts = list(
        zip(np.array_split(entries, -(-P // 512)), np.array_split(y, -(-P // 512)), strict=True)
    )
    squares = sum(float(np.vdot(part, part)) for part, _ in parts)
    pairs = sum(float(labels @ (part @ y)) for part, labels in parts) - float(diagonal.sum())
    return KernelNorm(
        P=P,
        omega=end.omega if known else None,
        gap=end.gap if known else None,
        K_mean=float(diagonal.mean()),
        K_spread=float(diagonal.std() / diagonal.mean()),
        n_support=len(end.support),
        participation=float(diagonal.sum()) ** 2 / squares,
        label_mean=pairs / (P * (P - 1)) if P > 1 else None,
    )
