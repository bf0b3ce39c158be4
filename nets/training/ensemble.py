"""Training of many small nets as one batched computation.

A batch in which every sample is fitted changes nothing, so the next batches of a replica can be
evaluated together, up to the first that does change something: the same random stream, the same
trajectory. Only that batch is passed back, and only its unfitted samples. After P/B null steps in
a row the whole training set is evaluated: either it is fitted, and the run is over, or it is
known which samples are not, and batches without them are passed over unevaluated.
"""

import math
import time
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from nets.config import NetConfig
from nets.training.course import has_grown, next_mark, result_of, row_at
from nets.training.device import Room
from nets.training.engine import Draw
from nets.training.replicas import Replicas
from nets.training.result import NetResult
from perceptron_sim.arrays import IntArray
from perceptron_sim.runs.snapshots import State
from perceptron_sim.status import Status

# A round costs about this many multiplications' time whatever its size: the calls themselves.
_CALLS_FLOPS = 1.0e7


class Ensemble:
    """Replicas of one architecture that are trained together."""

    exact = False

    def __init__(
        self, replicas: Replicas, draw: Draw, checkpoints: bool, keep_weights: bool
    ) -> None:
        """Begin with replicas still to be admitted."""
        self.replicas = replicas
        self.capacity = replicas.capacity
        self.engine = "ensemble"
        self._draw = draw
        self._keep_weights = keep_weights
        self._checkpoints = checkpoints
        # Running mean over rounds of the fraction of batches that change nothing.
        self._null = 0.0

    @property
    def configs(self) -> list[NetConfig]:
        """The runs in training."""
        return [replica.config for replica in self.replicas.alive]

    def admit(self, config: NetConfig) -> None:
        """Start one more run."""
        started = time.perf_counter()
        replica = self.replicas.admit(config, self._draw(config), probed=self._checkpoints)
        replica.wall_s = time.perf_counter() - started

    def state(self) -> State:
        """Return the state of all replicas."""
        r = self.replicas
        meta, arrays = r.state()
        room = Room(r.capacity, r.P, r.together)._asdict()
        return {"null": self._null, "replicas": meta, "room": room}, arrays

    def restore(self, state: State, configs: dict[str, NetConfig]) -> None:
        """Go on from a state: the same replicas in the same places."""
        meta, arrays = state
        self._null = float(meta["null"])
        for replica in meta["replicas"]:
            self.admit(configs[replica["key"]])
        self.replicas.restore(meta["replicas"], arrays)

    def round(self) -> list[NetResult]:
        """Bring every replica one update on, or some null steps; return those that end."""
        return list(self._round())

    def _round(self) -> Iterator[NetResult]:
        started = time.perf_counter()
        alive = list(self.replicas.alive)
        ended = self._steps()
        share = (time.perf_counter() - started) / len(alive)
        for replica in alive:
            replica.wall_s += share
        # From the last place on, so that closing a gap moves no replica still to be looked at.
        for place in sorted(ended, reverse=True):
            yield self._finish(place, ended[place])

    def _steps(self) -> dict[int, Status]:
        """Take the steps of a round; return the places of the replicas that end, with status."""
        r = self.replicas
        n = len(r.alive)
        K = self._window()
        batches = r.queue.ahead(K)
        rows = r.rows(batches)
        B = rows.shape[2]
        flat = torch.from_numpy(rows.reshape(-1)).to(r.x.device)
        x = r.x.index_select(0, flat).view(n, K * B, -1)
        out, tape = r.architecture.forward(r.weights, x)
        f = out.cpu().numpy().reshape(n, K, B)
        gap = r.y[rows] * (f - r.f0[rows])
        # Written so that a sample whose output is not a number counts as unfitted.
        unfitted = ~(gap >= r.kappa[:n, None, None])
        changes = unfitted.any(axis=2)
        first = changes.argmax(axis=1)
        each = np.arange(n)
        room = r.limit[:n] - r.step[:n]
        hit = changes[each, first] & (first < room)
        steps = np.minimum(np.where(hit, first + 1, K), room)
        diverged = hit & ~np.isfinite(f[each, first]).all(axis=1)
        diverged |= self._record(hit & (r.mark[:n] < r.step[:n] + steps), r.step[:n] + steps)
        hit &= ~diverged
        self._null += 0.05 * (1.0 - hit.sum() / max(1, steps.sum()) - self._null)
        if hit.any():
            chosen = unfitted[each, first] & hit[:, None]
            self._update(tape, chosen, rows[each, first], first, K)
        self._count(steps, hit, unfitted[each, first].sum(axis=1))
        return self._ended(diverged, list(batches))

    def _window(self) -> int:
        """Return how many batches to evaluate together: most steps for the work expected."""
        r = self.replicas
        rows = len(r.alive) * r.queue.B
        per_batch = 2.0 * rows * r.architecture.flops
        best, best_rate = 1, 0.0
        for K in (1, 2, 4, 8, 16, 32, 64):
            some = 1.0 - self._null**K
            steps = some / max(1.0 - self._null, 1e-9) if self._null < 1.0 else float(K)
            rate = steps / (_CALLS_FLOPS * (1.0 + some) + (K + some) * per_batch)
            if rate > best_rate and (K == 1 or K * rows <= r.together):
                best, best_rate = K, rate
        return best

    def _update(
        self,
        tape: tuple[torch.Tensor, ...],
        chosen: np.ndarray,
        rows: IntArray,
        first: IntArray,
        K: int,
    ) -> None:
        """Pass back the unfitted samples ``chosen`` (R, B) of each replica's batch ``first``."""
        r = self.replicas
        n, B = chosen.shape
        m = int(chosen.sum(axis=1).max())
        place = np.argsort(~chosen, axis=1, kind="stable")[:, :m]
        taken = np.take_along_axis(chosen, place, axis=1)
        labels = r.y[np.take_along_axis(rows, place, axis=1)]
        push = taken * labels * r.push[:n, None].astype(labels.dtype)
        if K > 1 or m < B:
            where = place + (first * B + np.arange(n) * K * B)[:, None]
            flat = torch.from_numpy(where.reshape(-1)).to(r.x.device)
            tape = tuple(
                part.reshape(n * K * B, -1).index_select(0, flat).view(n, m, *part.shape[2:])
                for part in tape
            )
        else:
            # Every row is passed back: in the order of the batch, as the tape has them.
            push = chosen * r.y[rows] * r.push[:n, None].astype(labels.dtype)
        r.architecture.descend(r.weights, tape, torch.from_numpy(push).to(r.x))

    def _count(self, steps: IntArray, hit: np.ndarray, hits: IntArray) -> None:
        r = self.replicas
        n = len(r.alive)
        r.queue.advance(np.arange(n), steps)
        r.step[:n] += steps
        r.last[:n] = np.where(hit, r.step[:n], r.last[:n])
        r.updates[:n] += hit
        r.hits[:n] += np.where(hit, hits, 0)
        r.streak[:n] = np.where(hit, 0, r.streak[:n] + steps)
        for slot in np.flatnonzero(hit):
            r.alive[slot].suspects = None

    def _ended(self, diverged: np.ndarray, seen: Sequence[IntArray]) -> dict[int, Status]:
        """Return the places of the replicas that are done, with their status.

        Args:
            diverged: of each replica.
            seen: the batches each has just evaluated; all changed nothing if its streak is long.
        """
        r = self.replicas
        ended = dict.fromkeys(map(int, np.flatnonzero(diverged)), Status.DIVERGED)
        long = r.streak[: len(r.alive)] * r.queue.B >= [c.P for c in self.configs]
        for slot in map(int, np.flatnonzero(long & ~diverged)):
            if self._all_fitted(slot, seen[slot]):
                ended[slot] = Status.FITTED
        for slot in map(int, np.flatnonzero(r.step[: len(r.alive)] >= r.limit[: len(r.alive)])):
            if slot not in ended:
                fitted = np.all(r.margins(slot) >= r.kappa[slot])
                ended[slot] = Status.FITTED if fitted else Status.MAX_STEPS
        return ended

    def _all_fitted(self, slot: int, seen: IntArray) -> bool:
        """Evaluate the whole training set if need be; pass over batches that cannot matter.

        Args:
            slot: a replica whose last batches changed nothing.
            seen: the batches of this round, shape (K, B).
        """
        r = self.replicas
        replica = r.alive[slot]
        if replica.suspects is None:
            replica.suspects = ~(r.margins(slot) >= r.kappa[slot])
        else:
            # Known to be unfitted, and yet fitted in their batch: within rounding of the margin.
            replica.suspects[seen] = False
        if not replica.suspects.any():
            return True
        found = False
        while not found and r.step[slot] < r.limit[slot]:
            matters = replica.suspects[r.queue.next_of(slot)].any(axis=1)
            found = bool(matters.any())
            steps = int(matters.argmax()) if found else matters.size
            steps = min(steps, int(r.limit[slot] - r.step[slot]))
            r.queue.advance(slot, steps)
            r.step[slot] += steps
            r.streak[slot] += steps
        return False

    def _record(self, due: np.ndarray, until: IntArray) -> np.ndarray:
        """Keep the present state of some replicas as the checkpoint of all marks before a step.

        Args:
            due: of each replica whether it has passed a mark.
            until: the step, of each.

        Returns:
            Of each whether its weights have grown out of all proportion.
        """
        r = self.replicas
        grown, slots = np.zeros(len(due), dtype=np.bool_), np.flatnonzero(due)
        if not len(slots):
            return grown
        for slot, *norms in zip(map(int, slots), *r.layer_norms(slots), strict=True):
            moved, start = (math.hypot(*each) for each in norms)
            grown[slot] = has_grown(moved, start)
            replica, marks = r.alive[slot], []
            while r.mark[slot] < until[slot]:
                marks.append(float(r.mark[slot]))
                r.mark[slot] = next_mark(int(r.mark[slot]))
            if self._checkpoints:
                margins, look = r.margins(slot), r.look(slot)
                replica.course.extend(
                    row_at(mark, moved, margins, replica.config.kappa, look) for mark in marks
                )
        return grown

    def _finish(self, slot: int, status: Status) -> NetResult:
        """Measure a replica, drop it, and return its result."""
        started = time.perf_counter()
        r = self.replicas
        replica = r.alive[slot]
        config = replica.config
        moved, start = (part[0].tolist() for part in r.layer_norms(np.array([slot])))
        weights = r.weights_of(slot)
        result = result_of(
            config,
            status=status,
            steps=int(r.last[slot]),
            updates=int(r.updates[slot]),
            hits=int(r.hits[slot]),
            margins=r.margins(slot),
            moved=moved,
            start=start,
            test=replica.subsets.y_test * r.test_outputs(slot) if config.P_test else None,
            look=r.look(slot),
            course=replica.course if self._checkpoints else None,
            # Copies: the place of a retired replica is used again.
            weights=[w[0].double().cpu().numpy().copy() for w in weights]
            if self._keep_weights
            else None,
            d=r.x.shape[1],
            engine=self.engine,
            device=r.x.device.type,
            wall_s=replica.wall_s + time.perf_counter() - started,
        )
        r.retire(slot)
        return result
