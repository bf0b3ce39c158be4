"""Observables on a small probe set: gradient noise and the change of the empirical NTK."""

import math

import numpy as np
import torch

from nets.architectures.base import Architecture, sample_gradients
from nets.training.course import Look
from perceptron_sim.arrays import FloatArray

# Samples of the probe: the first of the training set, which is in random order.
PROBE = 64


class Probe:
    """The probe set of one run, with its kernel at the start.

    With K the kernel of the probe and s_n = y_n where sample n is unfitted, else 0, the gradients
    of the samples' losses are g_n = -s_n df/dw, so the trace of their covariance is
    [sum_n s_n^2 K_nn - (s^T K s) / n] / (n - 1): the noise of SGD has the covariance
    (eta^2/B) times theirs, up to (P - B)/(P - 1) (eq. (12) of docs/theory.md).
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: list[torch.Tensor],
        x: torch.Tensor,
        y: np.ndarray,
        f0: np.ndarray,
        kappa: float,
    ) -> None:
        """Remember the start.

        Args:
            architecture: of the net.
            weights: at the start, one tensor a layer with a replica axis of length 1.
            x: training inputs, shape (P, d); the first ``PROBE`` are used.
            y, f0: labels and initial outputs, shape (P,).
            kappa: margin.
        """
        self._net = architecture
        self._x = x[:PROBE][None].clone()
        self._y = np.array(y[:PROBE], dtype=np.float64)
        self._f0 = np.array(f0[:PROBE], dtype=np.float64)
        self._kappa = kappa
        self._start = self._kernel(weights)

    def look(self, weights: list[torch.Tensor]) -> Look:
        """Return the noise and ||K - K_0|| / ||K_0|| (Frobenius norms) at these weights."""
        with torch.no_grad():
            f = self._net.forward(weights, self._x)[0][0].double().cpu().numpy()
        with np.errstate(over="ignore", invalid="ignore"):
            kernel = self._kernel(weights)
            n = len(self._y)
            s = np.where(self._y * (f - self._f0) >= self._kappa, 0.0, self._y)
            trace = math.nan
            if n > 1:
                trace = float((s**2 @ np.diagonal(kernel) - s @ kernel @ s / n) / (n - 1))
            change = np.linalg.norm(kernel - self._start) / np.linalg.norm(self._start)
        return Look(trace, float(change))

    def _kernel(self, weights: list[torch.Tensor]) -> FloatArray:
        """Return the kernel of the probe set, shape (n, n), float64."""
        if hasattr(self._net, "factors"):
            with torch.no_grad():
                factors = self._net.factors(weights, self._x)
                parts = [(a[0] @ a[0].T) * (b[0] @ b[0].T) for a, b in factors]
            total = torch.stack(parts).double().sum(dim=0)
        else:
            each = sample_gradients(self._net, [w[0] for w in weights], self._x[0])
            gradients = [part.flatten(1).double() for part in each]
            total = sum((g @ g.T for g in gradients), torch.zeros(1).to(self._x))
        return np.asarray(total.cpu().numpy(), dtype=np.float64)
