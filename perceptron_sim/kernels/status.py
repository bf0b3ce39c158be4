"""How a run can end. Plain integers, because compiled kernels return them."""

FITTED = 0
MAX_STEPS = 1
MAX_UPDATES = 2
DIVERGED = 3
INTERRUPTED = 4
# No end: the kernel may be called again, to go on from what it has written.
PAUSED = 5

NAMES = {
    FITTED: "fitted",
    MAX_STEPS: "max_steps",
    MAX_UPDATES: "max_updates",
    DIVERGED: "diverged",
    INTERRUPTED: "interrupted",
}
