"""The state of the replicas of an ensemble: weights, samples, counters."""

from dataclasses import dataclass, field

import numpy as np
import torch

from nets.architectures.base import Architecture
from nets.config import NetConfig
from nets.data import Subsets, draw_subsets, draw_teacher_data
from nets.data.images import ImageData
from nets.training.batches import BatchQueue
from perceptron_sim.arrays import FloatArray, IntArray

# Rows that go through a net together where a whole set is evaluated.
_ROWS = 2048


def draw_data(config: NetConfig, images: ImageData | None) -> Subsets:
    """Draw the training and test samples of a configuration, by its seed."""
    rng = config.stream("data")
    if images is not None:
        return draw_subsets(images, config.P, config.P_test, rng)
    assert config.d is not None
    assert config.chi is not None
    return draw_teacher_data(config.P, config.P_test, config.d, config.chi, rng)


@dataclass
class Replica:
    """What one replica needs now and then.

    Attributes:
        config: what is run.
        home: where its samples lie in the buffers of the ensemble.
        subsets: its data; only the test part is read after admission.
        start: initial weights, one tensor a layer.
        suspects: samples unfitted under the present weights, shape (P,) bool, or None where
            the whole set has not been evaluated since the last update.
        course: rows (step, dw, unfitted fraction, loss) of the checkpoints so far.
        wall_s: share of the time so far.
    """

    config: NetConfig
    home: int
    subsets: Subsets
    start: list[torch.Tensor]
    suspects: np.ndarray | None = None
    course: list[tuple[float, float, float, float]] = field(default_factory=list)
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
    ) -> None:
        """Make room for replicas of up to P samples."""
        self.architecture = architecture
        self.capacity, self.P = capacity, P
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
        self.x = torch.zeros((capacity * P, d), dtype=dtype, device=device)
        host = torch.zeros(1, dtype=dtype).numpy().dtype
        self.y = np.zeros(capacity * P, dtype=host)
        self.f0 = np.zeros(capacity * P, dtype=host)
        self._homes = list(range(capacity))

    @property
    def weights(self) -> list[torch.Tensor]:
        """Weights of the replicas alive, one tensor (R, ...) a layer, as views."""
        return [layer[: len(self.alive)] for layer in self._store]

    def weights_of(self, slot: int) -> list[torch.Tensor]:
        """Weights of one replica, with a replica axis of length 1, as views."""
        return [layer[slot : slot + 1] for layer in self._store]

    def admit(self, config: NetConfig, subsets: Subsets) -> None:
        """Start one more replica."""
        slot, home = len(self.alive), self._homes.pop()
        drawn = self.architecture.draw(config.stream("weights"))
        for layer, start in zip(self._store, drawn, strict=True):
            layer[slot].copy_(torch.from_numpy(start))
        replica = Replica(config, home, subsets, [w[0].clone() for w in self.weights_of(slot)])
        self.alive.append(replica)
        self.queue.admit(config)
        for counter in (self.step, self.last, self.updates, self.hits, self.streak, self.mark):
            counter[slot] = 0
        self.push[slot] = config.T * config.width
        self.kappa[slot] = config.kappa
        self.limit[slot] = config.max_steps
        self.base[slot] = home * self.P
        rows = self._rows(slot)
        self.x[rows].copy_(torch.from_numpy(subsets.x))
        self.y[rows] = subsets.y
        self.f0[rows] = self.outputs(self.weights_of(slot), self.x[rows])

    def retire(self, slot: int) -> None:
        """Drop a replica and close the gap with the last one."""
        last = len(self.alive) - 1
        self._homes.append(self.alive[slot].home)
        self.queue.retire(slot)
        if slot < last:
            self.alive[slot] = self.alive[last]
            for layer in self._store:
                layer[slot].copy_(layer[last])
            for column in (
                *(self.step, self.last, self.updates, self.hits, self.streak, self.mark),
                *(self.push, self.kappa, self.limit, self.base),
            ):
                column[slot] = column[last]
        self.alive.pop()

    def margins(self, slot: int) -> FloatArray:
        """Return y (f - f_0) of every training sample of one replica, shape (P,), float64."""
        rows = self._rows(slot)
        f = self.outputs(self.weights_of(slot), self.x[rows])
        return np.asarray(self.y[rows] * (f - self.f0[rows]), dtype=np.float64)

    def outputs(self, weights: list[torch.Tensor], x: torch.Tensor) -> np.ndarray:
        """Return f of one replica on any number of samples (n, d), shape (n,)."""
        parts = [self.architecture.forward(weights, part[None])[0][0] for part in x.split(_ROWS)]
        return np.asarray(torch.cat(parts).cpu().numpy())

    def test_outputs(self, slot: int) -> FloatArray:
        """Return f - f_0 of one replica on its test samples, shape (P_test,), float64."""
        replica = self.alive[slot]
        x = torch.from_numpy(replica.subsets.x_test).to(self.x)
        f = self.outputs(self.weights_of(slot), x)
        f0 = self.outputs([w[None] for w in replica.start], x)
        return np.asarray(f - f0, dtype=np.float64)

    def layer_norms(self, slot: int) -> tuple[list[float], list[float]]:
        """Return ||w - w_0|| and ||w_0|| of each layer."""
        pairs = [
            (w[0].double(), w0.double())
            for w, w0 in zip(self.weights_of(slot), self.alive[slot].start, strict=True)
        ]
        moved = [float(torch.linalg.vector_norm(w - w0)) for w, w0 in pairs]
        return moved, [float(torch.linalg.vector_norm(w0)) for _, w0 in pairs]

    def rows(self, batches: IntArray) -> IntArray:
        """Return where batches (R, n, B) of the replicas alive lie in the buffers."""
        return batches + self.base[: len(self.alive), None, None]

    def _rows(self, slot: int) -> slice:
        begin = int(self.base[slot])
        return slice(begin, begin + self.alive[slot].config.P)
