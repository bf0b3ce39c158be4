"""The replicas of an ensemble: how they come, go, are put away and taken up again."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from nets.config import NetConfig
from nets.training.course import CourseRow
from nets.training.places import COUNTERS, Places, Replica
from nets.training.probe import PROBE
from nets.training.resuming import alike
from perceptron_sim.arrays import IntArray


class Replicas(Places):
    """Replicas that are admitted and retired, many at once."""

    def admit(self, configs: Sequence[NetConfig], probed: bool) -> IntArray:
        """Start more replicas; ``probed`` is whether ``look`` shall show something.

        Returns:
            Where what is known of their samples is, as ``base`` has it.
        """
        first = len(self.alive)
        slots = np.arange(first, first + len(configs))
        for slot, config in zip(slots, configs, strict=True):
            self.alive.append(Replica(config, self._homes.pop(), self.stock.take(config)))
            self.queue.admit(config)
            for name in COUNTERS:
                getattr(self, name)[slot] = 0
            self.push[slot] = config.T * config.width
            self.kappa[slot] = config.kappa
            self.limit[slot] = config.max_steps
            self.base[slot] = self.alive[slot].home * self.P
        self._draw(slots)
        places = np.concatenate([self._places(slot) for slot in slots])
        where = torch.from_numpy(places).to(self.device)
        taken = [self.alive[slot].taken for slot in slots]
        index, y = (np.concatenate(part) for part in list(zip(*taken, strict=True))[:2])
        self.index.index_copy_(0, where, torch.from_numpy(index).to(self.index))
        self.y.index_copy_(0, where, torch.from_numpy(y).to(self.y))
        self._evaluate_start(slots, probed)
        return places

    def _draw(self, slots: IntArray) -> None:
        """Draw the initial weights of new replicas; those of one family start as one."""
        families = {r.config.family: i for i, r in enumerate(self.alive[: slots[0]])}
        seen = len(families)
        before = np.array(list(families.values()), dtype=np.int64)
        families = dict(zip(families, range(seen), strict=True))
        drawn: list[list[np.ndarray]] = []
        which = np.empty(len(slots), dtype=np.int64)
        host = torch.zeros(0, dtype=self.y.dtype).numpy().dtype
        for i, slot in enumerate(slots):
            config = self.alive[slot].config
            if config.family not in families:
                families[config.family] = seen + len(drawn)
                weights = self.architecture.draw(config.stream("weights"))
                drawn.append([np.asarray(layer, dtype=host) for layer in weights])
            which[i] = families[config.family]
        known = torch.from_numpy(before).to(self.device)
        chosen = torch.from_numpy(which).to(self.device)
        here = slice(int(slots[0]), int(slots[-1]) + 1)
        for i, (layer, start) in enumerate(zip(self._store, self._start, strict=True)):
            pool = start.index_select(0, known)
            if drawn:
                fresh = torch.from_numpy(np.stack([weights[i] for weights in drawn]))
                pool = torch.cat([pool, fresh.to(self.device)])
            start[here] = pool.index_select(0, chosen)
            layer[here] = start[here]

    def _evaluate_start(self, slots: IntArray, probed: bool) -> None:
        """Evaluate f_0 and the kernel of the probe, once for replicas that share both."""
        first: dict[tuple[object, ...], int] = {}
        for slot in range(int(slots[-1]) + 1):
            config = self.alive[slot].config
            first.setdefault((*config.family, config.P), slot)
        new = np.array([slot for slot in first.values() if slot >= slots[0]], dtype=np.int64)
        for group, f in self._of_training(new):
            where = np.concatenate([self._places(slot) for slot in group])
            parts = [row[: self.alive[slot].config.P] for slot, row in zip(group, f, strict=True)]
            self.f0.index_copy_(0, self._index(where), torch.cat(parts))
        if probed:
            if self._probed is None:
                n = min(PROBE, self.P)
                self._probed = self.y.new_zeros((self.capacity, n, n), dtype=torch.float64)
            for group in self._groups(new, [PROBE] * len(new)):
                kernel = self._probe(group).kernel(self.architecture, self._at(self._store, group))
                self._probed.index_copy_(0, self._index(group), kernel)
        configs = [self.alive[slot].config for slot in slots]
        origins = np.array([first[(*config.family, config.P)] for config in configs])
        copied = origins != slots
        if copied.any():
            pair = slots[copied], origins[copied]
            to, origin = (np.concatenate([self._places(slot) for slot in part]) for part in pair)
            _move(self.f0, self._index(to), self._index(origin))
            if self._probed is not None:
                _move(self._probed, *map(self._index, pair))

    def retire(self, slots: Sequence[int]) -> None:
        """Drop replicas and close the gaps with the last ones."""
        n = len(self.alive) - len(slots)
        gone = set(slots)
        for slot in slots:
            self._homes.append(self.alive[slot].home)
            self.stock.give_back(self.alive[slot].config)
        to = [slot for slot in sorted(gone) if slot < n]
        origin = [slot for slot in range(n, len(self.alive)) if slot not in gone]
        if to:
            there, here = self._index(np.array(to)), self._index(np.array(origin))
            probed = [] if self._probed is None else [self._probed]
            for tensor in (*self._store, *self._start, *probed):
                _move(tensor, there, here)
            for column in (
                *(getattr(self, name) for name in COUNTERS),
                *(self.push, self.kappa, self.limit, self.base),
            ):
                column[to] = column[origin]
            for slot, last in zip(to, origin, strict=True):
                self.alive[slot] = self.alive[last]
        self.queue.retire(to, origin, n)
        del self.alive[n:]

    def state(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """Return what drawing data and weights anew does not bring back."""
        n = len(self.alive)
        meta = []
        arrays = {f"w{i}": w.cpu().numpy() for i, w in enumerate(self.weights)}
        arrays |= {name: getattr(self, name)[:n] for name in COUNTERS}
        # Evaluated anew in other company these could round differently.
        arrays["f0"] = self.f0[self._index(self._padded(np.arange(n), self.P))].cpu().numpy()
        if self._probed is not None:
            arrays["probed"] = self._probed[:n].cpu().numpy()
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
        for name in COUNTERS:
            getattr(self, name)[:n] = alike(arrays[name], getattr(self, name)[:n])
        where = self._index(self._padded(np.arange(n), self.P))
        self.f0[where] = torch.from_numpy(alike(arrays["f0"], where)).to(self.f0)
        if self._probed is not None:
            before = self._probed[:n]
            before.copy_(torch.from_numpy(alike(arrays["probed"], before)))
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


def _move(tensor: torch.Tensor, to: torch.Tensor, origin: torch.Tensor) -> None:
    """Copy the entries ``origin`` into the places ``to``."""
    tensor.index_copy_(0, to, tensor.index_select(0, origin))
