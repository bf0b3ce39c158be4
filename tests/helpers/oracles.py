"""Every dynamics written plainly, with whole vectors: what the obvious loops are held against.

An oracle yields (w, hits of each sample so far) after each of its steps, from w = 0, in natural
units: ``phi`` has shape (P, d), a sample is unfitted while phi.w < theta. It takes its numbers from
the stream in the order of the compiled loop, so that the two can be compared step by step; Poisson
hits, which the loop draws in another way, can be compared in distribution.
"""

import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from perceptron_sim.kernels.batches import draw_batch

Course = Iterator[tuple[np.ndarray, np.ndarray]]


def _batches(phi, theta: float, B: int, rng, *, shuffled: bool) -> Course:
    P, d = phi.shape
    w, hits, order = np.zeros(d), np.zeros(P, dtype=np.int64), np.arange(P)
    batch = np.empty(B, dtype=np.int64)
    left = 0
    while True:
        if shuffled and left == 0:
            for i in range(P - 1):
                j = i + int(rng.random() * (P - i))
                order[[i, j]] = order[[j, i]]
            left = P // B
        if shuffled:
            first = (P // B - left) * B
            batch = order[first : first + B]
            left -= 1
        else:
            draw_batch(rng, P, order, batch)
        hit = batch[phi[batch] @ w < theta]
        hits[hit] += 1
        w = w + phi[hit].sum(axis=0)
        yield w, hits


def _diffusion(phi, theta: float, B: int, rng, *, refine: int, centred: bool) -> Course:
    P, d = phi.shape
    w, hits = np.zeros(d), np.zeros(P, dtype=np.int64)
    # A step of the uncentred one lasts eta = B T.
    dt = 1 / refine if centred else B
    of_batches = (P - B) / max(P - 1, 1) if centred else 1.0
    while True:
        unfitted = phi[phi @ w < theta]
        k = len(unfitted)
        zeta = np.array([rng.standard_normal() for _ in range(k)])
        if centred and k:
            zeta = zeta - (zeta.sum() + math.sqrt(P - k) * rng.standard_normal()) / P
        w = w + dt * unfitted.sum(axis=0) / P + math.sqrt(of_batches * dt / P) * (zeta @ unfitted)
        yield w, hits


def _poisson(phi, theta: float, B: int, rng) -> Course:
    P, d = phi.shape
    w, hits = np.zeros(d), np.zeros(P, dtype=np.int64)
    while True:
        new = rng.poisson(1 / P, P) * (phi @ w < theta)
        hits += new
        w = w + new @ phi
        yield w, hits


ORACLES: dict[str, Callable[..., Course]] = {
    "sgd": partial(_batches, shuffled=False),
    "shuffled": partial(_batches, shuffled=True),
    "sde": partial(_diffusion, refine=1, centred=True),
    "sde/4": partial(_diffusion, refine=4, centred=True),
    "sde/16": partial(_diffusion, refine=16, centred=True),
    "sde-uncentred": partial(_diffusion, refine=1, centred=False),
    "poisson": _poisson,
}
