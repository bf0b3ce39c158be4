"""Event-driven SGD: the same process in distribution, without the steps that change nothing.

There are three ways of stepping, one module each: ``plain``, ``candidates`` and ``events``. All are
exact (docs/kernels.md has the proof). Reviews choose by measured rates and a cost model. The choice
never changes the process.
"""

import math

import numpy as np

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels import cost
from perceptron_sim.kernels.certificate import (
    FIRST_SPARE,
    SPARE,
    Pool,
    active,
    build_pool,
    is_stale,
    key_bound,
    near_pool,
    noise,
    perpendicular_norms,
    shrink_pool,
)
from perceptron_sim.kernels.event_driven.candidates import candidate_leg
from perceptron_sim.kernels.event_driven.events import event_leg
from perceptron_sim.kernels.event_driven.plain import plain_leg
from perceptron_sim.kernels.event_driven.state import (
    AUTO,
    CANDIDATES,
    COVER_A,
    COVER_S,
    EVENTS,
    LARGER_POOL,
    LEAST_SPARE,
    PLAIN,
    SMALLER_POOL,
    TO_CANDIDATES,
    TO_EVENTS,
    TO_NEAR,
    UNCOVERED,
    WANTED_A,
    WANTED_S,
    Run,
    all_given,
)
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.gram_rows import new_rows
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.run_state import HITS, RESTORE_AT, STEPS_DONE, Recorder
from perceptron_sim.kernels.status import INTERRUPTED

__all__ = ["AUTO", "CANDIDATES", "EVENTS", "PLAIN", "UNCOVERED", "all_given", "event_driven_sgd"]


@compiled
def event_driven_sgd(
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
    trace: IntArray,
    growth: float,
    budget: int,
    schedule: int,
    P: int,
    cover: FloatArray,
) -> int:
    """Run SGD from w = 0 until every sample is fitted; the same law as ``reference.plain_sgd``.

    If ``counters[PAUSE_AT]`` is not 0, it returns PAUSED at this number of hits or soon after.
    Called again with the state it has written and a later PAUSE_AT, it goes on. Kept margins and
    rows are made anew. So the run depends on the pauses, but its law does not. Another process that
    goes on gives the same run.

    Other arguments and the result are those of ``reference.plain_sgd``. ``w`` starts as zeros, and
    so do ``counters`` except PAUSE_AT.

    Args:
        trace: one entry for none, or space for a log (``kernels.trace``) with entry 0 set to 1.
        growth: 2 / (1 + chi); hits to come grow as (unfitted samples)^growth. Only the cost model
            uses it.
        budget: bytes that cached Gram rows may take.
        schedule: AUTO, or the only way of stepping, for tests and benchmarks.
        P: number of samples in all; the rows of ``features`` may be fewer (``deferred``).
        cover: ``all_given()``, or the line below which all samples are given, as
            ``state`` has it. Once samples above it are needed, the kernel writes the line that is
            wanted and returns UNCOVERED.
    """
    # Tuples of arrays are slow to pass from Python but convenient from here on.
    run = Run(
        features, threshold, B, rng, limits, stop, recorder, w, counters, hit_counts,
        trace, growth, schedule, P, cover,
    )  # fmt: skip
    if counters[STEPS_DONE] == 0:
        counters[RESTORE_AT] = restore_interval(features.shape[0])
        code = plain_leg(run) if schedule <= PLAIN else TO_CANDIDATES
        if code != TO_CANDIDATES:
            return code
    return _pooled(run, budget)


@compiled
def _spare(run: Run, spare: float) -> float:
    """Return how far a pool may reach: not far where samples would have to be drawn for it."""
    least = run.cover[LEAST_SPARE]
    return float(min(spare, least) if spare < math.inf else 4.0 * least)


@compiled
def _lacks(run: Run, norms: FloatArray, radius: float, spare: float) -> bool:
    """Tell whether a pool of such a radius may need samples that are not given; say which."""
    cover = run.cover
    if cover[COVER_S] == math.inf:
        return False
    offset = run.threshold / max(radius, 1e-290)
    bound = key_bound(offset, float(np.min(norms)), run.w[0], radius, run.threshold)
    cut = (1.0 + 1e-9) * bound * _spare(run, spare)
    if cut <= cover[COVER_S] and cut * offset <= cover[COVER_A]:
        return False
    cover[WANTED_A], cover[WANTED_S] = cut * offset, cut
    return True


