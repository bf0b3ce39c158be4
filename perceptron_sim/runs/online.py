"""SGD on fresh samples, the process that the order-parameter equations describe."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim import parameters
from perceptron_sim.arrays import ByValue, FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.kernels.online import online_sgd
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.memory import check_memory

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class OnlineResult(ByValue):
    """Replicas of SGD on fresh samples. Weights and t scale with T.

    Attributes:
        steps: step numbers, shape (n,).
        t: learning rate times steps, shape (n,).
        w1: signal w_1 of each replica, shape (replicas, n).
        w_perp: noise |w_perp| of each replica, shape (replicas, n).
    """

    steps: IntArray
    t: FloatArray
    w1: FloatArray
    w_perp: FloatArray

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw w_1 and |w_perp| of each replica against t; return the axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
        """
        from perceptron_sim.drawing.mpl import plot
        from perceptron_sim.runs.figures import online_panel

        return plot(online_panel(self), ax)


def simulate_online(
    t: ArrayLike,
    *,
    chi: float = 1.0,
    d: int = 16,
    B: int = 2,
    T: float = 1.0,
    kappa: float = 0.0,
    replicas: int = 16,
    seed: int = 0,
) -> OnlineResult:
    """Run SGD from w = 0 with every batch drawn anew, docs/theory.md (M1), in O(B) per step.

    Args:
        t: times at which to record, increasing, shape (n,); recorded at the nearest step >= 1.
        chi: density exponent at the boundary, > -1.
        d: input dimension, >= 2.
        B: batch size, >= 1.
        T: temperature eta / B, > 0.
        kappa: margin, >= 0; 0 is the limit kappa -> 0+.
        replicas: number of independent runs.
        seed: fixes all of them.

    Raises:
        InputError: if an argument is out of range.

    >>> from perceptron_sim import simulate_online
    >>> simulate_online([2.0, 20.0, 200.0], d=8, replicas=4).w1.shape
    (4, 3)
    """
    parameters.integer("replicas", replicas, 1, "there must be a run")
    # A training set of B samples replaces the absent one, so that the same checks apply.
    config = PerceptronConfig(chi=chi, d=d, P=B, B=B, T=T, kappa=kappa, seed=seed)
    times = np.atleast_1d(np.asarray(t, dtype=np.float64))
    if not (times.ndim == 1 and np.all(times > 0.0) and np.all(np.isfinite(times))):
        raise InputError("t must be positive and finite, for example np.geomspace(1, 1e4)")
    if times.size and not times.max() < 2.0**62 * config.eta:
        raise InputError(f"t = {times.max():g} is too late: allowed are up to 2^62 steps of eta")
    steps = np.unique(np.maximum(1, np.rint(times / config.eta).astype(np.int64)))
    check_memory(16 * replicas * (1 + steps.size), f"{replicas} replicas")
    w1 = np.empty((replicas, steps.size))
    w_perp = np.empty((replicas, steps.size))
    streams = config.stream("online").spawn(replicas)
    for i, rng in enumerate(streams):
        online_sgd(rng, config.chi, d, B, config.threshold, steps, w1[i], w_perp[i])
    scale = config.T
    return OnlineResult(steps=steps, t=config.eta * steps, w1=scale * w1, w_perp=scale * w_perp)
