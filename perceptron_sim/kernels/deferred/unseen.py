"""Stepping by candidates, most of which were never looked at.

Batches with samples that can be unfitted are drawn; the others are counted. A sample is drawn when
it is looked at for the first time, from the population given its shell. It is kept from then on.
"""

import math

import numpy as np

from perceptron_sim.arrays import IntArray
from perceptron_sim.kernels.certificate import displacement_squared, noise
from perceptron_sim.kernels.deferred.means import unfitted_unseen
from perceptron_sim.kernels.deferred.shells import (
    N_SEEN,
    S,
    line_of,
    pick_shell,
    see,
    unseen_within,
)
from perceptron_sim.kernels.deferred.sight import (
    ACTIVE,
    DORMANT,
    FEW,
    FRONTIER,
    NEEDS_ROOM,
    Sight,
    cover_all,
    find_frontier,
    sort_seen,
    spare_wanted,
)
from perceptron_sim.kernels.event_driven.state import GO_ON, Run, pause_due
from perceptron_sim.kernels.exact_weights import restore_interval, restore_weights
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.null_steps import draw_marked, draw_null_steps, log_null, one_given_some
from perceptron_sim.kernels.observables import margin
from perceptron_sim.kernels.run_state import (
    HITS,
    LAST_UPDATE_STEP,
    NEVER,
    RECORDED,
    RESTORE_AT,
    STEPS_DONE,
    UPDATES,
)
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES, PAUSED
from perceptron_sim.kernels.trace import LEFT_OUT, trace_event

# Weight of the newest update in the running mean of |w_perp|^2.
_MEMORY = 1.0 / 32.0
# Allowance for rounding, as in ``line_of``.
_SAFETY = 1.0 + 1e-6


@compiled
def record_means(run: Run, sight: Sight, step_of_change: int) -> int:
    """Fill the checkpoints before the step that changes something next; return the next due.

    Unseen samples count by their mean given what was seen.
    """
    recorder, counters, w = run.recorder, run.counters, run.w
    k = counters[RECORDED]
    if k < recorder.steps.size and recorder.steps[k] < step_of_change:
        last = sight.places[FRONTIER]
        number, loss = unfitted_unseen(
            sight.data, sight.shells, last, w[0], noise(w), run.threshold
        )
        for j in range(sight.places[ACTIVE]):
            gap = run.threshold - margin(run.features, sight.active[j], w)
            if gap > 0.0:
                number += 1.0
                loss += gap
        while k < recorder.steps.size and recorder.steps[k] < step_of_change:
            for j in range(w.size):
                recorder.w[k, j] = w[j]
            recorder.unfitted[k] = number
            recorder.loss[k] = loss
            recorder.exact[k] = 0
            k += 1
        counters[RECORDED] = k
    return recorder.steps[k] if k < recorder.steps.size else NEVER


@compiled
def look(run: Run, sight: Sight, n: int, drawn: int, batch: IntArray) -> int:
    """Look at a random ``drawn`` of the n samples below the frontier; return how many are unfitted.

    Seen samples are moved to the front of ``active`` as they are drawn. Others are drawn by shell,
    and become active after the batch. ``batch`` receives the unfitted ones.
    """
    rng, places, active, shells = run.rng, sight.places, sight.active, sight.shells
    n_active = int(places[ACTIVE])
    picked, new, n_hit = 0, 0, 0
    for c in range(drawn):
        if rng.random() * (n - c) < n_active - picked:
            other = picked + int(rng.random() * (n_active - picked))
            i = active[other]
            active[other] = active[picked]
            active[picked] = i
            picked += 1
        else:
            k = pick_shell(rng, shells, places[FRONTIER], n - n_active - new)
            i = see(sight.data, rng, shells, k, run.features, sight.norms)
            active[n_active + new] = i
            new += 1
        if margin(run.features, i, run.w) < run.threshold:
            batch[n_hit] = i
            n_hit += 1
    places[ACTIVE] = n_active + new
    return n_hit


@compiled
def all_fitted(run: Run, sight: Sight) -> bool:
    """Tell whether none of the active samples is unfitted."""
    for j in range(sight.places[ACTIVE]):
        if margin(run.features, sight.active[j], run.w) < run.threshold:
            return False
    return True


