"""Grids of training runs: every combination of the listed values, each with every seed."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nets.config import MAX_STEPS, NetConfig
from perceptron_sim.errors import InputError
from perceptron_sim.experiments.grid import MAX_RUNS

_SINGLE = ("data", "arch", "act", "P_test", "dtype", "max_steps")


@dataclass(frozen=True)
class NetGrid:
    """A full grid; None leaves a parameter to the default of ``NetConfig``.

    Attributes:
        chi, d, depth, width, P, B, T, eta, kappa, alpha: values of each parameter.
        data, arch, act, P_test, dtype, max_steps: shared by all runs.
        seeds: number of replicas at each point; they are numbered 0 .. seeds-1.
    """

    chi: Sequence[float] | None = None
    d: Sequence[int] | None = None
    depth: Sequence[int] | None = None
    width: Sequence[int] | None = None
    P: Sequence[int] | None = None
    B: Sequence[int] | None = None
    T: Sequence[float] | None = None
    eta: Sequence[float] | None = None
    kappa: Sequence[float] | None = None
    alpha: Sequence[float] | None = None
    data: str = "digits"
    arch: str = "mlp"
    act: str | None = None
    P_test: int = 512
    dtype: str = "float32"
    max_steps: int = MAX_STEPS
    seeds: int = 1

    def __post_init__(self) -> None:
        """Refuse contradictions, empty axes and grids that are too large."""
        if self.seeds < 1:
            raise InputError(f"seeds = {self.seeds}: allowed is an integer >= 1")
        for name, values in self._axes().items():
            if len(values) == 0:
                raise InputError(f"{name} has no values: give one or more")
        # The length of a sequence has a limit of its own, which must not be met here.
        if self._count() > MAX_RUNS:
            raise InputError(
                f"the grid has {self._count():,} runs: allowed are up to {MAX_RUNS:,}; "
                "use fewer values or seeds"
            )

    def _axes(self) -> dict[str, Sequence[Any]]:
        axes = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: values
            for name, values in axes.items()
            if values is not None and name not in (*_SINGLE, "seeds")
        }

    def __len__(self) -> int:
        """Return the number of runs."""
        return self._count()

    def _count(self) -> int:
        return math.prod(len(values) for values in self._axes().values()) * self.seeds

    def __iter__(self) -> Iterator[NetConfig]:
        """Yield every configuration.

        Raises:
            InputError: on the first combination that is out of range.
        """
        axes = self._axes()
        shared = {name: getattr(self, name) for name in _SINGLE}
        for point in itertools.product(*axes.values()):
            values = dict(zip(axes, point, strict=True))
            for seed in range(self.seeds):
                yield NetConfig(**values, **shared, seed=seed)
