"""The time of a run before it is done, by a fitted law; only estimates use it.

Setting up costs a constant and a part in P d. The rest is a power law in d and P/d. Its exponents
depend on kappa/T, and on chi through g = 1/(1 + chi), as those of t* do. It was fitted on one core
of a server to 1,462 runs of the event-driven kernel and 285 of the reference, at chi 0..3,
d 4..256, P/d from 4 to 1024 (reference: 128), B 1..128, kappa/T 0..16. On held-out runs one
standard deviation is a factor e^0.8 (event) or e^1.0 (reference) for one run; short runs are
overestimated. For the sum over 100 runs all over that window it is e^0.13 or e^0.43. Errors of the
runs of one grid are similar. So an estimate for a grid is as uncertain as that for one run.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perceptron_sim.kernels.dynamics import AUTO, DEFERRED, SGD, stored_name
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import choose, run_bytes

# Seconds per run, and seconds per number of its data.
_LEAST_S, _NUMBER_S = 1.5e-4, 2e-8
# Coefficients of ln seconds on 1, ln d, ln P/d, ln B, g, s, g ln P/d, g ln d, s ln P/d, s g, with
# s = ln(1 + kappa/T).
_LAWS = {
    "event": (-10.445, 1.096, 0.309, -0.023, -3.003, -1.23, 0.686, 0.517, 0.131, 1.953),
    DEFERRED: (-10.445, 1.096, 0.309, -0.023, -3.003, -1.23, 0.686, 0.517, 0.131, 1.953),
    "reference": (-7.684, 0.761, -0.118, 0.034, -7.273, -2.758, 1.764, 1.077, 0.694, 1.824),
}
# Where the laws were fitted. Beyond, estimates were off by factors up to e^5.
_WINDOW = {"d": (4, 256), "P/d": (4, 1024), "B": (1, 128), "kappa/T": (0, 16), "chi": (-0.5, 3)}
_DEFERRED_WINDOW = {"d": (8, 64), "P/d": (1024, 1e8), "chi": (0, 3)}
# One standard deviation of ln (measured / estimated).
ERROR = {"event": 0.8, DEFERRED: 1.0, "reference": 1.0}


def seconds(config: PerceptronConfig, kernel: str, dynamics: str = SGD) -> float:
    """Return the estimated time of a run on one core, in seconds; ``kernel`` is not "auto".

    Kernels that were not measured get the law of the reference, which gives the order only.
    """
    point = (config.chi, config.d, config.P, config.B, config.kappa / config.T)
    return _seconds(stored_name(dynamics, kernel), *point)


# Cached, since grids ask for each seed of a point more than once.
@functools.lru_cache(maxsize=4096)
def _seconds(name: str, chi: float, d: int, P: int, B: int, ratio: float) -> float:
    law = _LAWS.get(name, _LAWS["reference"])
    ln_d, per_d = math.log(d), math.log(P / d)
    g = 1.0 / (1.0 + chi)
    s = math.log1p(ratio)
    terms = (1.0, ln_d, per_d, math.log(B), g, s, g * per_d, g * ln_d, s * per_d, s * g)
    exponent = sum(a * x for a, x in zip(law, terms, strict=True))
    # Beyond e^60 s the number means nothing more, and must not overflow.
    data = 0.0 if name == DEFERRED else _NUMBER_S * P * d
    return _LEAST_S + data + math.exp(min(exponent, 60.0))


@dataclass(frozen=True)
class Estimate:
    """Cost of the runs of a grid that are not stored yet.

    Attributes:
        runs: number of distinct runs of the grid.
        found: number of them that are stored.
        core_s: estimated seconds of one core for the rest; None if the kernel was not measured.
        factor: one standard deviation of core_s, as a factor, on a core like that of the fit.
        longest_s: estimated seconds of the longest of them; None as above.
        bytes_a_run: largest memory of one of them, in bytes.
        outside: number of them outside the window of the fit, where ``factor`` does not hold.
    """

    runs: int
    found: int
    core_s: float | None
    factor: float
    longest_s: float | None
    bytes_a_run: int
    outside: int = 0

    def wall_s(self, workers: int) -> float | None:
        """Return the seconds that ``workers`` need, or None."""
        if self.core_s is None or self.longest_s is None:
            return None
        return max(self.core_s / workers, self.longest_s)

    def __add__(self, other: "Estimate") -> "Estimate":
        """Return the cost of two grids that share no run."""
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
    """Return the cost of a grid.

    Args:
        runs: number of distinct runs of the grid.
        left: seconds and bytes of those that are not stored.
        error: one standard deviation of ln (measured / estimated); None if never measured.
        outside: number of those left outside the window of the fit.
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
    """Return the cost of ``configs`` that are not in ``stored``; "auto" is chosen for each."""
    rest = {}
    for config in configs:
        own = choose(dynamics, kernel, config)[1] if kernel == AUTO else kernel
        rest[config.key(own, dynamics)] = (config, own)
    left = [pair for key, pair in rest.items() if key not in stored]
    costs = [(seconds(run, own, dynamics), run_bytes(run, own)) for run, own in left]
    errors = [ERROR.get(stored_name(dynamics, own)) for _, own in left]
    error = None if None in errors else max((e for e in errors if e is not None), default=None)
    return total(len(rest), costs, error, sum(_is_outside(*pair) for pair in left))
