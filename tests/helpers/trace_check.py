"""Replay of an event-driven run by an independent loop, and tests of its laws given the state.

Given the k unfitted samples before an event, exact SGD fixes three laws: the number of steps to
the event is geometric with success probability 1 - C(P-k, B)/C(P, B); the number of hits is
hypergeometric, conditioned on being positive; the hits are a uniform subset of the unfitted.
Whatever way of stepping the kernel used, its log must obey them.
"""

import math
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy import stats

from perceptron_sim.kernels.trace import LEFT_OUT, UNFITTED


def read_trace(trace):
    """Yield (step, kind, hits, others) of each event."""
    at = 1
    while at < trace[0]:
        step, kind, n_hits = (int(v) for v in trace[at : at + 3])
        hits = trace[at + 3 : at + 3 + n_hits]
        at += 3 + n_hits
        n_others = int(trace[at])
        yield step, kind, hits, trace[at + 1 : at + 1 + n_others]
        at += 1 + n_others


@dataclass
class Laws:
    """Sums of standardised deviations over many events: each is N(0, 1) for exact SGD."""

    sums: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float, mean: float, variance: float) -> None:
        entry = self.sums.setdefault(name, [0.0, 0.0])
        entry[0] += value - mean
        entry[1] += variance

    def z(self) -> dict[str, float]:
        return {
            name: deviation / math.sqrt(variance)
            for name, (deviation, variance) in self.sums.items()
            if variance > 0
        }

    def hold(self) -> None:
        """Raise AssertionError if one of them is beyond 6 standard deviations."""
        for name, z in self.z().items():
            assert abs(z) < 6, f"{name}: z = {z:.1f}"


@cache
def _moments(P: int, k: int, B: int) -> tuple[float, float, float, float]:
    """Return (P(null step), mean, variance and fourth moment of the hits of a non-null one)."""
    law = stats.hypergeom(P, k, B)
    support = np.arange(1, min(B, k) + 1)
    weights = law.pmf(support)
    weights /= weights.sum()
    mean = float(support @ weights)
    variance, fourth = ((support - mean) ** power @ weights for power in (2, 4))
    return float(law.pmf(0)), mean, float(variance), float(fourth)


def check_trace(z, config, trace, run, laws: Laws) -> int:
    """Replay; return the number of events. Raises AssertionError at the first impossible one."""
    P, d, B = config.P, config.d, config.B
    theta = max(config.kappa / config.T, np.finfo(float).tiny)
    phi = z / math.sqrt(d)
    w = np.zeros(d)
    last = 0
    events = 0
    for step, kind, hits, others in read_trace(trace):
        margins = phi @ w
        clear = np.abs(margins - theta) > 1e-10 * (1.0 + np.abs(phi) @ np.abs(w))
        clear |= ~np.any(w)
        unfitted = margins < theta
        k = int(unfitted.sum())
        assert len(set(hits.tolist())) == len(hits), "a sample was hit twice in a batch"
        assert unfitted[hits][clear[hits]].all(), "a fitted sample was hit"
        if kind == LEFT_OUT:
            assert not (unfitted & clear)[others].any(), "a sample left out could have been hit"
        elif kind == UNFITTED:
            listed = np.zeros(P, dtype=bool)
            listed[others] = True
            assert (listed == unfitted)[clear].all(), "the unfitted set is not the true one"
        elif len(others):
            outside = np.ones(P, dtype=bool)
            outside[others] = False
            assert not (outside & unfitted & clear).any(), "a skipped step could have hit"
        skip = step - last
        assert skip >= 1
        q, mean, spread, fourth = _moments(P, k, B)
        laws.add("skip", skip, 1 / (1 - q), q / (1 - q) ** 2)
        # Short skips have a law of their own, which heavy tails do not drown.
        laws.add("no skip", float(skip == 1), 1 - q, q * (1 - q))
        laws.add("hits", len(hits), mean, spread)
        laws.add("hits, spread", (len(hits) - mean) ** 2, spread, fourth - spread**2)
        order = np.flatnonzero(unfitted)
        rank = np.searchsorted(order, hits)
        m = len(hits)
        variance = m * (k + 1) * (k - m) / 12 if k > 1 else 0.0
        laws.add("rank", float(rank.sum()), m * (k - 1) / 2, variance)
        w = w + phi[hits].sum(axis=0)
        last = step
        events += 1
    assert events == run.updates, "the log was too small"
    assert last == run.steps
    assert (phi @ w >= theta - 1e-10).all() or run.status != "fitted"
    assert np.max(np.abs(run.w - config.T * w)) <= 1e-10 * np.max(np.abs(run.w))
    return events
