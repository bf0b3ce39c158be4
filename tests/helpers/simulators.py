"""Simulators for laws to be looked at by: one that is right, and classic mistakes."""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from perceptron_sim import PerceptronConfig, simulate
from perceptron_sim.theory import unfitted_fraction

# What each of them does wrong.
MISTAKES = (
    "replacement",
    "strict",
    "rate",
    "early",
    "checkpoint",
    "unfolded",
    "float32",
    "density",
    "first batch",
    "all learn",
    "unseeded",
    "forgets",
    "units",
    "margin",
    "time",
    "training error",
)


def plain(config: PerceptronConfig, data=None, batches=None, mistake: str = "") -> dict[str, Any]:
    """SGD as one would write it, with a mistake."""
    rng = np.random.default_rng([0 if mistake == "unseeded" else config.seed, 7])
    if mistake == "unseeded":
        rng = np.random.default_rng()
    z = data
    if z is None:
        chi = 1.0 if mistake == "density" else config.chi
        g = rng.gamma((1 + chi) / 2, size=config.P)
        z = rng.standard_normal((config.P, config.d))
        z[:, 0] = np.sqrt(2 * g)
    y = rng.choice([-1.0, 1.0], config.P) if mistake == "unfolded" else np.ones(config.P)
    kappa, root, P, B = config.kappa, math.sqrt(config.d), config.P, config.B
    if mistake == "units":
        kappa = min(kappa, 1.0)
    if mistake == "margin":
        kappa = 0.0
    w = np.zeros(config.d, dtype=np.float32 if mistake == "float32" else np.float64)
    counts = np.zeros(P, dtype=np.int64)
    rate = config.eta if mistake == "rate" else config.T

    def unfitted(f):
        if mistake == "strict":
            return f < kappa
        return f < kappa if kappa > 0 else f <= 0

    steps = updates = step = 0
    ended = lambda: not unfitted(z @ w / root).any()  # noqa: E731
    while (
        not ended()
        and step < config.max_steps
        and step < (2**62 if batches is None else len(batches))
    ):
        if batches is not None:
            batch = batches[step]
        elif mistake == "replacement":
            batch = rng.integers(P, size=B)
        else:
            batch = rng.permutation(P)[:B]
        step += 1
        if mistake == "early":
            hit = []
            for mu in batch:
                if unfitted(z[mu] @ w / root):
                    w, hit = w + rate / root * z[mu], [*hit, mu]
            hit = np.array(hit, dtype=np.int64)
        else:
            hit = batch[unfitted(y[batch] * (z[batch] @ w) / root)]
            if mistake == "all learn" and hit.size:
                hit = batch
            if mistake == "forgets":
                hit = hit[hit < P - 1] if P > 2 else hit
            w = (w + rate / root * (y[hit] @ z[hit])).astype(w.dtype)
        np.add.at(counts, hit, 1)
        if len(hit):
            updates, steps = updates + 1, step
        elif mistake == "first batch":
            break
    if mistake == "checkpoint":
        steps = min(2 ** math.ceil(math.log2(max(steps, 1))), config.max_steps)
    if mistake == "training error":
        test_error = float(np.mean(z @ w <= 0))
    else:
        lam = w[0] / np.linalg.norm(w[1:]) if np.any(w[1:]) else 1e9
        test_error = float(unfitted_fraction(abs(lam), config.chi))
    return {
        "w": w,
        "t_star": config.eta * steps / (config.P if mistake == "time" else 1),
        "steps": steps,
        "updates": updates,
        "hits": int(counts.sum()),
        "hit_counts": counts,
        "test_error": test_error,
    }


def compiled(mistake: str):
    """Return our own kernel with one mistake, for laws that take long runs."""

    def simulator(config):
        chi = 1.0 if mistake == "density" else config.chi
        run = simulate(replace(config, chi=chi), checkpoints=None)
        return {"w": run.w, "t_star": run.t_star / (config.P if mistake == "time" else 1)}

    return simulator


def with_mistake(mistake: str):
    """Return a simulator of the plain kind with one mistake."""

    def simulator(config, data=None, batches=None):
        return plain(config, data, batches, mistake)

    return simulator


__all__ = ["MISTAKES", "compiled", "plain", "with_mistake"]
