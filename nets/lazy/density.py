"""The density of margins near zero, from the kernel alone: an exponent to compare with chi_eff.

The early solution is the first step of gradient descent, v ~ y. Its margin on a sample, the
sample's own contribution left out, is u = s + noise: s, the distance from the boundary along what
the data agree on, has density ~ s^chi near zero; the noise, of P random contributions, is Gaussian.
In the perceptron s = |x_1| and all this is exact (eq. (1) of docs/theory.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import optimize, special, stats

from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel
from nets.lazy.kernel_log import KernelLog, OfSamples
from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import half_width
from perceptron_sim.kernels.kernel_sgd import add_rows

# Margins up to this quantile are fitted; what lies beyond says nothing of the boundary.
_QUANTILE = 0.8
_MOST_BINS = 80
# Gaussian margins are the limit of a wide smear, where any exponent fits as well. One is determined
# if it is likelier than a Gaussian by more than chance would make it with this probability.
_CHANCE = 1e-4
_LARGEST = 8.0
_S = np.geomspace(1e-3, 6.0, 300)


@dataclass(frozen=True)
class DensityFit(OfSamples):
    """Density s^chi exp(-c s^2), s > 0, smeared by Gaussian noise, fitted to margins.

    Attributes:
        chi: exponent; it means nothing without evidence.
        evidence: log likelihood of the fit minus that of Gaussian margins.
        smear: standard deviation of the noise in units of that of the margins.
        error: fraction of negative margins, the error of the early solution.
        P: number of margins.
        misfit: chi-square per bin with five or more expected counts.
    """

    chi: float
    evidence: float
    smear: float
    error: float
    P: int
    misfit: float


def early_margins(kernel: LazyKernel) -> FloatArray:
    """Return y f of the first gradient step, each sample's own part left out, shape (P,)."""
    K = kernel.matrix.entries
    f = np.zeros(len(kernel.y))
    add_rows(K, kernel.y, f)
    return np.asarray(kernel.y * f - np.diagonal(K))


def fit_density(margins: FloatArray) -> DensityFit:
    """Fit chi, c and the smear by maximum likelihood to the binned lower part of the margins.

    Args:
        margins: shape (P,), in any unit.
    """
    u = margins / margins.std()
    top = float(np.quantile(u, _QUANTILE))
    bins = min(_MOST_BINS, max(8, len(u) // 20))
    edges = np.linspace(u.min() - 1e-9, top, bins + 1)
    counts = np.histogram(u, edges)[0]
    middle = 0.5 * (edges[1:] + edges[:-1])

    def minus_log_likelihood(p: FloatArray) -> float:
        chi, c, log_smear = p
        if not (-0.99 < chi < 2 * _LARGEST and -5.0 < c < 50.0 and -7.0 < log_smear < 2.0):
            return math.inf
        return -float(counts @ np.log(_probabilities(middle, chi, c, math.exp(log_smear))))

    # Three starts: with few samples near zero the likelihood is flat from chi = 1 to 4.
    ends = [
        optimize.minimize(
            minus_log_likelihood,
            np.array([chi, 0.5, -1.5]),
            method="Nelder-Mead",
            options={"maxiter": 2000, "xatol": 1e-4, "fatol": 1e-3},
        )
        for chi in (0.0, 1.0, 3.0)
    ]
    best = min(ends, key=lambda end: end.fun)
    chi, c, log_smear = best.x

    def gaussian(p: FloatArray) -> float:
        logs = stats.norm.logpdf(middle, p[0], math.exp(p[1]))
        return float(counts.sum() * special.logsumexp(logs) - counts @ logs)

    plain = optimize.minimize(gaussian, np.array([u.mean(), 0.0]), method="Nelder-Mead").fun
    expected = counts.sum() * _probabilities(middle, chi, c, math.exp(log_smear))
    enough = expected >= 5
    squares = (counts[enough] - expected[enough]) ** 2 / expected[enough]
    return DensityFit(
        chi=float(chi),
        evidence=max(0.0, float(plain - best.fun)),
        smear=math.exp(log_smear),
        error=float(np.mean(margins <= 0)),
        P=len(margins),
        misfit=float(squares.mean()) if enough.any() else 0.0,
    )


def _probabilities(u: FloatArray, chi: float, c: float, smear: float) -> FloatArray:
    """Return the probability of each bin with middle u, of equal widths."""
    # The integral over s by the trapezoidal rule in ln s.
    weight = np.exp((chi + 1.0) * np.log(_S) - c * _S**2)
    density = np.exp(-0.5 * ((u[:, None] - _S) / smear) ** 2) @ weight
    density = np.maximum(density, 1e-300)
    return np.asarray(density / density.sum())


@dataclass(frozen=True)
class DensityRow:
    """chi_density over seeds.

    Attributes:
        measured: mean over seeds; None where margins do not determine it.
        ci_low, ci_high: 95 % interval, Student t over seeds; None from a single seed.
        error, smear, misfit: means over seeds, as in ``DensityFit``.
        P: number of margins.
        n_seeds: number of kernels.
    """

    measured: float | None
    ci_low: float | None
    ci_high: float | None
    error: float
    smear: float
    misfit: float
    P: int
    n_seeds: int


def density_row(fits: Sequence[DensityFit]) -> DensityRow:
    """Average over the kernels of runs that differ only in the seed."""
    found = np.array([fit.chi for fit in fits])
    # Twice the log likelihood ratio has one degree of freedom a seed.
    chance = stats.chi2.sf(2.0 * sum(fit.evidence for fit in fits), len(fits))
    determined = chance < _CHANCE and found.max() < _LARGEST
    measured = float(found.mean()) if determined else None
    low = high = None
    if measured is not None and len(found) > 1:
        half = half_width(found)
        low, high = measured - half, measured + half
    means: dict[str, Any] = {
        name: float(np.mean([getattr(fit, name) for fit in fits]))
        for name in ("error", "smear", "misfit")
    }
    return DensityRow(measured, low, high, P=fits[0].P, n_seeds=len(fits), **means)


class DensityLog(KernelLog[DensityFit]):
    """Fits to the margins of kernels, each at the largest P of its runs."""

    kind: ClassVar[type[DensityFit]] = DensityFit

    def measure(self, kernel: LazyKernel, sizes: Sequence[int]) -> list[DensityFit]:
        """Fit the margins of all samples."""
        return [fit_density(early_margins(kernel))]

    def sizes(self, runs: Sequence[LazyConfig]) -> list[int]:
        """Return the largest P."""
        return super().sizes(runs)[-1:]

    def of(self, runs: Sequence[LazyConfig]) -> list[DensityFit]:
        """Return the fits of the kernels of ``runs``, where each is of their largest P."""
        (P,) = self.sizes(runs)
        kernels = {run.kernel_key(): run for run in runs}
        fits = [self.known(run, P) for _, run in sorted(kernels.items())]
        return [fit for fit in fits if fit is not None]
