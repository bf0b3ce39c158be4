"""Where replicas lie in memory, and what is measured of several of them at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from nets.architectures.base import Architecture
from nets.config import NetConfig
from nets.training.batch_queue import BatchQueue
from nets.training.course import CourseRow, Look
from nets.training.probe import PROBE, Probe
from nets.training.starts import Starts
from nets.training.stock import Stock, Taken
from perceptron_sim.arrays import FloatArray, IntArray

# Rows that go through a net together at most where whole sets are evaluated on a CPU.
_ROWS = 2048
# What is counted for each replica and goes into its state.
COUNTERS = ("step", "last", "updates", "hits", "streak", "mark")


@dataclass
class Replica:
    """What one replica needs now and then.

    Attributes:
        config: what is run.
        home: which of the places for labels and initial outputs are its own.
        taken: its samples.
        suspects: samples unfitted under the present weights, shape (P,) bool, or None where
            the whole set has not been evaluated since the last update.
        course: rows of the checkpoints so far.
        wall_s: share of the time so far.
    """

    config: NetConfig
    home: int
    taken: Taken
    suspects: np.ndarray | None = None
    course: list[CourseRow] = field(default_factory=list)
    wall_s: float = 0.0


class Places:
    """Up to ``capacity`` replicas; those alive fill the first places of every array.

    Whatever is measured is measured for several replicas at once, and comes back in one transfer.

    Attributes:
        alive: what each replica needs now and then, in order.
        queue: their batches.
        stock: their samples.
        step, last, updates, hits, streak: steps done, last non-null step, non-null steps,
            unfitted samples drawn, null steps since the last update; shape (capacity,).
        mark: next checkpoint's step.
        push: what an unfitted sample adds to w, over y df/dw: eta / B.
        kappa: margin.
        base: where what is known of a replica's samples begins in ``index``, ``y`` and ``f0``.
        together: samples, over all replicas, that memory lets through the net together.
        index, y, f0: place in the stock, label and initial output of the training samples of all
            replicas, shape (capacity * P,), on the device.
    """

    def __init__(
        self,
        architecture: Architecture,
        capacity: int,
        P: int,
        B: int,
        stock: Stock,
        dtype: torch.dtype,
        device: torch.device,
        together: int,
    ) -> None:
        """Make space for replicas of up to P samples."""
        self.architecture = architecture
        self.capacity, self.P = capacity, P
        self.together = together
        self.alive: list[Replica] = []
        self.queue = BatchQueue(capacity, B)
        self.stock = stock
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
        self.index = torch.zeros(capacity * P, dtype=torch.int64, device=device)
        self.y, self.f0 = (torch.zeros(capacity * P, dtype=dtype, device=device) for _ in range(2))
        self._homes = list(range(capacity))
        self._starts = Starts()
        # Kernels of the probe sets at the start, shape (capacity, n, n), if there are any.
        self._probed: torch.Tensor | None = None
        self._most = together if device.type == "cuda" else min(_ROWS, together)

    @property
    def device(self) -> torch.device:
        """Where the replicas are."""
        return self.y.device

    @property
    def weights(self) -> list[torch.Tensor]:
        """Weights of the replicas alive, one tensor (R, ...) a layer, as views."""
        return self.first_weights(len(self.alive))

    def first_weights(self, n: int) -> list[torch.Tensor]:
        """Weights in the first n places, taken or not, as views."""
        return [layer[:n] for layer in self._store]

    def look(self, slots: IntArray) -> list[Look]:
        """Return what the probes of some replicas show; nothing without any."""
        if self._probed is None or not len(slots):
            return [Look()] * len(slots)
        found = []
        for group in self._groups(slots, [PROBE] * len(slots)):
            start = self._probed.index_select(0, self._index(group))
            weights = self._at(self._store, group)
            found.append(self._probe(group).look(self.architecture, weights, start))
        return [Look(*row) for row in torch.cat(found).cpu().tolist()]

    def margins(self, slots: IntArray) -> list[FloatArray]:
        """Return y (f - f_0) of every training sample of some replicas, shape (P,), float64."""
        found: dict[int, torch.Tensor] = {}
        for group, f in self._of_training(slots):
            where = self._index(self._padded(group, f.shape[1])).view(-1)
            y, f0 = (each.index_select(0, where).view(f.shape) for each in (self.y, self.f0))
            found |= dict(zip(map(int, group), y * (f - f0), strict=True))
        parts = [found[slot][: self.alive[slot].config.P] for slot in map(int, slots)]
        return [np.asarray(part, dtype=np.float64) for part in fetched(parts)]

    def test_margins(self, slots: IntArray) -> list[FloatArray]:
        """Return y (f - f_0) of some replicas on their test samples, shape (P_test,), float64."""
        f, f0 = self._on_test(slots, self._store), self._starts_of(slots)
        return [
            self.alive[slot].taken.y_test * np.asarray(now - start, dtype=np.float64)
            for slot, now, start in zip(slots, f, f0, strict=True)
        ]

    def layer_norms(self, slots: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return ||w - w_0|| and ||w_0|| of each layer, shape (len(slots), layers), in one look."""
        found = []
        chosen = self._index(slots)
        for w, w0 in zip(self._store, self._start, strict=True):
            now, start = (part.index_select(0, chosen).double().flatten(1) for part in (w, w0))
            found += [torch.linalg.vector_norm(part, dim=1) for part in (now - start, start)]
        norms = torch.stack(found, dim=1).cpu().numpy()
        return norms[:, ::2], norms[:, 1::2]

    def final_weights(self, slots: IntArray) -> list[list[FloatArray]]:
        """Return copies of the weights of some replicas, one array a layer, float64."""
        chosen = self._index(slots)
        layers = [w.index_select(0, chosen).double().cpu().numpy() for w in self._store]
        return [[layer[i].copy() for layer in layers] for i in range(len(slots))]

    def rows(self, batches: IntArray) -> IntArray:
        """Return where samples of batches (R, n, B) of the replicas alive are in ``index``."""
        return batches + self.base[: len(self.alive), None, None]

    def _starts_of(self, slots: IntArray) -> list[np.ndarray]:
        """Return f_0 on the test samples of some replicas, evaluated where it is not known."""
        known = {int(slot): self._starts.get(self.alive[slot].config) for slot in slots}
        first: dict[tuple[object, ...], int] = {}
        for slot in (slot for slot, f0 in known.items() if f0 is None):
            first.setdefault(_tested(self.alive[slot].config), slot)
        # One after the other: runs that are taken up again have other company here.
        made = {key: self._on_test(np.array([slot]), self._start)[0] for key, slot in first.items()}
        for key, slot in first.items():
            self._starts.put(self.alive[slot].config, made[key])
        return [
            made[_tested(self.alive[slot].config)] if f0 is None else f0
            for slot, f0 in known.items()
        ]

    def _on_test(self, slots: IntArray, stored: list[torch.Tensor]) -> list[np.ndarray]:
        """Return f on the test samples of some replicas, shape (P_test,)."""
        found: dict[int, torch.Tensor] = {}
        sets: dict[tuple[object, ...], list[int]] = {}
        for slot in map(int, slots):
            config = self.alive[slot].config
            family = () if config.shared_seeds else config.family
            sets.setdefault((config.P_test, config.chi, *family), []).append(slot)
        for same in sets.values():
            taken = self.alive[same[0]].taken
            read, n = self.stock.test(taken.test), len(taken.y_test)
            for group in self._groups(np.array(same), [n] * len(same)):
                weights = self._at(stored, group)
                f = self._outputs(weights, n, partial(_for_all, read, len(group)))
                found |= dict(zip(map(int, group), f, strict=True))
        return fetched([found[slot] for slot in map(int, slots)])

    def _of_training(self, slots: IntArray) -> Iterator[tuple[IntArray, torch.Tensor]]:
        """Yield groups of replicas and f of their training samples, more than P repeated."""
        for group in self._groups(slots, [self.alive[slot].config.P for slot in slots]):
            n = max(self.alive[slot].config.P for slot in group)
            read = partial(self._part, self._index(self._padded(group, n)))
            yield group, self._outputs(self._at(self._store, group), n, read)

    def _outputs(
        self, weights: list[torch.Tensor], n: int, read: Callable[[slice], torch.Tensor]
    ) -> torch.Tensor:
        """Return f of n samples of each replica, shape (R, n); ``read`` returns (R, part, d)."""
        rows = max(1, self._most // len(weights[0]))
        parts = [
            self.architecture.forward(weights, read(slice(i, min(n, i + rows))))[0]
            for i in range(0, n, rows)
        ]
        return torch.cat(parts, dim=1) if parts else self.y.new_zeros((len(weights[0]), 0))

    def _groups(self, slots: IntArray, sizes: Sequence[int]) -> Iterator[IntArray]:
        """Yield replicas in groups whose samples go through the net together, the largest first."""
        order = np.argsort(-np.array(sizes), kind="stable")
        at = 0
        while at < len(order):
            many = max(1, self._most // max(1, sizes[order[at]]))
            yield slots[order[at : at + many]]
            at += many

    def _probe(self, slots: IntArray) -> Probe:
        where = self._padded(slots, min(PROBE, self.P))
        flat = self._index(where)
        y, f0 = (each.index_select(0, flat.view(-1)).view(flat.shape) for each in (self.y, self.f0))
        P = self._index(np.array([self.alive[slot].config.P for slot in slots]))
        kappa = torch.from_numpy(self.kappa[slots]).to(self.device)
        return Probe(self.inputs(flat), y, f0, kappa, P)

    def inputs(self, where: torch.Tensor) -> torch.Tensor:
        """Return the inputs of training samples, (R, n, d), by places (R, n) in ``index``."""
        rows = self.stock.rows(self.index.index_select(0, where.reshape(-1)))
        return rows.view(*where.shape, -1)

    def _part(self, where: torch.Tensor, part: slice) -> torch.Tensor:
        return self.inputs(where[:, part])

    def _places(self, slot: int | np.integer) -> IntArray:
        """Return where the samples of one replica are in ``index``, ``y`` and ``f0``."""
        begin = int(self.base[slot])
        return np.arange(begin, begin + self.alive[int(slot)].config.P)

    def _padded(self, slots: IntArray, n: int) -> IntArray:
        """Return the places of the first n samples of some replicas; past its own, the last."""
        P = np.array([self.alive[slot].config.P for slot in slots], dtype=np.int64)
        places: IntArray = self.base[slots, None] + np.minimum(np.arange(n), P[:, None] - 1)
        return places

    def _at(self, stored: list[torch.Tensor], slots: IntArray) -> list[torch.Tensor]:
        """Return the weights of some replicas, one tensor a layer; of one, or of all, as views."""
        if len(slots) == 1:
            return [layer[slots[0] : slots[0] + 1] for layer in stored]
        chosen = self._index(slots)
        return [layer.index_select(0, chosen) for layer in stored]

    def _index(self, values: IntArray) -> torch.Tensor:
        return torch.from_numpy(values).to(self.device)


def fetched(parts: Sequence[torch.Tensor]) -> list[np.ndarray]:
    """Return flat tensors of one precision in host memory, by one transfer."""
    if not parts:
        return []
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(torch.cat(list(parts)).cpu().numpy(), ends)


def _tested(config: NetConfig) -> tuple[object, ...]:
    return (*config.family, config.P_test)


def _for_all(read: Callable[[slice], torch.Tensor], R: int, part: slice) -> torch.Tensor:
    """Return the same samples for R replicas."""
    return read(part)[None].expand(R, -1, -1)
