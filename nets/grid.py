"""Grids of training runs: every combination of the listed values, each with every seed."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from nets.config import MAX_STEPS, NetConfig
from perceptron_sim.scans.grid import axis, check_count, parse_floats, parse_integers

_INTEGERS = ("d", "depth", "width", "P", "B")
_SINGLE = ("data", "arch", "act", "P_test", "dtype", "max_steps")


@dataclass(frozen=True)
class NetGrid:
    """A full grid; None leaves a parameter to the default of ``NetConfig``.

    Attributes:
        chi, d, depth, width, P, B, T, eta, kappa, alpha: values of each parameter, as in
            ``PerceptronGrid``.
        data, arch, act, P_test, dtype, max_steps: shared by all runs.
        seeds: number of replicas at each point; they are numbered 0 .. seeds-1.
    """

    chi: Sequence[float] | float | str | None = None
    d: Sequence[int] | int | str | None = None
    depth: Sequence[int] | int | str | None = None
    width: Sequence[int] | int | str | None = None
    P: Sequence[int] | int | str | None = None
    B: Sequence[int] | int | str | None = None
    T: Sequence[float] | float | str | None = None
    eta: Sequence[float] | float | str | None = None
    kappa: Sequence[float] | float | str | None = None
    alpha: Sequence[float] | float | str | None = None
    data: str = "digits"
    arch: str = "mlp"
    act: str | None = None
    P_test: int = 512
    dtype: str = "float32"
    max_steps: int = MAX_STEPS
    seeds: int = 1

    def __post_init__(self) -> None:
        """Refuse contradictions, empty axes and grids that are too large."""
        for name, values in self._axes().items():
            parse = parse_integers if name in _INTEGERS else parse_floats
            object.__setattr__(self, name, axis(name, values, parse))
        check_count(self._axes().values(), self.seeds)

    def _axes(self) -> dict[str, Any]:
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
