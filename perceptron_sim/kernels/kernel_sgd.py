"""Event-driven SGD for any kernel machine: driven by rows of a positive semi-definite K.

In natural units a hit on sample nu moves every margin y_mu f_mu by y_mu y_nu K_mu,nu (docs/lazy.md
(2)). Nothing else is needed. The perceptron is K = X X^T / d. If a row is missing, the loop
returns. The caller puts the row into the table and enters the loop again.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.batches import shuffle_head
from perceptron_sim.kernels.gram_rows import padded
from perceptron_sim.kernels.jit import compiled
from perceptron_sim.kernels.lanes import BLOCK, lanes_below, list_ones, nth_of_masks, ones
from perceptron_sim.kernels.null_steps import draw_marked, draw_wait, extend_laws
from perceptron_sim.kernels.status import FITTED, INTERRUPTED, MAX_STEPS, MAX_UPDATES

# Return values of the loop other than a final status.
NEED_ROW, NEED_REFRESH = 100, 101

# Places in the state array.
STEP, UPDATES, HITS, LAST_UPDATE_STEP, N_HIT, NEXT_HIT, REFRESH_AT, MARKED = range(8)
N_STATE = 8

REFRESH_HITS = 1 << 16


class KernelState(NamedTuple):
    """The state between two entries of the loop.

    Attributes:
        margins: y f in units of T, padded to whole blocks with inf, shape (padded P,).
        hit_counts: hits of each sample, shape (P,).
        pending: samples of the batch in progress, shape (padded P,).
        state: integers, see the module's constants.
        inverse, one: laws by number of unfitted samples, as ``extend_laws`` fills them,
            shape (P + 1,); read only.
        unfitted: masks of the unfitted samples by block.
        marks: steps after which the course is recorded, ascending, shape (m,).
        course: at each mark ||w - w0||^2 in units of T^2, number of unfitted samples, mean of
            (threshold - margin)^+ in units of T; filled up to state[MARKED], shape (m, 3).
    """

    margins: FloatArray
    hit_counts: IntArray | FloatArray
    pending: IntArray
    state: IntArray
    inverse: FloatArray
    one: FloatArray
    unfitted: IntArray
    marks: IntArray
    course: FloatArray


@compiled
def fill_laws(P: int, B: int) -> tuple[FloatArray, FloatArray]:
    """Return the laws of waiting times and single hits, each of shape (P + 1,)."""
    log_q, inverse, one = np.zeros(P + 1), np.zeros(P + 1), np.zeros(P + 1)
    extend_laws(P, B, 0, P, log_q, inverse, one)
    return inverse, one


@compiled
def new_state(P: int, marks: IntArray, inverse: FloatArray, one: FloatArray) -> KernelState:
    """Return the state at w = w0: every margin is 0."""
    margins = np.full(padded(P), math.inf)
    margins[:P] = 0.0
    state = np.zeros(N_STATE, np.int64)
    state[REFRESH_AT] = REFRESH_HITS
    return KernelState(
        margins,
        np.zeros(P, np.int64),
        np.zeros(padded(P), np.int64),
        state,
        inverse,
        one,
        np.zeros(padded(P) // BLOCK, np.int64),
        marks,
        np.zeros((marks.size, 3)),
    )


@compiled
def record_marks(kernel_state: KernelState, P: int, threshold: float, until: int) -> None:
    """Record the present state as that at every mark before step ``until``."""
    state, marks = kernel_state.state, kernel_state.marks
    squared = unfitted = loss = math.nan
    while state[MARKED] < marks.size and marks[state[MARKED]] < until:
        if math.isnan(squared):
            squared = unfitted = loss = 0.0
            for i in range(P):
                margin = kernel_state.margins[i]
                squared += kernel_state.hit_counts[i] * margin
                if margin < threshold:
                    unfitted += 1.0
                    loss += threshold - margin
        kernel_state.course[state[MARKED], 0] = squared
        kernel_state.course[state[MARKED], 1] = unfitted
        kernel_state.course[state[MARKED], 2] = loss / P
        state[MARKED] += 1


@compiled
def add_rows(rows: NDArray[np.floating], weights: FloatArray, total: FloatArray) -> None:
    """Add weights_i K_i to ``total``, for every weight that is not 0.

    Args:
        rows: shape (>= P, >= n), float32 or float64.
        weights: shape (P,).
        total: shape (n,), changed in place.
    """
    chosen = np.flatnonzero(weights)
    last = chosen.size - chosen.size % 2
    for c in range(0, last, 2):
        a, b = chosen[c], chosen[c + 1]
        weight_a, weight_b = weights[a], weights[b]
        for j in range(total.size):
            total[j] += weight_a * rows[a, j] + weight_b * rows[b, j]
    if last < chosen.size:
        a = chosen[last]
        for j in range(total.size):
            total[j] += weights[a] * rows[a, j]


@compiled
def add_signed(
    margins: FloatArray, y: FloatArray, rows: FloatArray, slots: IntArray, hits: IntArray
) -> None:
    """Add the effect of a hit on each of ``hits`` to the margins: y_mu y_nu K_mu,nu.

    Two at a time, so that the margins are read and written half as often.

    Args:
        margins: shape (>= P,), changed in place.
        y: labels, shape (P,).
        rows: table of rows.
        slots: where each sample's row is, shape (P,).
        hits: samples whose rows are in the table, shape (h,).
    """
    last = hits.size - hits.size % 2
    for h in range(0, last, 2):
        a, b = slots[hits[h]], slots[hits[h + 1]]
        y_a, y_b = y[hits[h]], y[hits[h + 1]]
        for i in range(y.size):
            margins[i] += y[i] * (y_a * rows[a, i] + y_b * rows[b, i])
    if last < hits.size:
        a, y_a = slots[hits[last]], y[hits[last]]
        for i in range(y.size):
            margins[i] += y[i] * (y_a * rows[a, i])


@compiled
def kernel_sgd(
    rows: FloatArray,
    slot_of: IntArray,
    y: FloatArray,
    threshold: float,
    B: int,
    rng: np.random.Generator,
    limits: IntArray,
    stop: IntArray,
    kernel_state: KernelState,
) -> int:
    """Go on until every sample is fitted, a limit is met, or something is needed.

    Args:
        rows: table of rows of K, shape (slots, >= P), float32 or float64.
        slot_of: where each sample's row is in the table, -1 if nowhere, shape (P,).
        y: labels, +-1, shape (P,).
        threshold: kappa / T.
        B: batch size.
        rng: the stream.
        limits: (max_steps, max_updates).
        stop: one flag; non-zero ends the run.
        kernel_state: the state, changed in place.

    Returns:
        A code of ``kernels.status``; NEED_ROW if the row of pending[state[NEXT_HIT]] is missing;
        NEED_REFRESH if the margins should be computed anew from the hit counts.
    """
    margins, hit_counts, pending = (
        kernel_state.margins,
        kernel_state.hit_counts,
        kernel_state.pending,
    )
    state, inverse, one = kernel_state.state, kernel_state.inverse, kernel_state.one
    unfitted = kernel_state.unfitted
    P = y.size
    while True:
        if state[N_HIT] > 0 and state[NEXT_HIT] == 0:
            record_marks(kernel_state, P, threshold, state[STEP])
        while state[NEXT_HIT] < state[N_HIT]:
            there = state[NEXT_HIT]
            while there < state[N_HIT] and slot_of[pending[there]] >= 0:
                hit_counts[pending[there]] += 1
                there += 1
            add_signed(margins, y, rows, slot_of, pending[state[NEXT_HIT] : there])
            state[NEXT_HIT] = there
            if there < state[N_HIT]:
                return NEED_ROW
        if state[N_HIT] > 0:
            state[HITS] += state[N_HIT]
            state[UPDATES] += 1
            state[LAST_UPDATE_STEP] = state[STEP]
            state[N_HIT] = 0
            state[NEXT_HIT] = 0
        if state[HITS] >= state[REFRESH_AT]:
            state[REFRESH_AT] = state[HITS] + REFRESH_HITS
            return NEED_REFRESH
        k = 0
        for block in range(unfitted.size):
            unfitted[block] = lanes_below(margins, block * BLOCK, threshold)
            k += ones(unfitted[block])
        if k == 0:
            return FITTED
        if state[UPDATES] >= limits[1]:
            return MAX_UPDATES
        if stop[0] != 0:
            return INTERRUPTED
        step = state[STEP] + draw_wait(rng, inverse[k])
        if step > limits[0]:
            state[STEP] = limits[0]
            return MAX_STEPS
        state[STEP] = step
        u = rng.random()
        n_hit = 1
        if u < one[k]:
            pending[0] = nth_of_masks(unfitted, int(u / one[k] * k))
        else:
            n_hit = draw_marked(rng, P, k, B, 2 if one[k] > 0.0 else 1)
            list_ones(unfitted, unfitted.size, pending)
            shuffle_head(rng, pending, k, n_hit)
        state[N_HIT] = n_hit
        state[NEXT_HIT] = 0
