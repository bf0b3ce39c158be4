"""What a run costs before it is done: a fitted law for its time; only estimates rest on it.

Setting up costs a constant and a part in P d; the rest is a power law in d and P/d whose exponents
depend on chi through g = 1/(1 + chi), as those of t* do, and on kappa/T. Fitted
to 1,462 runs of the event-driven kernel and 285 of the reference at chi 0..3, d 4..256, P/d from 4
to 1024 (reference: 128), B 1..128, kappa/T 0..16, on one core of a server. Held out, one standard
deviation: a single run is off by a factor e^0.8 (event) or e^1.0 (reference), short ones being
overestimated; the sum over 100 runs all over that window by e^0.13 or e^0.43. Runs of one grid err
alike, so that an estimate for a grid is as uncertain as the first: the default grid of ``scan``, in
two threads of a busy machine, took 2.1 times its estimate.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perceptron_sim.kernels.dynamics import AUTO, DEFERRED, SGD, stored_name
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import choose, run_bytes

# Seconds a run, and seconds a number of its data.
_LEAST_S, _NUMBER_S = 1.5e-4, 2e-8
# Of ln seconds on 1, ln d, ln P/d, ln B, g, s, g ln P/d, g ln d, s ln P/d, s g, with
# s = ln(1 + kappa/T).
_LAWS = {
    "event": (-10.445, 1.096, 0.309, -0.023, -3.003, -1.23, 0.686, 0.517, 0.131, 1.953),
    DEFERRED: (-10.445, 1.096, 0.309, -0.023, -3.003, -1.23, 0.686, 0.517, 0.131, 1.953),
    "reference": (-7.684, 0.761, -0.118, 0.034, -7.273, -2.758, 1.764, 1.077, 0.694, 1.824),
}
# Where the laws were fitted; beyond, estimates were found off by a factor up to e^5.
_WINDOW = {"d": (4, 256), "P/d": (4, 1024), "B": (1, 128), "kappa/T": (0, 16), "chi": (-0.5, 3)}
_DEFERRED_WINDOW = {"d": (8, 64), "P/d": (1024, 1e8), "chi": (0, 3)}
# One standard deviation of ln (measured / estimated).
ERROR = {"event": 0.8, DEFERRED: 1.0, "reference": 1.0}


def seconds(config: PerceptronConfig, kernel: str, dynamics: str = SGD) -> float:
    """Return the estimated time of a run on one core, in seconds; ``kernel`` as resolved.

    What was not measured is given the law of the reference, good for its order only.
    """
    point = (config.chi, config.d, config.P, config.B, config.kappa / config.T)
    return _seconds(stored_name(dynamics, kernel), *point)


# Grids ask for each seed of a point, and more than once.
@functools.lru_cache(maxsize=4096)
def _seconds(name: str, chi: float, d: int, P: int, B: int, ratio: float) -> float:
    law = _LAWS.get(name, _LAWS["reference"])
    ln_d, per_d = math.log(d), math.log(P / d)
    g = 1.0 / (1.0 + chi)
    s = math.log1p(ratio)
    terms = (1.0, ln_d, per_d, math.log(B), g, s, g * per_d, g * ln_d, s * per_d, s * g)
    exponent = sum(a * x for a, x in zip(law, terms, strict=True))
    # Beyond e^60 s the number says no more, and must not overflow.
    data = 0.0 if name == DEFERRED else _NUMBER_S * P * d
    return _LEAST_S + data + math.exp(min(exponent, 60.0))


@dataclass(frozen=True)
class Estimate:
    """What is left of a grid.

    Attributes:
        runs: different runs of the grid.
        found: of those, how many are stored.
        core_s: estimated seconds of one core for the rest; None if the kernel was not measured.
        factor: core_s is good to this factor, one standard deviation, on a core as measured.
        longest_s: estimated seconds of the longest of them; None as above.
        bytes_a_run: most memory that one of them takes.
        outside: of the rest, how many lie outside the window of the fit, where the factor is none.
    """

    runs: int
    found: int
    core_s: float | None
    factor: float
    longest_s: float | None
    bytes_a_run: int
    outside: int = 0

    def wall_s(self, workers: int) -> float | None:
        """Return the seconds that so many workers need, or None."""
        if self.core_s is None or self.longest_s is None:
            return None
        return max(self.core_s / workers, self.longest_s)

    def __add__(self, other: "Estimate") -> "Estimate":
        """Return what is left of two grids that share no run."""
        measured = None not in (self.core_s, other.core_s)
        return Estimate(
            runs=self.runs + other.runs,
            found=self.found + other.found,
            core_s=(self.core_s or 0.0) + (other.core_s or 0.0) if measured else None,
            factor=max(self.factor, other.factor),
            longest_s=max(self.longest_s or 0.0, other.longest_s or 0.0) if measured else None,
            bytes_a_run=max(self.bytes_a_run, other.bytes_a_run),
            outside=self.outside + other.outside,
        )


def total(
    runs: int, left: Sequence[tuple[float, int]], error: float | None, outside: int = 0
) -> Estimate:
    """Return what is left of a grid.

    Args:
        runs: different runs of the grid.
        left: seconds and bytes of those that are not stored.
        error: one standard deviation of ln (measured / estimated); None if never measured.
        outside: how many of those left the law was not fitted for.
    """
    times = [seconds for seconds, _ in left]
    measured = error is not None or not left
    return Estimate(
        runs=runs,
        found=runs - len(left),
        core_s=sum(times) if measured else None,
        factor=math.exp(error or 0.0),
        longest_s=max(times, default=0.0) if measured else None,
        bytes_a_run=max((size for _, size in left), default=0),
        outside=outside,
    )


def _is_outside(config: PerceptronConfig, kernel: str) -> bool:
    """Tell whether a run is outside the window of the fit."""
    window = _WINDOW | (_DEFERRED_WINDOW if kernel == DEFERRED else {})
    values = {
        "d": config.d,
        "P/d": config.P / config.d,
        "B": config.B,
        "kappa/T": config.kappa / config.T,
        "chi": config.chi,
    }
    return not all(low <= values[name] <= high for name, (low, high) in window.items())


def estimate(
    configs: Iterable[PerceptronConfig], kernel: str, stored: set[str], dynamics: str = SGD
) -> Estimate:
    """Return what is left of ``configs`` beside the keys ``stored``; "auto" is chosen for each."""
    rest = {}
    for config in configs:
        own = choose(dynamics, kernel, config)[1] if kernel == AUTO else kernel
        rest[config.key(own, dynamics)] = (config, own)
    left = [pair for key, pair in rest.items() if key not in stored]
    costs = [(seconds(run, own, dynamics), run_bytes(run, own)) for run, own in left]
    errors = [ERROR.get(stored_name(dynamics, own)) for _, own in left]
    error = None if None in errors else max((e for e in errors if e is not None), default=None)
    return total(len(rest), costs, error, sum(_is_outside(*pair) for pair in left))