@compiled
def _outer_pool(run: Run, norms: FloatArray, radius: float, spare: float) -> Pool:
    """Return a pool centred on the teacher's axis."""
    spare = _spare(run, spare)
    return build_pool(run.features, norms, run.w[0], radius, run.threshold, spare, run.P)


@compiled
def _pooled(run: Run, budget: int) -> int:
    """Go on with pools of samples that can be unfitted; choose pools and ways of stepping.

    The usual pool is centred on the teacher's axis. Where |w_perp| is many hits large, most of it
    is constant for long. Then a near pool is centred on the weights themselves.
    """
    features, w, threshold, counters = run.features, run.w, run.threshold, run.counters
    norms = perpendicular_norms(features)
    slack = np.array([1.25])
    if _lacks(run, norms, noise(w), FIRST_SPARE):
        return UNCOVERED
    outer = _outer_pool(run, norms, noise(w), FIRST_SPARE)
    pool = outer
    reach = 0.0
    near_allowed_from = 0
    rejected = 0
    leg = TO_CANDIDATES
    while True:
        if run.stop[0] != 0:
            return INTERRUPTED
        if counters[HITS] >= counters[RESTORE_AT]:
            restore_weights(features, run.hit_counts, w)
            counters[RESTORE_AT] = counters[HITS] + restore_interval(features.shape[0])
        # Twice rejected without a hit in between. Take all samples, which is always valid.
        spare = SPARE if rejected < 2 else math.inf
        if reach > 0.0:
            # Everything that can be unfitted while w stays within reach of where it is now.
            bound = key_bound(
                outer.offset, outer.smallest_norm, w[0], noise(w) + 1.01 * reach, threshold
            )
            n = active(outer.starts, outer.bin_width, outer.cut, bound)
            if n < 0 or is_stale(outer, noise(w), threshold):
                if _lacks(run, norms, noise(w) + 2.0 * reach, spare):
                    return UNCOVERED
                outer = _outer_pool(run, norms, noise(w) + 2.0 * reach, spare)
                n = outer.samples.size
            pool = near_pool(outer, n, w, threshold, reach)
            leg = TO_EVENTS
        elif leg == LARGER_POOL:
            if _lacks(run, norms, noise(w), spare):
                return UNCOVERED
            outer = _outer_pool(run, norms, noise(w), spare)
            pool = outer
        elif leg == SMALLER_POOL:
            outer = shrink_pool(outer, w[0], noise(w), threshold)
            pool = outer
        else:
            pool = outer
        if reach == 0.0:
            leg = TO_EVENTS if run.schedule == EVENTS else TO_CANDIDATES
        # Nothing is kept for a pool that events never step on.
        gram = new_rows(0, budget)
        hits_before = counters[HITS]
        while leg in (TO_CANDIDATES, TO_EVENTS):
            near_allowed = reach == 0.0 and counters[HITS] >= near_allowed_from
            if leg == TO_EVENTS:
                if gram.slot.size < pool.samples.size:
                    gram = new_rows(pool.samples.size, budget)
                leg = event_leg(run, pool, gram, slack, near_allowed)
            else:
                leg = candidate_leg(run, pool, near_allowed)
        rejected = rejected + 1 if counters[HITS] == hits_before else 0
        if leg == TO_NEAR:
            reach = max(noise(w) / 8.0, 3.0 * outer.typical_norm)
        elif leg not in (LARGER_POOL, SMALLER_POOL):
            return leg
        elif reach > 0.0:
            # Keep the cost of centring anew a small part of the work in between.
            price = cost.near_pool(w.size, n)
            worth = cost.event_hit(w.size, pool.samples.size, 0.05) * (counters[HITS] - hits_before)
            if price > 0.3 * worth:
                reach *= 1.4
            elif price < 0.1 * worth:
                reach /= 1.15
            if reach > 0.5 * noise(w):
                reach = 0.0
                near_allowed_from = 2 * counters[HITS]
