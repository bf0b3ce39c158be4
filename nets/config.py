"""What net is to be trained on what: one frozen, validated, hashable configuration."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nets.architectures import HIDDEN, SHALLOW, check_architecture, reads_images
from nets.data.names import PERCEPTRON, check_name
from perceptron_sim import parameters
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.runs.identity import key_of, stream_of
from perceptron_sim.theory.exponents import check_chi

# Bumped whenever training consumes random numbers differently, so that stored runs of an older
# stream are never taken for runs of this one.
STREAM_VERSION = 1

MAX_STEPS = 10**5
ACTIVATIONS = ("relu", "gelu", "silu")
DTYPES = ("float32", "float64")
# Scales that products and ratios of two of them leave within single precision, about.
LARGEST_SINGLE = 1e30
_TEACHER = {"chi": 1.0, "d": 16}


@dataclass(frozen=True, init=False)
class NetConfig:
    """One training run of a net (docs/nets.md).

    Attributes:
        data: "digits", "mnist", "cifar10", "perceptron", or one registered
            (``nets.data.register``).
        chi, d: density exponent and dimension of "perceptron" data; None for images.
        arch: architecture, "mlp", "cnn", "mnas" or "linear", or one registered
            (``nets.architectures.register``); "cnn" and "mnas" read images.
        depth: number L of hidden layers, of blocks for "mnas"; 0 for "linear".
        width: size h of each hidden layer, number of channels of "cnn", unit of the numbers of
            channels of "mnas"; 1 for "linear".
        act: "relu", "gelu" or "silu"; "none" for "linear".
        P: number of training samples, >= 1.
        P_test: number of test samples, >= 0; none of them is trained on.
        B: batch size, 1 <= B <= P.
        T: temperature eta / (B h), the noise scale of SGD; 0 < T < inf.
        kappa: margin 1 / alpha at which a sample is fitted, y (f - f_0) >= kappa; > 0.
        seed: replica number, >= 0; fixes data subset, initial weights and batches.
        max_steps: steps after which a run is given up as "max_steps".
        dtype: "float32" or "float64".
    """

    data: str
    chi: float | None
    d: int | None
    arch: str
    depth: int
    width: int
    act: str
    P: int
    P_test: int
    B: int
    T: float
    kappa: float
    seed: int
    max_steps: int
    dtype: str

    def __init__(
        self,
        *,
        data: str = "digits",
        chi: float | None = None,
        d: int | None = None,
        arch: str = "mlp",
        depth: int | None = None,
        width: int | None = None,
        act: str | None = None,
        P: int = 256,
        P_test: int = 512,
        B: int = 16,
        T: float | None = None,
        eta: float | None = None,
        kappa: float | None = None,
        alpha: float | None = None,
        seed: int = 0,
        max_steps: int = MAX_STEPS,
        dtype: str = "float32",
    ) -> None:
        """Validate and store; ``eta`` (= T B h) may stand for T, ``alpha`` (= 1/kappa) for kappa.

        Defaults: T = 2^-5, kappa = 2^-15; relu, depth 3 and width 64 for "mlp", 4 and 32 for
        "cnn" and "mnas"; perceptron data chi = 1, d = 16.

        Raises:
            InputError: if a value is out of range or means nothing here, or both of a pair are
                given.
        """
        values: dict[str, Any] = {
            "data": check_name(data),
            "arch": check_architecture(arch),
            **_teacher(data, chi, d),
            **_hidden(arch, depth, width, act),
            "P": parameters.integer("P", P, 1, "there must be a sample to fit"),
            "P_test": parameters.integer("P_test", P_test, 0, "0 leaves the test out"),
            "B": parameters.integer("B", B, 1, "a batch holds at least one sample"),
            "seed": parameters.integer("seed", seed, 0, "seeds count replicas from 0"),
            "max_steps": parameters.integer(
                "max_steps", max_steps, 1, "a run has at least one step"
            ),
            "dtype": check_choice("dtype", dtype, DTYPES),
        }
        if data == PERCEPTRON and reads_images(arch):
            raise InputError(
                f"arch = {arch!r} reads images and data = {data!r} are none: "
                "choose data = 'digits', 'mnist' or 'cifar10', or arch = 'mlp' or 'linear'"
            )
        if B > P:
            raise InputError(f"B = {B} is larger than P = {P}: allowed is 1 <= B <= P")
        if T is None and eta is None:
            T = 2.0**-5
        if T is not None and eta is not None:
            raise InputError("both T and eta are given: give one, they are tied by T = eta / (B h)")
        values["T"] = parameters.temperature(T, eta, B * values["width"])
        values["kappa"] = parameters.margin(kappa, alpha)
        if values["kappa"] == 0:
            raise InputError("kappa = 0 is out of range: allowed for nets is 0 < kappa < inf")
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def eta(self) -> float:
        """Learning rate, eta = T B h."""
        return self.T * self.B * self.width

    @property
    def alpha(self) -> float:
        """Scale of the output, alpha = 1 / kappa."""
        return 1.0 / self.kappa

    def key(self) -> str:
        """Return the name of the run of this configuration: 24 hex digits."""
        identity = {"model": "net", "stream": STREAM_VERSION, "config": asdict(self)}
        return key_of(identity)

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the random stream for ``purpose`` ("data", "weights", "batches").

        It depends on everything but ``max_steps`` and ``dtype``, which do not change what is
        drawn, so runs that differ in anything else are statistically independent.
        """
        shared = {k: v for k, v in asdict(self).items() if k not in ("max_steps", "dtype")}
        identity = {"purpose": purpose, "stream": STREAM_VERSION, "config": shared}
        return stream_of(identity)


