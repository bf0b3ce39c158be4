"""SGD on the perceptron written plainly, in the units of the paper: the tests' own oracle."""

import numpy as np


def numpy_sgd(x, y, kappa: float, eta: float, batches):
    """Yield (w, f unfitted count in the batch) after every batch; x (P, d), y (P,) of +-1."""
    d = x.shape[1]
    w = np.zeros(d)
    for batch in batches:
        f = x[batch] @ w / np.sqrt(d)
        theta = (kappa - y[batch] * f > 0) if kappa > 0 else (y[batch] * f <= 0)
        gradient = -(theta * y[batch]) @ x[batch] / (len(batch) * np.sqrt(d))
        w = w - eta * gradient
        yield w.copy(), int(theta.sum())
