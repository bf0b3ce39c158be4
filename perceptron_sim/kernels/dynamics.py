"""The one table of dynamics and the compiled loops that run them.

The command line, the runs, the tests of correctness (``tests/reference``) and the benchmarks use
it. Nothing is compiled or loaded until a loop is requested.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from perceptron_sim.choices import check_choice

AUTO = "auto"
SGD = "sgd"
REFERENCE = "reference"
DEFERRED = "deferred"
# Kinds of noise of the loops that move every unfitted sample at each step; of kernel machines also
# shuffled epochs.
CENTRED, UNCENTRED, POISSON, SHUFFLED = range(4)


@dataclass(frozen=True)
class Loop:
    """A compiled loop.

    Attributes:
        at: "module:function" below ``perceptron_sim.kernels``.
        options: arguments of the function after those of ``reference.plain_sgd``.
        draws_data: whether it draws the training set itself, so that none can be passed.
    """

    at: str
    options: tuple[int, ...] = ()
    draws_data: bool = False

    def load(self) -> Callable[..., int]:
        """Return the function. The first call compiles it, or loads it from the cache."""
        module, _, function = self.at.partition(":")
        found: Callable[..., int] = getattr(
            import_module(f"perceptron_sim.kernels.{module}"), function
        )
        return found


@dataclass(frozen=True)
class Dynamics:
    """How weights move, whatever loop computes it.

    Attributes:
        about: one line for people.
        loops: loops by name of the kernel. The first is "auto", except for training sets so large
            that DEFERRED is faster (``runs.simulate.choose``). The last is the plain loop, against
            which the others are tested and timed. It is itself tested against an uncompiled one,
            ``tests/helpers/oracles.py``.
        peers: libraries whose steps are timed next to it.
        refine: number of steps in a time T; None if a step lasts eta.
        whole_hits: whether weights are sums of whole samples, so that hits can be counted.
    """

    about: str
    loops: Mapping[str, Loop]
    peers: tuple[str, ...] = ()
    refine: int | None = None
    whole_hits: bool = True

    @property
    def kernels(self) -> tuple[str, ...]:
        """Names of the loops, the plain one last."""
        return tuple(self.loops)

    @property
    def on_given_data(self) -> tuple[str, ...]:
        """Names of the loops that take a training set, the fastest first."""
        return tuple(name for name, loop in self.loops.items() if not loop.draws_data)


def _sde(refine: int, kind: int, about: str, step_is_eta: bool = False) -> Dynamics:
    return Dynamics(
        about,
        {REFERENCE: Loop("sde:sde_sgd", (refine, kind))},
        refine=None if step_is_eta else refine,
        whole_hits=kind == POISSON,
    )


DYNAMICS: Mapping[str, Dynamics] = {
    SGD: Dynamics(
        "batches of B distinct samples, drawn anew at each step",
        {
            "event": Loop("event_driven:event_driven_sgd"),
            DEFERRED: Loop("deferred:deferred_sgd", draws_data=True),
            REFERENCE: Loop("reference:plain_sgd", (False,)),
        },
        peers=("scikit-learn", "torch"),
    ),
    "shuffled": Dynamics(
        "every sample once an epoch, in a new order each",
        {REFERENCE: Loop("reference:plain_sgd", (True,))},
        peers=("scikit-learn",),
    ),
    "sde": _sde(1, CENTRED, "Gaussian noise of SGD's covariance, in steps of T"),
    "sde/4": _sde(4, CENTRED, "the same in steps of T/4"),
    "sde/16": _sde(16, CENTRED, "the same in steps of T/16"),
    "sde-uncentred": _sde(
        1, UNCENTRED, "Gaussian noise of the uncentred second moment, in steps of eta", True
    ),
    "poisson": _sde(1, POISSON, "hits of each unfitted sample Poisson, in steps of T"),
}
NAMES = tuple(DYNAMICS)
# Every name of a kernel, for any dynamics.
KERNELS = (AUTO, *dict.fromkeys(name for one in DYNAMICS.values() for name in one.kernels))


def kernel_options(dynamics: str) -> tuple[int, int]:
    """Return what ``kernel_noise`` takes for a dynamics other than SGD: refine and kind."""
    options = DYNAMICS[dynamics].loops[REFERENCE].options
    return (1, SHUFFLED) if len(options) == 1 else (options[0], options[1])


def resolve(dynamics: str, kernel: str) -> str:
    """Return the kernel that ``kernel`` stands for: the fastest for "auto", or itself.

    Raises:
        InputError: if there is no such dynamics, or no such kernel of it.
    """
    kernels = DYNAMICS[check_choice("dynamics", dynamics, NAMES)].kernels
    what = "kernel" if dynamics == SGD else f"dynamics {dynamics!r}: kernel"
    check_choice(what, kernel, (AUTO, *kernels))
    return kernels[0] if kernel == AUTO else kernel


def loop_of(dynamics: str, kernel: str) -> Loop:
    """Return the loop of a dynamics by the name of a kernel, not "auto"."""
    return DYNAMICS[dynamics].loops[kernel]


def stored_name(dynamics: str, kernel: str) -> str:
    """Return the name of both in the key of a run; ``kernel`` is not "auto".

    Version 0.1 had one name for both, and keys of stored runs do not change.
    """
    if dynamics == SGD:
        return kernel
    return dynamics if kernel == REFERENCE else f"{dynamics}, {kernel}"


# Meaning of that name in runs that version 0.1 stored.
OF_STORED_NAME: Mapping[str, tuple[str, str]] = {
    stored_name(dynamics, kernel): (dynamics, kernel)
    for dynamics, one in DYNAMICS.items()
    for kernel in one.kernels
}
