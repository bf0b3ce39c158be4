"""The ensemble of a GPU: many steps without a word to the host, replayed as one CUDA graph.

A step is the same few kernels for all replicas, whether their batches change anything or not, so
nothing waits for the host to decide. The host looks at the counts of unfitted samples after every
``STEPS`` steps, and at the whole training set of a replica after P/B null steps in a row. On a CPU
the same steps are taken one call at a time, which is how they are tested.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from nets.training import graphs
from nets.training.device import is_lost, is_out_of_memory
from nets.training.ensemble import Ensemble
from nets.training.graphs import size_of_graph
from nets.training.replicas import Replicas
from perceptron_sim.errors import reason_of
from perceptron_sim.status import Status

# Steps between two looks of the host; at most ``batches.AHEAD``.
STEPS = 64


class ResidentEnsemble(Ensemble):
    """Replicas that take their steps on the device; results are those of ``Ensemble``."""

    def __init__(
        self,
        replicas: Replicas,
        checkpoints: bool,
        keep_weights: bool,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Begin with replicas still to be admitted; ``note`` is told what a person should know."""
        super().__init__(replicas, checkpoints, keep_weights)
        x, R, B = replicas.y, replicas.capacity, replicas.queue.B
        self.engine = "resident"
        self._push = x.new_zeros(R)
        self._kappa = x.new_zeros(R)
        integers = {"dtype": torch.int64, "device": x.device}
        self._rows = torch.zeros((STEPS, R, B), **integers)
        self._room = torch.zeros(R, **integers)
        self._at = torch.zeros(1, **integers)
        self._hits = torch.zeros((STEPS, R), **integers)
        self._wild = torch.zeros((STEPS, R), **integers)
        self._halted = torch.zeros(R, dtype=torch.bool, device=x.device)
        self._graphs = graphs.Graphs(x.device)
        self._note = note
        # What takes a step of the first ``_size`` replicas, if that could be captured.
        self._replay: Callable[[], None] | None = None
        self._size = 0
        self._eager = False

    def _steps(self) -> dict[int, Status]:
        """Take up to ``STEPS`` steps, none beyond a mark."""
        r = self.replicas
        n = len(r.alive)
        grown = self._record(r.mark[:n] <= r.step[:n], r.step[:n] + 1)
        for slot in map(int, np.flatnonzero(grown)):
            # Only a run that goes on can diverge.
            grown[slot] = not self._fitted(np.array([slot]))[0].all()
        room = np.minimum(r.limit[:n], r.mark[:n]) - r.step[:n]
        room = np.where(grown, 0, np.minimum(room, STEPS))
        batches = r.queue.ahead(STEPS)
        self._fill(r.rows(batches), room)
        count = int(room.max())
        self._advance(n, count)
        hits = self._hits[:count, :n].cpu().numpy()
        wild = self._wild[:count, :n].cpu().numpy() > 0
        diverged = wild.any(axis=0)
        steps = np.where(diverged, wild.argmax(axis=0), room) if count else room
        updated = hits > 0
        any_update = updated.any(axis=0)
        behind = updated[::-1].argmax(axis=0) if count else np.zeros(n, dtype=np.int64)
        r.last[:n] = np.where(any_update, r.step[:n] + count - behind, r.last[:n])
        r.step[:n] += steps
        r.streak[:n] = np.where(any_update, r.step[:n] - r.last[:n], r.streak[:n] + steps)
        r.updates[:n] += updated.sum(axis=0)
        r.hits[:n] += hits.sum(axis=0)
        r.queue.advance(np.arange(n), steps)
        for slot in map(int, np.flatnonzero(any_update)):
            r.alive[slot].suspects = None
        seen = [batches[slot, : steps[slot]] for slot in range(n)]
        return self._ended(diverged | grown, seen)

    def _fill(self, rows: np.ndarray, room: np.ndarray) -> None:
        """Bring to the device what a round of steps reads; replicas without room stand still."""
        r = self.replicas
        n = len(room)
        self._rows[:, :n].copy_(torch.from_numpy(np.ascontiguousarray(rows.swapaxes(0, 1))))
        self._push[:n].copy_(torch.from_numpy(r.push[:n]))
        self._kappa[:n].copy_(torch.from_numpy(r.kappa[:n]))
        self._room.zero_()
        self._room[:n].copy_(torch.from_numpy(room))
        self._halted.zero_()
        self._at.zero_()

    def _step(self, n: int) -> None:
        """Take step ``_at`` of the round in the first n replicas."""
        r = self.replicas
        flat = self._rows[:, :n].index_select(0, self._at).reshape(-1)
        B = r.queue.B
        weights = r.first_weights(n)
        x = r.stock.rows(r.index.index_select(0, flat)).view(n, B, -1)
        f, tape = r.architecture.forward(weights, x)
        y = r.y.index_select(0, flat).view(n, B)
        gap = y * (f - r.f0.index_select(0, flat).view(n, B))
        # Written so that a sample whose output is not a number counts as unfitted.
        unfitted = ~(gap >= self._kappa[:n, None])
        active = (self._at < self._room[:n]) & ~self._halted[:n]
        wild = active & unfitted.any(dim=1) & ~torch.isfinite(f).all(dim=1)
        self._halted[:n] |= wild
        acting = unfitted & (active & ~wild)[:, None]
        r.architecture.descend(weights, tape, acting * y * self._push[:n, None])
        self._hits[:, :n].index_copy_(0, self._at, acting.sum(dim=1)[None])
        self._wild[:, :n].index_copy_(0, self._at, wild.long()[None])
        self._at += 1

    def _advance(self, n: int, count: int) -> None:
        """Take ``count`` steps in the first n replicas; places beyond have no room and rest."""
        size = size_of_graph(n, self.capacity)
        if self._graphs.kind != "cuda" or not self._captured(size):
            for _ in range(count):
                self._step(size)
            return
        assert self._replay is not None
        for _ in range(count):
            self._replay()

    def _captured(self, size: int) -> bool:
        """Record one step of the first ``size`` replicas if need be; return whether that went."""
        if self._size == size:
            return self._replay is not None
        # The old graph goes first, with the memory it holds.
        self._size, self._replay = size, None
        if self._eager:
            return False
        room = self._room.clone()
        # Nothing moves, as no replica has room.
        self._room.zero_()
        try:
            self._replay = self._graphs.capture(partial(self._step, size))
        except Exception as error:
            if is_out_of_memory(error) or is_lost(error, self.replicas.device):
                raise
            self._eager = True
            self._note(
                f"the steps of {self.configs[0].arch} cannot be captured as a CUDA graph "
                f"({reason_of(error)}): they are taken one by one, which is slower"
            )
        finally:
            # A failed capture may have stopped anywhere.
            self._room.copy_(room)
            self._at.zero_()
            self._halted.zero_()
        return self._replay is not None