@compiled
def unseen_leg(run: Run, sight: Sight, most: int) -> int:
    """Step until all samples that can be unfitted are seen, or the run ends.

    Seen samples are sorted for |w_perp| up to a radius somewhat above its usual value, by a factor
    that adapts. They are sorted again when |w_perp| exceeds it or w_1 has grown by a tenth. Between
    two batches only the samples seen matter, so the leg may stop there for any reason.

    Args:
        run: the problem; its ``features`` have room for more rows than are seen.
        sight: the samples, all active at first.
        most: samples that may be held.
    """
    w, counters, rng, B, P = run.w, run.counters, run.rng, run.B, run.P
    max_steps, max_updates = run.limits
    shells, places = sight.shells, sight.places
    batch = np.empty(min(B, sight.norms.size), np.int64)
    tracing = run.trace.size > 1
    slack = 1.25
    axis = np.zeros(w.size)
    r_squared = displacement_squared(w, axis)
    mean_r_squared = r_squared
    spare = spare_wanted(run, math.sqrt(r_squared))
    n, log_q, one = 0, 0.0, 0.0
    slope, w_1_tuned, looks, ask_at, tune_at, count_at = math.inf, w[0], 0, 0, 0, 0
    due = record_means(run, sight, 0)
    code = GO_ON
    while True:
        outgrown = r_squared > (slope * w[0]) ** 2
        asked = looks >= ask_at
        if outgrown or asked or (w[0] > 1.1 * w_1_tuned and looks >= tune_at):
            slack = min(max(slack * (1.02 if outgrown else 0.99), 1.05), 1.9)
            radius = max(slack * math.sqrt(mean_r_squared), 1.02 * math.sqrt(r_squared))
            line = line_of(w[0], radius, run.threshold, w.size)
            sort_seen(run, sight, line, line[1] < slope)
            slope = line[1] / _SAFETY
            w_1_tuned = w[0]
            tune_at = looks + places[ACTIVE] // 16
            count_at = looks
        if asked:
            largest = math.sqrt(max(r_squared, mean_r_squared))
            code = cover_all(run, sight, largest, spare, most)
            ask_at = looks + max(FEW, shells.sizes[N_SEEN] // 8)
            if code != GO_ON:
                break
        # Unseen samples are counted as |w_perp| is now, after each update but for huge batches.
        if looks >= count_at or r_squared > (shells.lines[places[FRONTIER], S] * w[0]) ** 2:
            a, s = line_of(w[0], math.sqrt(r_squared), run.threshold, w.size)
            places[FRONTIER] = find_frontier(run, sight, a, s)
            n = places[ACTIVE] + unseen_within(shells, places[FRONTIER])
            if n == 0 or (asked and n == places[ACTIVE] and all_fitted(run, sight)):
                code = FITTED
                break
            log_q = log_null(P, n, B)
            one = one_given_some(P, n, B, log_q)
            count_at = looks + min(B, n) // 8
        if shells.sizes[N_SEEN] + min(B, n) > sight.norms.size:
            code = NEEDS_ROOM
            break
        # Batches with candidates, until one hits or something is to be asked.
        tries, n_hit = 0, 0
        while n_hit == 0 and looks < ask_at and run.stop[0] == 0:
            if shells.sizes[N_SEEN] + min(B, n) > sight.norms.size:
                break
            tries += 1
            drawn = 1
            if rng.random() >= one:
                drawn = draw_marked(rng, P, n, B, 2 if one > 0.0 else 1)
            n_hit = look(run, sight, n, drawn, batch)
            looks += drawn
        step = counters[STEPS_DONE]
        null = draw_null_steps(rng, log_q, tries) if tries > 0 else 0
        target = max_steps + 1 if null > max_steps - step - tries else step + tries + null
        if due < target:
            due = record_means(run, sight, min(target, max_steps))
        counters[STEPS_DONE] = min(target, max_steps)
        if target > max_steps:
            code = MAX_STEPS
            break
        if run.stop[0] != 0:
            code = INTERRUPTED
            break
        if n_hit == 0:
            continue
        if tracing:
            dormant = sight.dormant[: places[DORMANT]]
            trace_event(run.trace, target, batch[:n_hit], dormant, LEFT_OUT)
        for h in range(n_hit):
            i = batch[h]
            run.hit_counts[i] += 1
            for j in range(w.size):
                w[j] += run.features[i, j]
        r_squared = displacement_squared(w, axis)
        mean_r_squared += (r_squared - mean_r_squared) * _MEMORY
        counters[HITS] += n_hit
        counters[UPDATES] += 1
        counters[LAST_UPDATE_STEP] = target
        restored = counters[HITS] >= counters[RESTORE_AT]
        if restored:
            seen = shells.sizes[N_SEEN]
            restore_weights(run.features[:seen], run.hit_counts[:seen], w)
            counters[RESTORE_AT] = counters[HITS] + restore_interval(seen)
        if counters[UPDATES] >= max_updates:
            code = MAX_UPDATES
            break
        if restored and pause_due(counters, counters[HITS]):
            code = PAUSED
            break
    return code
