"""The ensemble of a GPU: many steps without a word to the host, replayed as one CUDA graph.

A step is the same few kernels for all replicas, so nothing waits for the host to decide. Each
replica evaluates its next K batches, applies the first that changes anything, and moves its
pointer into its queue past it: batches that change nothing cost no update. Counters are on the
device; the host reads them after a block of steps, and looks at the whole training set of a
replica after P/B null steps in a row. On a CPU the same steps are taken one call at a time, which
is how they are tested.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from nets.training import graphs
from nets.training.device import is_lost, is_out_of_memory
from nets.training.ensemble import Ensemble
from nets.training.graphs import size_of_graph
from nets.training.replicas import Replicas
from perceptron_sim.arrays import IntArray
from perceptron_sim.errors import reason_of
from perceptron_sim.status import Status

# Steps of the device between two looks of the host.
STEPS = 64
# Batches of a replica on the device; at most half of ``batch_queue.AHEAD``.
QUEUE = 256
# What is counted in a block: steps done, which is also the place in the queue, non-null steps,
# unfitted samples drawn, steps done at the last non-null one, and whether the output overflowed.
_DONE, _UPDATES, _HITS, _LAST, _WILD = range(5)
# Costs of a step by the data sheet of an H100, in multiplications at 3e13 FLOP/s: some 60 kernels
# of 2 us, and four passes over all weights at 3e12 bytes/s. On one, 256 replicas of the papers'
# mlp took 0.7 ms a step, where this gives 0.5.
_CALLS_FLOPS = 4e9
_FLOPS_A_WEIGHT = 160.0
# How fast the mean share of null batches follows the last block.
_RECENT = 0.3


class ResidentEnsemble(Ensemble):
    """Replicas that take their steps on the device; results are those of ``Ensemble``."""

    # One graph each.
    _WINDOWS = (1, 2, 4, 8)

    def __init__(
        self,
        replicas: Replicas,
        checkpoints: bool,
        keep_weights: bool,
        tested: bool = False,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Begin with replicas still to be admitted; ``note`` is told what a person should know."""
        super().__init__(replicas, checkpoints, keep_weights, tested)
        x, R, B = replicas.y, replicas.capacity, replicas.queue.B
        # eta / B and margin of each replica.
        self._scales = x.new_zeros((2, R))
        integers = {"dtype": torch.int64, "device": x.device}
        # Where the samples of the next batches are: a QUEUE of each replica after the other.
        self._rows = torch.zeros((R * QUEUE, B), dtype=torch.int32, device=x.device)
        self._room = torch.zeros(R, **integers)
        self._counts = torch.zeros((5, R), **integers)
        self._numbers = torch.arange(max(R, QUEUE, B), **integers)
        self._graphs = graphs.Graphs(x.device)
        self._note = note
        # What takes a step of the first ``_size`` replicas, by K, where it could be captured.
        self._replays: dict[int, Callable[[], None]] = {}
        self._size = 0
        self._eager = False

    def _steps(self) -> dict[int, Status]:
        """Take a block of steps, none beyond a mark."""
        r = self.replicas
        n = len(r.alive)
        grown = self._record(r.mark[:n] <= r.step[:n], r.step[:n] + 1)
        # Only a run that goes on can diverge.
        large = np.flatnonzero(grown)
        grown[large] = [not fitted.all() for fitted in self._fitted(large)]
        K = self._window()
        most = min(QUEUE, STEPS * K)
        room = np.minimum(np.minimum(r.limit[:n], r.mark[:n]) - r.step[:n], most)
        room[grown] = 0
        batches = r.queue.ahead(most)
        self._fill(r.rows(batches), room)
        # Those that stop at a mark should not keep the others long, nor wait long for them.
        mean = float(np.mean(room[room > 0])) if room.any() else 0.0
        self._advance(n, min(STEPS, math.ceil(mean / self._steps_of(K))), K)
        # While the device is at work.
        r.queue.draw()
        counts = self._counts[:, :n].cpu().numpy()
        done, updates, diverged = counts[_DONE], counts[_UPDATES], counts[_WILD] > 0
        hit = updates > 0
        r.last[:n] = np.where(hit, r.step[:n] + counts[_LAST], r.last[:n])
        r.streak[:n] = np.where(hit, done - counts[_LAST], r.streak[:n] + done)
        r.step[:n] += done
        r.updates[:n] += updates
        r.hits[:n] += counts[_HITS]
        r.queue.advance(np.arange(n), done)
        self._null += _RECENT * (1.0 - updates.sum() / max(1, done.sum()) - self._null)
        for slot in map(int, np.flatnonzero(hit)):
            r.alive[slot].suspects = None
        return self._ended(diverged | grown, [batches[i, : done[i]] for i in range(n)])

    def _cost(self, K: int, some: float, per_batch: float) -> float:
        """Return what K batches cost, in multiplications; every step has its way back."""
        r = self.replicas
        weights = len(r.alive) * sum(math.prod(shape) for shape in r.architecture.shapes)
        return _CALLS_FLOPS + _FLOPS_A_WEIGHT * weights + (K + 2) * per_batch

    def _fill(self, rows: IntArray, room: IntArray) -> None:
        """Bring to the device what a block of steps reads; those with no steps left stand still."""
        r = self.replicas
        n, most, B = rows.shape
        queues = self._rows.view(r.capacity, QUEUE, B)
        queues[:n, :most].copy_(torch.from_numpy(rows.astype(np.int32)))
        self._scales[:, :n].copy_(torch.from_numpy(np.stack([r.push[:n], r.kappa[:n]])))
        self._room.zero_()
        self._room[:n].copy_(torch.from_numpy(room))
        self._counts.zero_()

    def _step(self, n: int, K: int) -> None:
        """Evaluate the next K batches of the first n replicas, apply the first that matters."""
        r, B, numbers = self.replicas, self.replicas.queue.B, self._numbers
        done, room = self._counts[_DONE, :n], self._room[:n]
        weights = r.first_weights(n)
        ahead = done[:, None] + numbers[:K]
        places = ahead.clamp(max=QUEUE - 1) + QUEUE * numbers[:n, None]
        rows = self._rows.index_select(0, places.view(-1)).view(-1)
        x = r.stock.rows(r.index.index_select(0, rows)).view(n, K * B, -1)
        f, tape = r.architecture.forward(weights, x)
        y, f0 = (each.index_select(0, rows).view(n, K * B) for each in (r.y, r.f0))
        # Written so that a sample whose output is not a number counts as unfitted.
        unfitted = ~(y * (f - f0) >= self._scales[1, :n, None])
        changes = unfitted.view(n, K, B).any(dim=2) & (ahead < room[:, None])
        passed = (changes.cumsum(dim=1) == 0).sum(dim=1)
        hit = passed < K
        if K > 1:
            first = passed.clamp(max=K - 1) + K * numbers[:n]
            chosen = (B * first[:, None] + numbers[:B]).view(-1)
            f, y, unfitted, *tape_ = (
                part.reshape(n * K * B, *part.shape[2:])
                .index_select(0, chosen)
                .view(n, B, *part.shape[2:])
                for part in (f, y, unfitted, *tape)
            )
            tape = tuple(tape_)
        finite = torch.isfinite(f).all(dim=1)
        acting = hit & finite
        pushed = unfitted & acting[:, None]
        r.architecture.descend(weights, tape, pushed * y * self._scales[0, :n, None])
        steps = torch.minimum(passed + acting, room - done)
        wild = hit & ~finite
        self._counts[:_LAST, :n] += torch.stack([steps, acting, pushed.sum(dim=1)])
        last = self._counts[_LAST, :n]
        last.copy_(torch.where(acting, done, last))
        self._counts[_WILD, :n] += wild
        # Where the output overflowed, nothing more is done.
        room.copy_(torch.where(wild, done, room))

    def _advance(self, n: int, count: int, K: int) -> None:
        """Take ``count`` steps in the first n replicas; the other places rest."""
        size = size_of_graph(n, self.capacity)
        if self._graphs.kind != "cuda" or not self._captured(size, K):
            for _ in range(count):
                self._step(size, K)
            return
        for _ in range(count):
            self._replays[K]()

    def _captured(self, size: int, K: int) -> bool:
        """Record one step of the first ``size`` replicas if need be; return whether that went."""
        if self._size != size:
            # The old graphs go first, with the memory they hold.
            self._replays.clear()
            self._size = size
        if self._eager or K in self._replays:
            return not self._eager
        room = self._room.clone()
        # Nothing moves, as no replica has room.
        self._room.zero_()
        try:
            self._replays[K] = self._graphs.capture(partial(self._step, size, K))
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
            self._counts.zero_()
        return not self._eager
