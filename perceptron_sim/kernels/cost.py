"""Cost of a hit in each way of stepping, in nanoseconds. Only ratios matter.

The constants were measured on one core of a current server processor (``perceptron-sim bench``
measures the result). A wrong constant costs time, never correctness.
"""

from perceptron_sim.kernels.batches import SMALL_BATCH
from perceptron_sim.kernels.codes import CODES_FROM
from perceptron_sim.kernels.jit import compiled

# Additional cost of drawing one of many candidates of a large batch.
_SHUFFLE = 16.0
# Numbers in a training set that no longer fits into the nearer caches: 2 MiB.
_NEAR = 1 << 18
# Numbers in a training set that is read and copied from memory, not from a cache: 16 MiB.
_CACHED = 1 << 21


@compiled
def evaluate(d: int) -> float:
    """Cost of drawing one candidate and looking at its coarse copy, or computing its margin."""
    return 4.5 + (0.16 if d < CODES_FROM else 0.1) * d


@compiled
def evaluate_far(P: int, d: int) -> float:
    """Cost of drawing one sample of the whole training set and computing its margin."""
    return evaluate(d) + (5.5 + 0.2 * d) * min(P * d / _NEAR, 1.0)


@compiled
def saved_by_candidates(P: int, d: int, B: int, active: float) -> float:
    """Cost that candidates save per sample of a batch, of which a fraction is active."""
    shuffle = _SHUFFLE * active if B > SMALL_BATCH else 0.0
    return (1.0 - active) * evaluate_far(P, d) - shuffle


@compiled
def candidate_hit(d: int, B: int, evaluated: float) -> float:
    """Cost of a hit that needs the evaluation of ``evaluated`` candidates."""
    return 150.0 + evaluated * (evaluate(d) + (_SHUFFLE if B > SMALL_BATCH else 0.0))


@compiled
def event_hit(d: int, active: float, miss: float) -> float:
    """Cost of a hit that moves ``active`` margins, with a fraction ``miss`` of rows to compute."""
    return 70.0 + active * (0.06 + miss * (2.0 + 0.1 * d))


@compiled
def near_pool(d: int, n: int) -> float:
    """Cost of centring a near pool anew on the margins of n samples."""
    return 3000.0 + n * (6.0 + 0.2 * d)


@compiled
def set_up(P: int, d: int) -> float:
    """Cost of computing all norms and copying a pool, higher per number if they fill the caches."""
    return 10_000.0 + P * (6.0 + d * (1.0 + min(P * d / _CACHED, 1.0)))