def check_range(config: NetConfig) -> None:
    """Refuse scales that the precision of a training run does not hold.

    Weights move by multiples of T h, and margins are held against kappa.

    Raises:
        InputError: naming the range, and what would do.
    """
    if config.dtype != "float32":
        return
    low, high = 1.0 / LARGEST_SINGLE, LARGEST_SINGLE
    for name, value in (("kappa", config.kappa), ("T h", config.T * config.width)):
        if not low <= value <= high:
            raise InputError(
                f"{name} = {value:g} is out of range for dtype = 'float32': allowed is {low:g} <= "
                f"{name} <= {high:g}; choose dtype = 'float64', or another T and kappa"
            )


def _teacher(data: str, chi: float | None, d: int | None) -> dict[str, float | int | None]:
    if data != PERCEPTRON:
        for name, value in (("chi", chi), ("d", d)):
            if value is not None:
                raise InputError(
                    f"{name} = {value!r} means nothing to data = {data!r}: "
                    "leave it out, or choose data = 'perceptron'"
                )
        return {"chi": None, "d": None}
    return {
        "chi": check_chi(_TEACHER["chi"] if chi is None else chi),
        "d": parameters.integer(
            "d", _TEACHER["d"] if d is None else d, 2, "the boundary needs a direction along it"
        ),
    }


def _hidden(
    arch: str, depth: int | None, width: int | None, act: str | None
) -> dict[str, int | str]:
    given = {"depth": depth, "width": width, "act": act}
    if arch in SHALLOW:
        for name, value in given.items():
            if value is not None:
                raise InputError(
                    f"{name} = {value!r} means nothing to arch = {arch!r}: "
                    "leave it out, or choose arch = 'mlp'"
                )
        return {"depth": 0, "width": 1, "act": "none"}
    chosen = {n: getattr(HIDDEN[arch], n) if v is None else v for n, v in given.items()}
    return {
        "depth": parameters.integer("depth", chosen["depth"], 1, "a net has a hidden layer"),
        "width": parameters.integer("width", chosen["width"], 1, "a layer has a unit"),
        "act": check_choice("act", str(chosen["act"]), ACTIVATIONS),
    }
