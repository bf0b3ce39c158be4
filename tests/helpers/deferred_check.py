"""A run on a set that it did not draw, held to what holds on the completed set."""

import math

import numpy as np
from scipy import special
from trace_check import Laws, check_trace, read_trace

from perceptron_sim.kernels.deferred import shells, unseen_samples
from perceptron_sim.kernels.deferred.population import population
from perceptron_sim.runs.simulate import training_data_of

QUANTILES = (0.005, 0.02, 0.1, 0.3)


def add_keys(z, chi: float, laws: Laws) -> None:
    """Add what is known of the keys z_1 / |z_perp| of a training set ``z`` to ``laws``.

    Keys are what decides which samples are looked at. Of independent samples, the number with a
    key below a quantile of its law is binomial.
    """
    P, d = z.shape
    squares = z[:, 0] ** 2 / np.sum(z**2, axis=1)
    for q in QUANTILES:
        bound = special.betaincinv(0.5 * (1 + chi), 0.5 * (d - 1), q)
        below = float(np.sum(squares < bound))
        laws.add(f"keys below {q}", below, P * q, P * q * (1 - q))
    # The radius is independent of the key, and the direction of z_perp is uniform.
    radii = np.sum(z[squares < bound] ** 2, axis=1)
    laws.add("radii", float(np.sum(radii)), (d + chi) * radii.size, 2 * (d + chi) * radii.size)
    perp = z[:, 1:] / np.linalg.norm(z[:, 1:], axis=1, keepdims=True)
    laws.add("directions", float(np.sum(perp[:, 0])), 0.0, P / (d - 1))


def check_walk(seed: int, frontier, laws: Laws) -> None:
    """Look at samples below frontiers that come and go, then at the rest; as SGD would."""
    rng = np.random.default_rng(seed)
    P, (chi, d) = 300, [(1.0, 4), (3.0, 2), (-0.5, 6)][seed % 3]
    data, samples = population(chi, d), unseen_samples(P, d, chi, P)
    for _ in range(8):
        s = float(rng.uniform(0.1, 0.6))
        last = frontier(data, rng, samples.shells, 0.3 * s * rng.random(), s)
        unseen = int(samples.unseen[: last + 1].sum())
        for left in range(unseen, unseen - unseen // 3, -1):
            k = shells.pick_shell(rng, samples.shells, last, left)
            shells.see(data, rng, samples.shells, k, samples.features, samples.norms)
    add_keys(samples.completed(rng).features * math.sqrt(d), chi, laws)


def check_run(config, trace, run, laws: Laws) -> int:
    """Replay on the completed set, and add its keys to ``laws``; as ``check_trace``."""
    z = training_data_of(run)
    assert z.shape == (config.P, config.d)
    add_keys(z, config.chi, laws)
    np.testing.assert_allclose(
        run.w,
        config.T / math.sqrt(config.d) * (run.hit_counts @ z[: len(run.hit_counts)]),
        rtol=1e-10,
        atol=1e-10 * run.w_norm,
    )
    # Samples are numbered as they were seen; in the set of a user they have any order.
    place = np.random.default_rng(config.seed).permutation(config.P)
    shuffled = np.empty_like(z)
    shuffled[place] = z
    for _, _, hits, others in read_trace(trace):
        hits[:], others[:] = place[hits], place[others]
    return check_trace(shuffled, config, trace, run, laws)
