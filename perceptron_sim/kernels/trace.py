"""A log of the events of an event-driven run, for replay.

The log is one flat integer array; entry 0 is the number of entries in use. Each event appends
(step, kind, n_hits, hits..., n_others, others...). The kind says what the others are: all unfitted
samples (UNFITTED), the active ones (ACTIVE; none listed: all samples are), or those that were
left out (LEFT_OUT).
"""

from perceptron_sim.arrays import IntArray
from perceptron_sim.kernels.jit import compiled

ACTIVE, UNFITTED, LEFT_OUT = range(3)


@compiled
def trace_event(trace: IntArray, step: int, hits: IntArray, others: IntArray, kind: int) -> None:
    """Append one event, if there is space."""
    at = trace[0]
    if at + 4 + hits.size + others.size > trace.size:
        return
    trace[at] = step
    trace[at + 1] = kind
    trace[at + 2] = hits.size
    at += 3
    for value in hits:
        trace[at] = value
        at += 1
    trace[at] = others.size
    at += 1
    for value in others:
        trace[at] = value
        at += 1
    trace[0] = at
