"""What net is to be trained on what: one validated configuration, and grids of them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nets.architectures import kind_of
from nets.data import PERCEPTRON, check_name, test_size
from perceptron_sim import parameters
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.runs.identity import key_of, stream_of
from perceptron_sim.scans.grid import Grid, Integers, Reals
from perceptron_sim.theory.exponents import check_chi

# Bumped whenever training consumes random numbers differently, so that stored runs of an older
# stream are never taken for runs of this one.
STREAM_VERSION = 2
# The last streams that were independent from run to run, and are still to be had.
INDEPENDENT_VERSION = 1
# What the streams of a seed depend on: all but P, B, T, kappa, limits and precision.
_OF_SEED = ("data", "chi", "d", "arch", "depth", "width", "act", "seed")
# Architectures that are other nets than the first stored runs of their name.
_REBUILT = {"mnas": 2}
# Test samples of a run with streams of its own.
_OWN_TEST = 512

MAX_STEPS = 10**5
ACTIVATIONS = ("relu", "gelu", "silu")
DTYPES = ("float32", "float64")
# Scales that products and ratios of two of them leave within single precision, about.
LARGEST_SINGLE = 1e30
# What T stands for.
LAW = "eta / (B h)"


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
        P_test: number of test samples, >= 0; none of them is trained on. They are the first of
            the test set of the data, by default all of it.
        B: batch size, 1 <= B <= P.
        T: temperature eta / (B h), the noise scale of SGD; 0 < T < inf.
        kappa: margin 1 / alpha at which a sample is fitted, y (f - f_0) >= kappa; > 0.
        seed: replica number, >= 0; fixes data subset, initial weights and batches.
        max_steps: steps after which a run is given up as "max_steps".
        dtype: "float32" or "float64".
        shared_seeds: whether the runs of a seed that differ in P, B, T, kappa alone share their
            initial weights, an order of the samples and random numbers for batches, and all runs
            one test set; else each draws its own, 512 test samples by default.
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
    shared_seeds: bool

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
        P_test: int | None = None,
        B: int = 16,
        T: float | None = None,
        eta: float | None = None,
        kappa: float | None = None,
        alpha: float | None = None,
        seed: int = 0,
        max_steps: int = MAX_STEPS,
        dtype: str = "float32",
        shared_seeds: bool = True,
    ) -> None:
        """Validate and store; ``eta`` (= T B h) may stand for T, ``alpha`` (= 1/kappa) for kappa.

        Defaults: T = 2^-5, kappa = 2^-15; relu, depth 3 and width 64 for "mlp", 4 and 32 for
        "cnn" and "mnas"; perceptron data chi = 1, d = 16.

        Raises:
            InputError: if a value is out of range or means nothing here, or both of a pair are
                given.
        """
        parameters.check_pairs(T, eta, kappa, alpha, LAW)
        hidden = _hidden(arch, depth, width, act)
        check_name(data)
        if P_test is None:
            P_test = test_size(data) if shared_seeds else _OWN_TEST
        values: dict[str, Any] = {
            "data": data,
            "arch": arch,
            **_teacher(data, chi, d),
            **hidden,
            **parameters.integers(P=P, P_test=P_test, B=B, seed=seed, max_steps=max_steps),
            "T": parameters.temperature(T, eta, B * hidden["width"], default=2.0**-5),
            "kappa": parameters.margin(kappa, alpha),
            "dtype": check_choice("dtype", dtype, DTYPES),
            "shared_seeds": bool(shared_seeds),
        }
        if data == PERCEPTRON and kind_of(arch).reads_images:
            raise InputError(
                f"arch = {arch!r} reads images and data = {data!r} are none: "
                "choose data = 'digits', 'mnist' or 'cifar10', or arch = 'mlp' or 'linear'"
            )
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
        return key_of({"model": "net", **self.identity(asdict(self))})

    @property
    def family(self) -> tuple[object, ...]:
        """What runs with the same samples and the same initial weights have in common."""
        if self.shared_seeds:
            return tuple(getattr(self, name) for name in _OF_SEED)
        return (self.key(),)

    def stream(self, purpose: str) -> np.random.Generator:
        """Return the random stream for ``purpose`` ("data", "weights", "batches").

        It is one for all runs of a seed that differ in P, B, T, kappa alone: batches are ranks in
        the order of the samples that the seed draws. With independent streams it depends on
        everything but ``max_steps`` and ``dtype``, which do not change what is drawn.
        """
        fields = asdict(self)
        if self.shared_seeds:
            fields = {name: fields[name] for name in _OF_SEED}
        else:
            fields = {k: v for k, v in fields.items() if k not in ("max_steps", "dtype")}
        return stream_of({"purpose": purpose, **self.identity(fields)})

    def identity(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return some fields together with the version of streams and net that they are of."""
        version = STREAM_VERSION if self.shared_seeds else INDEPENDENT_VERSION
        known = {k: v for k, v in fields.items() if k != "shared_seeds"}
        found: dict[str, Any] = {"stream": version, "config": known}
        return found | ({"net": _REBUILT[self.arch]} if self.arch in _REBUILT else {})


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
        _refuse("data", data, PERCEPTRON, chi=chi, d=d)
        return {"chi": None, "d": None}
    return {
        "chi": check_chi(1.0 if chi is None else chi),
        **parameters.integers(d=16 if d is None else d),
    }


def _hidden(arch: str, depth: int | None, width: int | None, act: str | None) -> dict[str, Any]:
    usual = kind_of(arch)
    if usual.depth == 0:
        _refuse("arch", arch, "mlp", depth=depth, width=width, act=act)
        return {"depth": usual.depth, "width": usual.width, "act": usual.act}
    return {
        **parameters.integers(
            depth=usual.depth if depth is None else depth,
            width=usual.width if width is None else width,
        ),
        "act": check_choice("act", usual.act if act is None else act, ACTIVATIONS),
    }


def _refuse(what: str, chosen: str, other: str, **given: Any) -> None:
    """Refuse values that mean nothing to the data or the architecture chosen."""
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"{name} = {value!r} means nothing to {what} = {chosen!r}: "
                f"leave it out, or choose {what} = {other!r}"
            )


@dataclass(frozen=True)
class NetGrid(Grid[NetConfig]):
    """A grid of training runs; axes as in ``Grid``, their defaults as in ``NetConfig``.

    Attributes:
        chi, d, depth, width, P, B, T, eta, kappa, alpha: values of each parameter.
        data, arch, act, P_test, dtype, max_steps, shared_seeds: shared by all runs.
        seeds: number of replicas at each point; they are numbered 0 .. seeds-1.
    """

    SHARED = ("data", "arch", "act", "P_test", "dtype", "max_steps", "shared_seeds")
    LAW = LAW

    chi: Reals = None
    d: Integers = None
    depth: Integers = None
    width: Integers = None
    P: Integers = None
    B: Integers = None
    T: Reals = None
    eta: Reals = None
    kappa: Reals = None
    alpha: Reals = None
    data: str = "digits"
    arch: str = "mlp"
    act: str | None = None
    P_test: int | None = None
    dtype: str = "float32"
    max_steps: int = MAX_STEPS
    shared_seeds: bool = True
    seeds: int = 1

    def _config(self, **values: Any) -> NetConfig:
        return NetConfig(**values)
