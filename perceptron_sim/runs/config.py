"""What is to be simulated: one frozen, validated, hashable configuration."""

import math
from dataclasses import dataclass

import numpy as np

from perceptron_sim import parameters
from perceptron_sim.kernels.dynamics import SGD, stored_name
from perceptron_sim.runs.identity import digest_of, stream_of
from perceptron_sim.theory.exponents import check_chi

# Raised whenever a kernel consumes random numbers differently. So stored runs of an older stream
# are never taken for runs of this one.
STREAM_VERSION = 1

MAX_STEPS = 10**15
MAX_UPDATES = 10**9


@dataclass(frozen=True, init=False, slots=True)
class PerceptronConfig:
    """One run of SGD on the perceptron (docs/theory.md (M1)).

    Attributes:
        chi: density exponent of the data at the boundary, p(x_1) ~ |x_1|^chi; > -1.
        d: input dimension, >= 2.
        P: number of training samples, >= 1.
        B: batch size, 1 <= B <= P; B = P is gradient descent.
        T: temperature eta / B, the noise scale of SGD; 0 < T < inf.
        kappa: margin of the hinge loss (kappa - y f)^+, >= 0; 0 is the limit kappa -> 0+.
        seed: replica number, >= 0; fixes data and batches.
        max_steps: steps after which a run ends as "max_steps"; a null step counts.
        max_updates: non-null steps after which a run ends as "max_updates".

    >>> from perceptron_sim import PerceptronConfig
    >>> PerceptronConfig(chi=1.0, d=8, P=64, B=2, eta=1.0, alpha=4.0).eta
    1.0
    """

    chi: float
    d: int
    P: int
    B: int
    T: float
    kappa: float
    seed: int
    max_steps: int
    max_updates: int

    def __init__(
        self,
        *,
        chi: float = 1.0,
        d: int = 16,
        P: int = 1024,
        B: int = 2,
        T: float | None = None,
        eta: float | None = None,
        kappa: float | None = None,
        alpha: float | None = None,
        seed: int = 0,
        max_steps: int = MAX_STEPS,
        max_updates: int = MAX_UPDATES,
    ) -> None:
        """Validate. ``eta`` = T B may replace T, and ``alpha`` = 1/kappa may replace kappa.

        Defaults: T = 1, kappa = 2^-15.

        Raises:
            InputError: if a value is out of range, or both T and eta or kappa and alpha are given.
        """
        counts = parameters.integers(
            d=d, P=P, B=B, seed=seed, max_steps=max_steps, max_updates=max_updates
        )
        values = {
            "chi": check_chi(chi),
            "T": parameters.temperature(T, eta, counts["B"]),
            "kappa": parameters.margin(kappa, alpha),
            **counts,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def eta(self) -> float:
        """Learning rate, eta = T B."""
        return self.T * self.B

    @property
    def alpha(self) -> float:
        """Output scale, alpha = 1 / kappa; inf at kappa = 0."""
        return 1.0 / self.kappa if self.kappa > 0 else math.inf

    @property
    def threshold(self) -> float:
        """Margin at which a sample is fitted, in units of T.

        kappa = 0 stands for the limit kappa -> 0+, as in the classical perceptron: y f <= 0 is a
        mistake. Otherwise the start w = 0 would already be fitted.
        """
        return max(self.kappa / self.T, float(np.finfo(np.float64).tiny))

    def key(self, kernel: str, dynamics: str = SGD) -> str:
        """Return the name of the run of this configuration: 24 hex digits.

        Args:
            kernel: name of the kernel, not "auto".
            dynamics: name of the dynamics.
        """
        # The canonical JSON of this identity, written out for speed: a grid may have 10^6 runs.
        number = float.__repr__
        return digest_of(
            f'{{"config":{{"B":{self.B},"P":{self.P},"T":{number(self.T)},'
            f'"chi":{number(self.chi)},"d":{self.d},"kappa":{number(self.kappa)},'
            f'"max_steps":{self.max_steps},"max_updates":{self.max_updates},"seed":{self.seed}}},'
            f'"kernel":"{stored_name(dynamics, kernel)}","model":"perceptron",'
            f'"stream":{STREAM_VERSION}}}'
        )

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the random stream for ``purpose`` ("data", "batches", "test").

        Streams depend on T and kappa through kappa / T only. By the scale invariance
        docs/theory.md (M2), runs with the same kappa / T are one trajectory in other units. Runs at
        different kappa / T are statistically independent.
        """
        identity = {
            "purpose": purpose,
            "chi": self.chi,
            "d": self.d,
            "P": self.P,
            "B": self.B,
            "kappa_over_T": (self.kappa / self.T).hex(),
            "seed": self.seed,
            "stream": STREAM_VERSION,
        }
        return stream_of(identity)
