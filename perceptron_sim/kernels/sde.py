"""Dynamics that move w by every unfitted sample at each step: SDEs of SGD, and Poisson hits.

An unfitted sample gets weight a + s zeta, with independent normal zeta. Its mean is the drift
-grad L dt. Its variance is that of dw = -grad L dt + sqrt(T) Sigma^(1/2) dW by Euler-Maruyama.

Centred: Sigma is the exact covariance of the gradient of one sample over the training set. Its root
is never formed: with k unfitted samples and independent normal zeta_mu for each of P samples,

    P^(-1/2) sum_mu (zeta_mu - mean zeta) theta_mu phi_mu

has covariance Sigma, and only the sum over the P - k fitted ones is needed of their zeta.

Uncentred: Sigma is the second moment P^(-1) sum_mu theta_mu phi_mu phi_mu^T, as in the program of
the papers' authors, in steps of eta = T B.

Poisson: the weight is the number of hits, Poisson with the same mean. Its covariance is that of the
uncentred noise. Only the jumps differ. Steps without a hit are counted at once.

An SDE agrees with SGD while many samples are hit before any one of them is hit again, P n >> d.
Each unfitted sample gets P^(-1/2) zeta_mu + 1/P in a step of T. SGD gives it one jump of 1, with
probability 1/P. Diffusion instead touches its margin from below (docs/phase.md).
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import random_below
from perceptron_sim.kernels.dynamics import CENTRED, POISSON, UNCENTRED
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.observables import margin
from perceptron_sim.kernels.run_state import Recorder, record, write_counts
from perceptron_sim.kernels.status import DIVERGED, FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES


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
    kind: int,
) -> int:
    """Move all unfitted samples, step by step, until every sample has margin >= threshold.

    A step lasts T / ``refine``, or eta / ``refine`` if ``kind`` is UNCENTRED. The centred SDE
    depends on B only by the factor (P - B)/(P - 1) of batches of distinct samples in its noise,
    which becomes gradient flow for B = P. Poisson hits do not depend on B. Without an unfitted
    sample drift and noise vanish, so nothing moves after the end.

    Other arguments and the result are those of ``reference.plain_sgd``. Hits are counted if
    ``kind`` is POISSON. Otherwise weights do not move by whole samples.
    """
    P = features.shape[0]
    unfitted = np.empty(P, np.int64)
    weights = np.empty(P)
    drift = (B if kind == UNCENTRED else 1.0) / P / refine
    amplitude = math.sqrt(drift)
    if kind == CENTRED:
        amplitude = math.sqrt((P - B) / (P - 1.0) / P / refine) if P > 1 else 0.0
    step, last_update, updates, hits = 0, 0, 0, 0
    due = record(recorder, counters, features, w, threshold, 0)
    while True:
        k = 0
        for i in range(P):
            if margin(features, i, w) < threshold:
                unfitted[k] = i
                k += 1
        if k == 0:
            status = FITTED
            break
        # In steps without a hit, probability exp(-k drift), nothing changes.
        wait = 1.0
        if kind == POISSON:
            wait += math.floor(-math.log(1.0 - rng.random()) / (k * drift))
        target = int(min(wait, float(limits[0] - step + 1))) + step
        if due < target:
            due = record(recorder, counters, features, w, threshold, min(target, limits[0]))
        if target > limits[0]:
            step = limits[0]
            status = MAX_STEPS
            break
        if updates >= limits[1]:
            status = MAX_UPDATES
            break
        if stop[0] != 0:
            status = INTERRUPTED
            break
        step = last_update = target
        updates += 1
        if kind == POISSON:
            hits += draw_hits(rng, k * drift, weights[:k])
            for a in range(k):
                hit_counts[unfitted[a]] += int(weights[a])
        else:
            draw_moves(rng, drift, amplitude, P if kind == CENTRED else 0, weights[:k])
        for a in range(k):
            if weights[a] != 0.0:
                for j in range(w.size):
                    w[j] += weights[a] * features[unfitted[a], j]
        if not np.isfinite(w[0]):
            status = DIVERGED
            break
    write_counts(counters, step, last_update, updates, hits)
    return status


@compiled
def draw_moves(
    rng: np.random.Generator, drift: float, amplitude: float, P: int, weights: FloatArray
) -> None:
    """Fill ``weights`` with drift + amplitude zeta, less the mean zeta of ``P`` samples if > 0."""
    total = 0.0
    for a in range(weights.size):
        weights[a] = rng.standard_normal()
        total += weights[a]
    mean = 0.0
    if P > 0:
        mean = (total + math.sqrt(float(P - weights.size)) * rng.standard_normal()) / P
    for a in range(weights.size):
        weights[a] = drift + amplitude * (weights[a] - mean)


@compiled
def draw_hits(rng: np.random.Generator, mean: float, weights: FloatArray) -> int:
    """Fill ``weights`` with hits, Poisson of that ``mean`` in all and at least 1; return them."""
    weights[:] = 0.0
    # By inversion; 1 - exp(-mean) is the probability of any hit.
    u = rng.random() * -math.expm1(-mean)
    hits = 1
    probability = mean * math.exp(-mean)
    while u >= probability and probability > 0.0:
        u -= probability
        hits += 1
        probability *= mean / hits
    for _ in range(hits):
        weights[random_below(rng, weights.size)] += 1.0
    return hits
