"""SGD on fresh samples. Every batch is new, so that only w_1 and |w_perp| of w matter.

A fresh sample is independent of w. Its component g along w_perp is N(0, 1). The sum of the other
d - 2 coordinates over k hits is isotropic, with squared length k chi^2_{d-2}. So the pair
(w_1, |w_perp|) is a Markov chain. It is simulated here exactly, in O(B) per step for any d.
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled


@compiled
def online_sgd(
    rng: np.random.Generator,
    chi: float,
    d: int,
    B: int,
    threshold: float,
    steps: IntArray,
    w1_out: FloatArray,
    w_perp_out: FloatArray,
) -> None:
    """Run SGD from w = 0 on batches of B fresh samples; natural units (w in units of T).

    Args:
        rng: source of randomness; advanced in place.
        chi: density exponent at the boundary, > -1.
        d: input dimension, >= 2.
        B: batch size, >= 1.
        threshold: kappa / T; a sample is unfitted while w.z / sqrt(d) is below it.
        steps: the step numbers after which to record, increasing, >= 1, shape (n,).
        w1_out: w_1 after these steps, shape (n,).
        w_perp_out: |w_perp| after these steps, shape (n,).
    """
    shape = 0.5 * (chi + 1.0)
    scale = 1.0 / math.sqrt(d)
    level = threshold / scale
    w1 = 0.0
    w_perp = 0.0
    step = 0
    for i in range(steps.size):
        while step < steps[i]:
            step += 1
            hits = 0
            sum_1 = 0.0
            sum_g = 0.0
            for _ in range(B):
                z_1 = math.sqrt(2.0 * rng.standard_gamma(shape))
                g = rng.standard_normal()
                if w1 * z_1 + w_perp * g < level:
                    hits += 1
                    sum_1 += z_1
                    sum_g += g
            if hits > 0:
                w1 += scale * sum_1
                along = w_perp + scale * sum_g
                # At d = 2 there is no other direction.
                across = scale * scale * hits * rng.chisquare(d - 2.0) if d > 2 else 0.0
                w_perp = math.sqrt(along * along + across)
        w1_out[i] = w1
        w_perp_out[i] = w_perp
