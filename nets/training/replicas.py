"""The state of the replicas of an ensemble: weights, samples, counters."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from nets.architectures.base import Architecture
from nets.config import NetConfig
from nets.data import Subsets
from nets.training.batch_queue import BatchQueue
from nets.training.course import CourseRow, Look
from nets.training.probe import Probe
from nets.training.resuming import alike
from nets.training.starts import Starts
from perceptron_sim.arrays import FloatArray, IntArray

# Rows that go through a net together at most where a whole set is evaluated.
_ROWS = 2048


# What is counted for each replica and goes into its state.
_COUNTERS = ("step", "last", "updates", "hits", "streak", "mark")


@dataclass
class Replica:
    """What one replica needs now and then.

    Attributes:
        config: what is run.
        home: where its samples lie in the buffers of the ensemble.
        subsets: its data; only the test part is read after admission.
        suspects: samples unfitted under the present weights, shape (P,) bool, or None where
            the whole set has not been evaluated since the last update.
        probe: what is measured on a probe set, or None.
        course: rows of the checkpoints so far.
        wall_s: share of the time so far.
    """

    config: NetConfig
    home: int
    subsets: Subsets
    suspects: np.ndarray | None = None
    probe: Probe | None = None
    course: list[CourseRow] = field(default_factory=list)
    wall_s: float = 0.0


class Replicas:
    """Up to ``capacity`` replicas; those alive fill the first places of every array.

    Attributes:
        alive: what each replica needs now and then, in order.
        queue: their batches.
        step, last, updates, hits, streak: steps done, last non-null step, non-null steps,
            unfitted samples drawn, null steps since the last update; shape (capacity,).
        mark: next checkpoint's step.
        push: what an unfitted sample adds to w, over y df/dw: eta / B.
        kappa: margin.
        base: where a replica's samples begin in the buffers.
        together: samples, over all replicas, that memory lets through the net together.
        x: samples of all replicas, shape (capacity * P, d); y, f0 their labels and initial
            outputs, in host memory.
    """

    def __init__(
        self,
        architecture: Architecture,
        capacity: int,
        P: int,
        d: int,
        B: int,
        dtype: torch.dtype,
        device: torch.device,
        together: int,
    ) -> None:
        """Make room for replicas of up to P samples."""
        self.architecture = architecture
        self.capacity, self.P = capacity, P
        self.together = together
        self.alive: list[Replica] = []
        self.queue = BatchQueue(capacity, B)
        self.step, self.last, self.updates, self.hits, self.streak, self.mark, self.base = (
            np.zeros(capacity, dtype=np.int64) for _ in range(7)
        )
        self.push, self.kappa = np.zeros(capacity), np.zeros(capacity)
        self.limit = np.zeros(capacity, dtype=np.int64)
        self._store = [
            torch.zeros((capacity, *shape), dtype=dtype, device=device)
            for shape in architecture.shapes
        ]
        self._start = [torch.zeros_like(layer) for layer in self._store]
        self.x = torch.zeros((capacity * P, d), dtype=dtype, device=device)
        host = torch.zeros(1, dtype=dtype).numpy().dtype
        self.y = np.zeros(capacity * P, dtype=host)
        self.f0 = np.zeros(capacity * P, dtype=host)
        self._homes = list(range(capacity))
        self._starts = Starts()
        # The test inputs that were last asked for, here and on the device.
        self._test: tuple[np.ndarray, torch.Tensor] | None = None

    @property
    def weights(self) -> list[torch.Tensor]:
        """Weights of the replicas alive, one tensor (R, ...) a layer, as views."""
        return self.first_weights(len(self.alive))

    def first_weights(self, n: int) -> list[torch.Tensor]:
        """Weights in the first n places, taken or not, as views."""
        return [layer[:n] for layer in self._store]

    def weights_of(self, slot: int) -> list[torch.Tensor]:
        """Weights of one replica, with a replica axis of length 1, as views."""
        return [layer[slot : slot + 1] for layer in self._store]

    def admit(self, config: NetConfig, subsets: Subsets, probed: bool) -> Replica:
        """Start one more replica; ``probed`` is whether ``look`` shall be possible."""
        slot, home = len(self.alive), self._homes.pop()
        drawn = self.architecture.draw(config.stream("weights"))
        for layer, start, values in zip(self._store, self._start, drawn, strict=True):
            layer[slot].copy_(torch.from_numpy(values))
            start[slot].copy_(layer[slot])
        replica = Replica(config, home, subsets)
        self.alive.append(replica)
        self.queue.admit(config)
        for name in _COUNTERS:
            getattr(self, name)[slot] = 0
        self.push[slot] = config.T * config.width
        self.kappa[slot] = config.kappa
        self.limit[slot] = config.max_steps
        self.base[slot] = home * self.P
        rows = self.rows_of(slot)
        self.x[rows].copy_(torch.from_numpy(subsets.x))
        self.y[rows] = subsets.y
        self.f0[rows] = self.outputs(self.weights_of(slot), self.x[rows])
        if probed:
            weights = self.weights_of(slot)
            replica.probe = Probe(
                self.architecture, weights, self.x[rows], self.y[rows], self.f0[rows], config.kappa
            )
        return replica

    def retire(self, slot: int) -> None:
        """Drop a replica and close the gap with the last one."""
        last = len(self.alive) - 1
        self._homes.append(self.alive[slot].home)
        self.queue.retire(slot)
        if slot < last:
            self.alive[slot] = self.alive[last]
            for layer in (*self._store, *self._start):
                layer[slot].copy_(layer[last])
            for column in (
                *(getattr(self, name) for name in _COUNTERS),
                *(self.push, self.kappa, self.limit, self.base),
            ):
                column[slot] = column[last]
        self.alive.pop()

    def state(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """Return what drawing data and weights anew does not bring back."""
        n = len(self.alive)
        meta = []
        arrays = {f"w{i}": w.cpu().numpy() for i, w in enumerate(self.weights)}
        arrays |= {name: getattr(self, name)[:n] for name in _COUNTERS}
        for slot, replica in enumerate(self.alive):
            stream, drawn, order = self.queue.state(slot)
            known = replica.suspects is not None
            meta.append(
                {
                    "key": replica.config.key(),
                    "wall_s": replica.wall_s,
                    "stream": stream,
                    "known": known,
                    "course": [list(row) for row in replica.course],
                }
            )
            arrays |= {f"drawn{slot}": drawn, f"order{slot}": order}
            if replica.suspects is not None:
                arrays[f"suspects{slot}"] = replica.suspects
        return meta, arrays

    def restore(self, meta: list[dict[str, Any]], arrays: dict[str, np.ndarray]) -> None:
        """Bring replicas that have just been admitted, in this order, to a state."""
        n = len(self.alive)
        for i, w in enumerate(self.weights):
            w.copy_(torch.from_numpy(alike(arrays[f"w{i}"], w)))
        for name in _COUNTERS:
            getattr(self, name)[:n] = alike(arrays[name], getattr(self, name)[:n])
        for slot, (replica, saved) in enumerate(zip(self.alive, meta, strict=True)):
            replica.wall_s = float(saved["wall_s"])
            replica.course = [CourseRow(*row) for row in saved["course"]]
            replica.suspects = None
            if saved["known"]:
                P = np.empty(replica.config.P, dtype=np.bool_)
                replica.suspects = alike(arrays[f"suspects{slot}"], P)
            self.queue.restore(
                slot, saved["stream"], arrays[f"drawn{slot}"], arrays[f"order{slot}"]
            )

    def look(self, slot: int) -> Look:
        """Return what the probe of one replica shows; nothing without one."""
        probe = self.alive[slot].probe
        return Look() if probe is None else probe.look(self.weights_of(slot))

    def margins(self, slot: int) -> FloatArray:
        """Return y (f - f_0) of every training sample of one replica, shape (P,), float64."""
        rows = self.rows_of(slot)
        f = self.outputs(self.weights_of(slot), self.x[rows])
        return np.asarray(self.y[rows] * (f - self.f0[rows]), dtype=np.float64)

    def outputs(self, weights: list[torch.Tensor], x: torch.Tensor) -> np.ndarray:
        """Return f of one replica on any number of samples (n, d), shape (n,)."""
        blocks = x.split(min(_ROWS, self.together))
        parts = [self.architecture.forward(weights, part[None])[0][0] for part in blocks]
        return np.asarray(torch.cat(parts).cpu().numpy())

    def test_outputs(self, slot: int) -> FloatArray:
        """Return f - f_0 of one replica on its test samples, shape (P_test,), float64."""
        replica = self.alive[slot]
        given = replica.subsets.x_test
        if self._test is None or self._test[0] is not given:
            self._test = given, torch.from_numpy(given).to(self.x)
        x = self._test[1]
        start = [layer[slot : slot + 1] for layer in self._start]
        f0 = self._starts.of(replica.config, lambda: self.outputs(start, x))
        return np.asarray(self.outputs(self.weights_of(slot), x) - f0, dtype=np.float64)

    def layer_norms(self, slots: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return ||w - w_0|| and ||w_0|| of each layer, shape (len(slots), layers), in one look."""
        found = []
        chosen = torch.from_numpy(slots).to(self.x.device)
        for w, w0 in zip(self._store, self._start, strict=True):
            now, start = (part.index_select(0, chosen).double().flatten(1) for part in (w, w0))
            found += [torch.linalg.vector_norm(part, dim=1) for part in (now - start, start)]
        norms = torch.stack(found, dim=1).cpu().numpy()
        return norms[:, ::2], norms[:, 1::2]

    def rows(self, batches: IntArray) -> IntArray:
        """Return where batches (R, n, B) of the replicas alive lie in the buffers."""
        return batches + self.base[: len(self.alive), None, None]

    def rows_of(self, slot: int) -> slice:
        """Return where the samples of one replica lie in the buffers."""
        begin = int(self.base[slot])
        return slice(begin, begin + self.alive[slot].config.P)
