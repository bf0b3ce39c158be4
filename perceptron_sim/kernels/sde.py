"""The SDE of SGD, dw = -grad L dt + sqrt(T) Sigma(w)^(1/2) dW, by Euler and Maruyama.

Sigma is the exact covariance of the gradient of one sample over the training set. Its root is
never formed: with k unfitted samples and independent normal zeta_mu for each of P samples,

    P^(-1/2) sum_mu (zeta_mu - mean zeta) theta_mu phi_mu

has covariance Sigma, and only the sum over the P - k fitted ones is needed of their zeta.

The SDE is SGD while many samples are hit before any one of them is hit again, P n >> d. Each
unfitted sample gets P^(-1/2) zeta_mu + 1/P in a step of T: what SGD gives it in one jump of 1, with
probability 1/P, here comes by diffusion, which touches its margin from below (docs/phase.md).
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import margin, training_state
from perceptron_sim.kernels.run_state import (
    HITS,
    LAST_UPDATE_STEP,
    RECORDED,
    STEPS_DONE,
    UPDATES,
    Recorder,
)
from perceptron_sim.kernels.status import (
    DIVERGED,
    FITTED,
    INTERRUPTED,
    MAX_STEPS,
    MAX_UPDATES,
)


@compiled
def sde_sgd(
    features: FloatArray,
    threshold: float,
    B: int,
    rng: np.random.Generator,
    limits: IntArray,
    stop: IntArray,
    recorder: Recorder,
    w: FloatArray,
    counters: IntArray,
    hit_counts: IntArray,
    refine: int,
) -> int:
    """Integrate the SDE from ``w`` until every sample has margin >= threshold; natural units.

    A step lasts the time T / ``refine``, whatever B: the SDE depends on B only by the factor
    (P - B)/(P - 1) of batches of distinct samples in its noise, which ends at gradient flow for
    B = P. Without an unfitted sample drift and noise vanish, so the end is an end.

    Other arguments and the result are those of ``reference_sgd``; ``hit_counts`` stays as it is,
    and HITS counts nothing: weights move by other than whole samples.
    """
    P, d = features.shape
    unfitted = np.empty(P, np.int64)
    zeta = np.empty(P)
    drift = 1.0 / P / refine
    amplitude = math.sqrt((P - B) / (P - 1.0) / P / refine) if P > 1 else 0.0
    step = 0
    recorded = 0
    status = MAX_STEPS

    while True:
        if recorded < recorder.steps.size and recorder.steps[recorded] == step:
            recorder.w[recorded] = w
            recorder.unfitted[recorded], recorder.loss[recorded] = training_state(
                features, w, threshold
            )
            recorded += 1

        k = 0
        for i in range(P):
            if margin(features, i, w) < threshold:
                unfitted[k] = i
                k += 1
        if k == 0:
            status = FITTED
            break
        if step >= limits[0]:
            break
        if step >= limits[1]:
            status = MAX_UPDATES
            break
        if stop[0] != 0:
            status = INTERRUPTED
            break

        step += 1
        total = 0.0
        for a in range(k):
            zeta[a] = rng.standard_normal()
            total += zeta[a]
        mean = (total + math.sqrt(float(P - k)) * rng.standard_normal()) / P
        for a in range(k):
            weight = drift + amplitude * (zeta[a] - mean)
            for j in range(d):
                w[j] += weight * features[unfitted[a], j]
        if not np.isfinite(w[0]):
            status = DIVERGED
            break

    counters[LAST_UPDATE_STEP] = step
    counters[UPDATES] = step
    counters[HITS] = 0
    counters[STEPS_DONE] = step
    counters[RECORDED] = recorded
    return status
