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
from nets.training.places import Replica
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
    # How many batches may be evaluated together.
    _WINDOWS: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)

    def __init__(
        self, replicas: Replicas, checkpoints: bool, keep_weights: bool, tested: bool = False
    ) -> None:
        """Begin with replicas still to be admitted."""
        self.replicas = replicas
        self.capacity = replicas.capacity
        self._keep_weights = keep_weights
        self._checkpoints = checkpoints
        # Whether checkpoints have test errors.
        self._tested = tested
        # Running mean over rounds of the fraction of batches that change nothing.
        self._null = 0.0

    @property
    def configs(self) -> list[NetConfig]:
        """The runs in training."""
        return [replica.config for replica in self.replicas.alive]

    def admit(self, configs: Sequence[NetConfig]) -> None:
        """Start more runs."""
        started = time.perf_counter()
        self.replicas.admit(configs, probed=self._checkpoints)
        self._share(started, self.replicas.alive[-len(configs) :])

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
        if meta["replicas"]:
            self.admit([configs[replica["key"]] for replica in meta["replicas"]])
        self.replicas.restore(meta["replicas"], arrays)

    def round(self) -> list[NetResult]:
        """Bring every replica one update on, or some null steps; return those that end."""
        return list(self._round())

    def _round(self) -> Iterator[NetResult]:
        started = time.perf_counter()
        alive = list(self.replicas.alive)
        ended = self._steps()
        self._share(started, alive)
        if ended:
            yield from self._finish(ended)

    @staticmethod
    def _share(started: float, replicas: Sequence[Replica]) -> None:
        """Share the time since ``started`` out among replicas."""
        share = (time.perf_counter() - started) / len(replicas)
        for replica in replicas:
            replica.wall_s += share

    def _steps(self) -> dict[int, Status]:
        """Take the steps of a round; return the places of the replicas that end, with status."""
        r = self.replicas
        n = len(r.alive)
        K = self._window()
        batches = r.queue.ahead(K)
        rows = r.rows(batches)
        B = rows.shape[2]
        out, tape = r.architecture.forward(
            r.weights, r.inputs(torch.from_numpy(rows.reshape(n, -1)))
        )
        f = out.numpy().reshape(n, K, B)
        gap = r.y.numpy()[rows] * (f - r.f0.numpy()[rows])
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
        for K in self._WINDOWS:
            some = 1.0 - self._null**K
            rate = self._steps_of(K) / self._cost(K, some, per_batch)
            if rate > best_rate and (K == 1 or K * rows <= r.together):
                best, best_rate = K, rate
        return best

    def _steps_of(self, K: int) -> float:
        """Return how many steps K batches evaluated together are expected to make."""
        null = self._null
        return (1.0 - null**K) / max(1.0 - null, 1e-9) if null < 1.0 else float(K)

    def _cost(self, K: int, some: float, per_batch: float) -> float:
        """Return what K batches cost, in multiplications, if a share ``some`` is passed back."""
        return _CALLS_FLOPS * (1.0 + some) + (K + some) * per_batch

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
        labels = r.y.numpy()[np.take_along_axis(rows, place, axis=1)]
        push = taken * labels * r.push[:n, None].astype(labels.dtype)
        if K > 1 or m < B:
            where = place + (first * B + np.arange(n) * K * B)[:, None]
            flat = torch.from_numpy(where.reshape(-1))
            tape = tuple(
                part.reshape(n * K * B, -1).index_select(0, flat).view(n, m, *part.shape[2:])
                for part in tape
            )
        else:
            # Every row is passed back: in the order of the batch, as the tape has them.
            push = chosen * r.y.numpy()[rows] * r.push[:n, None].astype(labels.dtype)
        r.architecture.descend(r.weights, tape, torch.from_numpy(push).to(r.y))

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
        still = np.flatnonzero(long & ~diverged)
        self._suspect(still, seen)
        for slot in map(int, still):
            if self._all_fitted(slot):
                ended[slot] = Status.FITTED
        over = np.flatnonzero(r.step[: len(r.alive)] >= r.limit[: len(r.alive)])
        over = np.array([slot for slot in over if slot not in ended], dtype=np.int64)
        for slot, fitted in zip(map(int, over), self._fitted(over), strict=True):
            ended[slot] = Status.FITTED if fitted.all() else Status.MAX_STEPS
        return ended

    def _fitted(self, slots: IntArray) -> list[np.ndarray]:
        """Return which training samples of some replicas are fitted, shape (P,) each."""
        r = self.replicas
        return [m >= r.kappa[slot] for slot, m in zip(slots, r.margins(slots), strict=True)]

    def _suspect(self, slots: IntArray, seen: Sequence[IntArray]) -> None:
        """Find the unfitted samples of replicas whose last batches changed nothing.

        Args:
            slots: the replicas.
            seen: the batches of this round, shape (K, B), of every replica.
        """
        alive = self.replicas.alive
        unknown = []
        for slot in slots:
            suspects = alive[slot].suspects
            if suspects is None:
                unknown.append(slot)
            else:
                # Unfitted, and yet fitted in their batch: within rounding of the margin.
                suspects[seen[slot]] = False
        for slot, fitted in zip(unknown, self._fitted(np.array(unknown, dtype=int)), strict=True):
            alive[slot].suspects = ~fitted

    def _all_fitted(self, slot: int) -> bool:
        """Tell whether a replica has no suspects; else pass over batches without them."""
        r = self.replicas
        suspects = r.alive[slot].suspects
        if suspects is None or not suspects.any():
            return True
        found = False
        while not found and r.step[slot] < r.limit[slot]:
            matters = suspects[r.queue.next_of(slot)].any(axis=1)
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
        moved = [[math.hypot(*row) for row in norms] for norms in r.layer_norms(slots)]
        marks: dict[int, list[float]] = {}
        for slot, dw, start in zip(map(int, slots), *moved, strict=True):
            grown[slot] = has_grown(dw, start)
            marks[slot] = []
            while r.mark[slot] < until[slot]:
                marks[slot].append(float(r.mark[slot]))
                r.mark[slot] = next_mark(int(r.mark[slot]))
        if self._checkpoints:
            tests = r.test_margins(slots) if self._tested else [None] * len(slots)
            measured = zip(slots, moved[0], r.margins(slots), r.look(slots), tests, strict=True)
            for slot, dw, margins, look, test in measured:
                replica, kappa = r.alive[slot], r.alive[slot].config.kappa
                replica.course.extend(
                    row_at(mark, dw, margins, kappa, look, test) for mark in marks[int(slot)]
                )
        return grown

    def _finish(self, ended: dict[int, Status]) -> list[NetResult]:
        """Measure replicas that ended, drop them, and return their results."""
        started = time.perf_counter()
        r = self.replicas
        slots = np.array(sorted(ended))
        moved, start = r.layer_norms(slots)
        margins, tests, looks = r.margins(slots), r.test_margins(slots), r.look(slots)
        weights = r.final_weights(slots) if self._keep_weights else [None] * len(slots)
        self._share(started, [r.alive[slot] for slot in slots])
        results = [
            result_of(
                r.alive[slot].config,
                status=ended[slot],
                steps=int(r.last[slot]),
                updates=int(r.updates[slot]),
                hits=int(r.hits[slot]),
                margins=margins[i],
                moved=moved[i].tolist(),
                start=start[i].tolist(),
                test=tests[i] if len(tests[i]) else None,
                look=looks[i],
                course=r.alive[slot].course if self._checkpoints else None,
                tested=self._tested,
                weights=weights[i],
                d=r.stock.d,
                engine="ensemble",
                device=r.device.type,
                wall_s=r.alive[slot].wall_s,
            )
            for i, slot in enumerate(map(int, slots))
        ]
        r.retire(slots.tolist())
        return results
