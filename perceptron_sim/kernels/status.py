"""How a kernel returns. Plain integers, because compiled code returns them."""

from perceptron_sim.status import Status

FITTED = 0
MAX_STEPS = 1
MAX_UPDATES = 2
DIVERGED = 3
INTERRUPTED = 4
# Not an end: the kernel may be called again, and goes on from the state it has written.
PAUSED = 5
MAX_MEMORY = 6

NAMES = {
    FITTED: Status.FITTED,
    MAX_STEPS: Status.MAX_STEPS,
    MAX_UPDATES: Status.MAX_UPDATES,
    DIVERGED: Status.DIVERGED,
    INTERRUPTED: Status.INTERRUPTED,
    MAX_MEMORY: Status.MAX_MEMORY,
}
