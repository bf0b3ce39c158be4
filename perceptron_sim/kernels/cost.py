"""What a hit costs in each way of stepping, in nanoseconds; only ratios matter.

The constants were measured on one core of a current server processor (``perceptron-sim bench``
measures the result). A wrong constant costs time, never correctness.
"""

from perceptron_sim.kernels.codes import CODES_FROM
from perceptron_sim.kernels.jit import compiled

# Numbers in a training set that is read and copied from memory rather than a cache: 16 MiB.
_CACHED = 1 << 21


@compiled
def evaluate(d: int) -> float:
    """Cost of drawing one candidate and looking at its coarse copy, or computing its margin."""
    return 4.5 + (0.16 if d < CODES_FROM else 0.1) * d


@compiled
def evaluate_far(d: int) -> float:
    """Cost of drawing one sample of the whole training set and computing its margin."""
    return 10.0 + 0.3 * d


@compiled
def candidate_hit(d: int, evaluated: float) -> float:
    """Cost of a hit that takes the evaluation of so many candidates."""
    return 150.0 + evaluated * evaluate(d)


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
    """Cost of computing all norms and copying a pool: more a number if they fill the caches."""
    return P * (6.0 + d * (1.0 + min(P * d / _CACHED, 1.0)))
