"""Which engine trains which runs, in how many threads."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import torch

from nets.architectures import DENSE, build
from nets.config import NetConfig
from nets.data import Subsets, draw_subsets, draw_teacher_data, load_images
from nets.data.names import PERCEPTRON
from nets.training.compiled import CompiledEngine
from nets.training.device import capacity, rows_together
from nets.training.engine import Engine
from nets.training.ensemble import Ensemble
from nets.training.lanes import Lane
from nets.training.replicas import Replicas
from nets.training.resident import ResidentEnsemble
from perceptron_sim.experiments.simulate import StopFlag
from perceptron_sim.experiments.snapshots import State


def draw_data(config: NetConfig, data_dir: Path | None = None) -> Subsets:
    """Draw the training and test samples of a configuration, by its seed."""
    rng = config.stream("data")
    if config.data != PERCEPTRON:
        return draw_subsets(load_images(config.data, data_dir), config.P, config.P_test, rng)
    assert config.d is not None
    assert config.chi is not None
    return draw_teacher_data(config.P, config.P_test, config.d, config.chi, rng)


def inputs_of(config: NetConfig, data_dir: Path | None) -> tuple[int, tuple[int, ...] | None]:
    """Return the dimension of the inputs and, for images, their shape."""
    if config.data == PERCEPTRON:
        assert config.d is not None
        return config.d, None
    images = load_images(config.data, data_dir)
    return images.d, images.shape if len(images.shape) > 1 else None


def is_compiled(config: NetConfig, device: torch.device, engine: str) -> bool:
    """Return whether a run is trained in the compiled loop."""
    return engine in ("auto", "compiled") and device.type == "cpu" and config.arch in DENSE


@dataclass(frozen=True)
class Plan:
    """How a request is trained.

    Attributes:
        device: where.
        engine, data_dir, checkpoints, keep_weights, most: as in ``nets.training.train``.
        workers: threads.
        stop: flag that ends rounds at once.
    """

    device: torch.device
    engine: str
    data_dir: Path | None
    checkpoints: bool
    keep_weights: bool
    workers: int
    most: int | None
    stop: StopFlag

    def groups(
        self, configs: Sequence[NetConfig], stored: Sequence[NetConfig], states: dict[str, State]
    ) -> Iterator[list[Lane]]:
        """Yield lanes that run side by side, group after group.

        Args:
            configs: what to run, no two alike.
            stored: runs of the same request that are done.
            states: saved states by name.
        """
        dense = deque(sorted((c for c in configs if self._compiles(c)), key=_order))
        if dense:
            lanes = min(self.workers, len(dense))
            yield [Lane(str(i), self._compiled, dense, (), states) for i in range(lanes)]
        pending = {config.key() for config in configs}
        others = [config for config in (*configs, *stored) if not self._compiles(config)]
        for shape, alike in groupby(sorted(others, key=_order), key=shape_of):
            members = list(alike)
            name = hashlib.sha256(repr(shape).encode()).hexdigest()[:16]
            count = min(self.workers, len(members))
            # Shares of the whole request, so that a resumed one deals the runs out alike.
            shares = [[c for c in members[i::count] if c.key() in pending] for i in range(count)]
            yield [
                Lane(
                    name=f"ensemble-{name}-{i + 1}of{count}",
                    make=partial(self._ensemble, share, count),
                    waiting=deque(share),
                    stored=stored,
                    states=states,
                )
                for i, share in enumerate(shares)
                if share
            ]

    def _compiles(self, config: NetConfig) -> bool:
        return is_compiled(config, self.device, self.engine)

    def _draw(self, config: NetConfig) -> Subsets:
        return draw_data(config, self.data_dir)

    def _compiled(self, limit: int | None) -> Engine:
        return CompiledEngine(self._draw, self.checkpoints, self.keep_weights, self.stop)

    def _ensemble(self, configs: list[NetConfig], lanes: int, limit: int | None) -> Engine:
        """Return an empty ensemble for runs alike in shape, one of so many lanes."""
        one = configs[0]
        d, image = inputs_of(one, self.data_dir)
        architecture = build(one.arch, d, one.depth, one.width, one.act, image)
        room = capacity(architecture, configs, d, self.device, lanes)
        for bound in (self.most, limit):
            room = room if bound is None else min(room, bound)
        dtype = torch.float32 if one.dtype == "float32" else torch.float64
        P = max(config.P for config in configs)
        together = rows_together(architecture, dtype, self.device, lanes)
        replicas = Replicas(architecture, room, P, d, one.B, dtype, self.device, together)
        on_device = self.engine == "resident" or (
            self.engine == "auto" and self.device.type == "cuda"
        )
        kind = ResidentEnsemble if on_device else Ensemble
        return kind(replicas, self._draw, self.checkpoints, self.keep_weights)


def _order(config: NetConfig) -> tuple[object, ...]:
    """Sort runs alike in shape together, the longest first: the end should not be one long run."""
    return (shape_of(config), -config.P, -config.T, config.seed)


def shape_of(config: NetConfig) -> tuple[object, ...]:
    """Return what runs must share to be trained together."""
    return (
        *(config.arch, config.depth, config.width, config.act, config.B, config.dtype),
        *(config.data, config.d or 0),
    )
