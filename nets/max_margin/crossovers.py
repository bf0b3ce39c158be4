"""Where regimes of nets meet, from their kernels alone (docs/phase.md).

Noise ends at ||w - w_0|| = u T h <K> omega, gradient descent at kappa omega (the max-margin law).
The first step moves the weights by eta |g|, with |g|^2 = <K>/B + (1 - 1/B) <y K y>, the mean over
batches of B distinct samples, <y K y> that of y_mu y_nu K_munu over pairs of different samples.
"""

import math
from dataclasses import dataclass

from nets.lazy.norms import KernelNorm
from nets.max_margin.law import U

# Range of u at one sample per step, over nets and data (docs/lazy.md).
_RANGES = {"mlp": (0.42, 0.52)}
_OTHERS = (0.32, 0.52)


@dataclass(frozen=True)
class Crossovers:
    """Where regimes of the nets of one kernel meet.

    Attributes:
        T_c_over_kappa: 1/(u h <K>), where noise takes over from gradient descent.
        plateau: ||w - w_0|| / kappa of gradient descent, omega.
        B_star: batch size at which the first step takes over from noise; None where the gradient
            at the start does not add up.
    """

    T_c_over_kappa: float
    plateau: float
    B_star: float | None


def range_of_u(arch: str) -> tuple[float, float]:
    """Return the least and the largest u that was measured at one sample per step."""
    return _RANGES.get(arch, _OTHERS)


def error_of_u(arch: str) -> float:
    """Return the standard error of ln u: half of the way from 1/2 to the farther end of its range.

    >>> round(error_of_u("mlp"), 3)
    0.087
    """
    return 0.5 * max(abs(math.log(end / U)) for end in range_of_u(arch))


def crossovers(norm: KernelNorm, width: int, u: float = U) -> Crossovers | None:
    """Return what the kernel predicts, None where its samples are not separable.

    eta |g| = u T h <K> omega with eta = T B h is quadratic in B*:
    B* <K> + B* (B* - 1) <y K y> = (u <K> omega)^2.

    Args:
        norm: the hard-margin solution and means of a kernel.
        width: h.
        u: shift of the margin at the end, in units of a hit.
    """
    if norm.omega is None:
        return None
    pairs, B_star = norm.label_mean, None
    if pairs is not None:
        b, c = norm.K_mean - pairs, (u * norm.K_mean * norm.omega) ** 2
        inside = b * b + 4.0 * pairs * c
        B_star = 2.0 * c / (b + math.sqrt(inside)) if inside >= 0.0 else None
    return Crossovers(1.0 / (u * width * norm.K_mean), norm.omega, B_star)
