"""Which engine trains which runs, in how many threads."""

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch

from nets.architectures import DENSE, build
from nets.architectures.base import Architecture
from nets.config import NetConfig
from nets.data import PERCEPTRON, Subsets, load_images
from nets.training.compiled import CompiledEngine
from nets.training.crews import Lane
from nets.training.device import Room, capacity, check_room, rows_together
from nets.training.engine import Control, Engine, ensemble_keys
from nets.training.ensemble import Ensemble
from nets.training.replicas import Replicas
from nets.training.resident import ResidentEnsemble
from nets.training.samples import draw_data
from nets.training.stock import Bytes, Floats, Stock
from perceptron_sim.errors import InputError, reason_of
from perceptron_sim.runs.snapshots import State
from perceptron_sim.scans.executors import default_workers

# The engine that takes the steps of a GPU on a CPU, for tests.
ON_DEVICE = "resident"


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


def net_of(config: NetConfig, data_dir: Path | None) -> Architecture:
    """Return the net of a configuration."""
    d, image = inputs_of(config, data_dir)
    return build(config.arch, d, config.depth, config.width, config.act, image)


@dataclass(frozen=True)
class Plan:
    """How a request is trained.

    Attributes:
        device: where.
        control: how it is steered; told of states that cannot be used.
        engine, data_dir, checkpoints, keep_weights, test_checkpoints, workers, most: as in
            ``nets.training.train``.
    """

    device: torch.device
    control: Control
    engine: str = "auto"
    data_dir: Path | None = None
    checkpoints: bool = True
    keep_weights: bool = False
    test_checkpoints: bool = False
    workers: int | None = None
    most: int | None = None

    def groups(
        self, configs: Sequence[NetConfig], stored: Sequence[NetConfig]
    ) -> Iterator[list[Lane]]:
        """Yield lanes that run side by side, group after group.

        Args:
            configs: different runs.
            stored: runs of the same request that are done.
        """
        states = self.control.saved({config.key() for config in (*configs, *stored)})
        # Two ensembles on a GPU would each plan with the memory of the other.
        workers = (self.workers or default_workers()) if self.device.type == "cpu" else 1
        dense = deque(sorted((c for c in configs if self._compiles(c)), key=_order))
        if dense:
            lanes = min(workers, len(dense))
            yield [
                Lane(str(i), self.device, self._compiled, dense, states=states)
                for i in range(lanes)
            ]
        pending = {config.key() for config in configs}
        others = [config for config in (*configs, *stored) if not self._compiles(config)]
        for shape, alike in groupby(sorted(others, key=_order), key=shape_of):
            members = list(alike)
            count = min(workers, len(members))
            stem = f"ensemble-{hashlib.sha256(repr(shape).encode()).hexdigest()[:16]}"
            names = [f"{stem}-{i + 1}of{count}" for i in range(count)]
            claimed = self._claimed(stem, names, members, pending, states)
            taken = set().union(*claimed.values())
            company = {c.key(): c for c in members if c.key() not in pending}
            lanes_here = []
            for i, name in enumerate(names):
                # Shares of the whole request, so that resuming deals the runs out as before.
                share = {c.key() for c in members[i::count]} - taken | claimed.get(name, set())
                waiting = [c for c in members if c.key() in share & pending]
                state = states[name] if name in claimed else None
                if waiting:
                    make = partial(self._ensemble, count)
                    lane = Lane(name, self.device, make, deque(waiting), {}, state, company)
                    lanes_here.append(lane)
            if lanes_here:
                yield lanes_here

    def _claimed(
        self,
        stem: str,
        names: Sequence[str],
        members: Sequence[NetConfig],
        pending: set[str],
        states: dict[str, State],
    ) -> dict[str, set[str]]:
        """Return the states of a shape that can be taken up, with the keys of their runs."""
        known = {config.key() for config in members}
        claimed: dict[str, set[str]] = {}
        taken: set[str] = set()
        for name in sorted(name for name in states if name.startswith(f"{stem}-")):
            try:
                keys = set(ensemble_keys(states[name][0]))
            except (KeyError, TypeError) as error:
                self.control.refuse(name, reason_of(error))
                continue
            if not keys & pending:
                continue
            if name not in names:
                self.control.refuse(name, "it was saved with another number of workers")
            elif not keys <= known or keys & taken:
                self.control.refuse(name, "it holds runs of another request or lane")
            else:
                claimed[name] = keys
                taken |= keys
        return claimed

    def _compiles(self, config: NetConfig) -> bool:
        return is_compiled(config, self.device, self.engine)

    def _draw(self, config: NetConfig) -> Subsets:
        return draw_data(config, self.data_dir)

    def _compiled(
        self, configs: Sequence[NetConfig], limit: int | None, room: Room | None
    ) -> Engine:
        how = (self.checkpoints, self.keep_weights, self.test_checkpoints)
        return CompiledEngine(self._draw, *how, self.control.stop)

    def _ensemble(
        self, lanes: int, configs: Sequence[NetConfig], limit: int | None, room: Room | None
    ) -> Engine:
        """Return an empty ensemble for runs of one shape, one of so many lanes."""
        one = configs[0]
        d, _ = inputs_of(one, self.data_dir)
        architecture = net_of(one, self.data_dir)
        dtype: torch.dtype = getattr(torch, one.dtype)
        if room is None:
            try:
                at_once = capacity(architecture, configs, d, self.device, lanes)
            except InputError:
                if limit is None:
                    raise
                # Memory did not suffice for more: one is tried, whatever is said to be free.
                at_once = 1
            at_once = min(at_once, *(n for n in (self.most, limit) if n is not None), at_once)
            together = rows_together(architecture, dtype, self.device, lanes)
            room = Room(at_once, max(config.P for config in configs), together)
        else:
            check_room(room, architecture, configs, d, self.device, lanes)
        on_device = self.engine == ON_DEVICE or self.device.type == "cuda"
        where = (dtype, self.device)
        stock: Stock = Floats(self._draw, room.capacity, room.P, d, *where)
        if on_device and one.data != PERCEPTRON:
            images = load_images(one.data, self.data_dir)
            if images.pixels.dtype == np.uint8:
                # On a CPU the conversion at each batch costs more than floats do.
                stock = Bytes(images, *where)
        replicas = Replicas(
            *(architecture, room.capacity, room.P, one.B, stock, *where, room.together)
        )
        how = (replicas, self.checkpoints, self.keep_weights, self.test_checkpoints)
        return ResidentEnsemble(*how, self.control.tell) if on_device else Ensemble(*how)


def _order(config: NetConfig) -> tuple[object, ...]:
    """Sort runs of one shape together, the longest first: the end should not be one long run."""
    return (shape_of(config), -config.P, -config.T, config.seed)


def shape_of(config: NetConfig) -> tuple[object, ...]:
    """Return what runs must share to be trained together."""
    return (
        *(config.arch, config.depth, config.width, config.act, config.B, config.dtype),
        *(config.data, config.d or 0),
    )
