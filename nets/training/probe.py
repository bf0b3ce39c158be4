"""Observables on a small probe set: gradient noise and the change of the empirical NTK."""

import math
from typing import NamedTuple

import torch

from nets.architectures.base import Architecture, sample_gradients

# Samples of the probe: the first of the training set, which is in random order.
PROBE = 64


class Probe(NamedTuple):
    """The probe sets of R runs; those with fewer than n samples have any others in their place.

    With K the kernel of the probe and s_n = y_n where sample n is unfitted, else 0, the gradients
    of the samples' losses are g_n = -s_n df/dw, so the trace of their covariance is
    [sum_n s_n^2 K_nn - (s^T K s) / n] / (n - 1): the noise of SGD has the covariance
    (eta^2/B) times theirs, up to (P - B)/(P - 1) (eq. (12) of docs/theory.md).

    Attributes:
        x: inputs, shape (R, n, d).
        y, f0: labels and initial outputs, shape (R, n), in the precision of the net.
        kappa: margin, shape (R,), float64.
        P: training samples of each, shape (R,).
    """

    x: torch.Tensor
    y: torch.Tensor
    f0: torch.Tensor
    kappa: torch.Tensor
    P: torch.Tensor

    def look(
        self, net: Architecture, weights: list[torch.Tensor], start: torch.Tensor
    ) -> torch.Tensor:
        """Return the noise and ||K - K_0|| / ||K_0|| (Frobenius norms), shape (R, 2), float64.

        Args:
            net: the architecture.
            weights: now, one tensor (R, ...) a layer.
            start: K_0, what ``kernel`` returned at the initial weights.
        """
        f = net.forward(weights, self.x)[0].double()
        kernel = self.kernel(net, weights)
        gap = self.y.double() * (f - self.f0.double())
        there = self._there()
        s = torch.where(there & ~(gap >= self.kappa[:, None]), self.y.double(), 0.0)
        n = there.sum(dim=1).double()
        along = (s**2 * kernel.diagonal(dim1=1, dim2=2)).sum(dim=1)
        across = (s * (kernel @ s[:, :, None])[:, :, 0]).sum(dim=1)
        trace = torch.where(n > 1, (along - across / n) / (n - 1.0), math.nan)
        change = (kernel - start).flatten(1).norm(dim=1) / start.flatten(1).norm(dim=1)
        return torch.stack([trace, change], dim=1)

    def kernel(self, net: Architecture, weights: list[torch.Tensor]) -> torch.Tensor:
        """Return the kernels of the probe sets, shape (R, n, n), float64; 0 beyond P."""
        if hasattr(net, "factors"):
            factors = net.factors(weights, self.x)
            parts = [torch.bmm(a, a.mT) * torch.bmm(b, b.mT) for a, b in factors]
            found = torch.stack(parts).double().sum(dim=0)
        else:
            # One after the other: gradients sample by sample take n times the weights.
            found = torch.stack(
                [self._of_one(net, [w[i] for w in weights], x) for i, x in enumerate(self.x)]
            )
        there = self._there()
        return torch.where(there[:, :, None] & there[:, None, :], found, 0.0)

    @staticmethod
    def _of_one(net: Architecture, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        each = sample_gradients(net, weights, x)
        gradients = [part.flatten(1).double() for part in each]
        return sum((g @ g.T for g in gradients), x.new_zeros(1, dtype=torch.float64))

    def _there(self) -> torch.Tensor:
        """Return which samples are the run's own, shape (R, n)."""
        return torch.arange(self.x.shape[1], device=self.x.device) < self.P[:, None]
