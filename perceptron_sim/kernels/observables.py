"""Observables of a weight vector, in natural units (features = z / sqrt(d), w in T)."""

from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.jit import compiled, reassociated


@reassociated
def margin(features: FloatArray, i: int, w: FloatArray) -> float:
    """Return w.phi_i: ``features`` (P, d), ``w`` (d,)."""
    total = 0.0
    for j in range(w.size):
        total += features[i, j] * w[j]
    return total


@compiled
def find_unfitted(features: FloatArray, w: FloatArray, threshold: float, start: int) -> int:
    """Return the first sample at or cyclically after ``start`` with margin < threshold, or -1."""
    P = features.shape[0]
    for offset in range(P):
        i = start + offset
        if i >= P:
            i -= P
        if margin(features, i, w) < threshold:
            return i
    return -1


@compiled
def training_state(features: FloatArray, w: FloatArray, threshold: float) -> tuple[int, float]:
    """Return (number of unfitted samples, sum over them of threshold - margin)."""
    unfitted = 0
    loss = 0.0
    for i in range(features.shape[0]):
        gap = threshold - margin(features, i, w)
        if gap > 0.0:
            unfitted += 1
            loss += gap
    return unfitted, loss
