"""The engine for nets of dense layers on a CPU: one run at a time in a compiled loop."""

import math
import time
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from nets.architectures import build
from nets.architectures.base import Dense
from nets.config import NetConfig
from nets.data import Subsets
from nets.run_time import hidden_weights
from nets.training.course import CourseRow, Look, has_grown, next_mark, result_of, row_at
from nets.training.engine import Draw
from nets.training.probe import PROBE, Probe
from nets.training.result import NetResult
from nets.training.resuming import alike, restored_stream, stream_state
from nets.training.starts import Starts
from perceptron_sim.arrays import FloatArray, Reals
from perceptron_sim.kernels import dense_net as loop
from perceptron_sim.kernels import status
from perceptron_sim.kernels.batches import needs_order
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.runs.snapshots import State
from perceptron_sim.status import Status

_ACTIVATIONS = {"relu": loop.RELU, "gelu": loop.GELU, "silu": loop.SILU, "none": loop.RELU}
# A round ends at about this time, so that states are saved and results stored soon.
_ROUND_S = 0.5
_FIRST_STEPS = 1000


def run_bytes(config: NetConfig, d: int) -> int:
    """Return about how much memory a run takes: samples as drawn (float64) and as used."""
    item = np.dtype(config.dtype).itemsize
    own_test = 0 if config.shared_seeds else config.P_test
    return (8 + item) * (config.P + own_test) * d + 3 * item * hidden_weights(config, d)


class CompiledEngine:
    """Trains one run at a time: ``perceptron_sim.kernels.dense_net``."""

    capacity = 1
    exact = True

    def __init__(
        self, draw: Draw, checkpoints: bool, keep_weights: bool, tested: bool, stop: StopFlag
    ) -> None:
        """Begin without a run; ``stop`` ends a round at once."""
        self._draw = draw
        self._checkpoints = checkpoints
        self._keep_weights = keep_weights
        self._tested = tested
        self._stop = stop
        self._run: _Run | None = None
        self._starts = Starts()

    @property
    def configs(self) -> list[NetConfig]:
        """The run in training."""
        return [] if self._run is None else [self._run.config]

    def admit(self, configs: Sequence[NetConfig]) -> None:
        """Start a run."""
        (config,) = configs
        starts = self._starts if self._tested else None
        self._run = _Run(config, self._draw(config), self._checkpoints, starts)

    def round(self) -> list[NetResult]:
        """Train for about half a second; return the run if it ended."""
        assert self._run is not None
        name = self._run.advance(self._stop)
        if name is None:
            return []
        result = self._run.result(name, self._keep_weights, self._starts)
        self._run = None
        return [result]

    def state(self) -> State:
        """Return the state of the run in training."""
        return ({}, {}) if self._run is None else self._run.state()

    def restore(self, state: State, configs: dict[str, NetConfig]) -> None:
        """Go on with the run of ``state``, if there is one."""
        meta, arrays = state
        if meta:
            self.admit([configs[meta["key"]]])
            assert self._run is not None
            self._run.restore(meta, arrays)


class _Run:
    """One run, between two entries of the compiled loop."""

    def __init__(
        self, config: NetConfig, subsets: Subsets, checkpoints: bool, tested: Starts | None
    ) -> None:
        """Draw weights; ``tested`` is what keeps f_0 if checkpoints have test errors."""
        started = time.perf_counter()
        self._tested = tested
        self.config = config
        self._subsets = subsets
        d = subsets.x.shape[1]
        built = build(config.arch, d, config.depth, config.width, config.act)
        self._architecture = cast(Dense, built)
        self._sizes = [math.prod(shape) for shape in self._architecture.shapes]
        # The initial weights of all layers, one after the other.
        drawn = self._architecture.draw(config.stream("weights"))
        self._w0 = np.concatenate([layer.ravel() for layer in drawn]).astype(config.dtype)
        self._w0_norm = float(np.linalg.norm(self._w0.astype(np.float64)))
        sizes = [*(shape[0] for shape in self._architecture.shapes), 1]
        how = (self._architecture.scales, _ACTIVATIONS[config.act])
        self._net = loop.new_net(sizes, *how, self._w0.copy(), subsets.x, subsets.y, config.B)
        self._counters = np.zeros(loop.N_COUNTERS, dtype=np.int64)
        self._suspects = np.zeros(config.P, dtype=np.bool_)
        self._rng = config.stream("batches")
        self._order = np.arange(config.P if needs_order(config.P, config.B) else 0)
        self._batch = np.zeros(config.B, dtype=np.int64)
        self._mark = 0
        self._steps = _FIRST_STEPS
        self._course: list[CourseRow] | None = [] if checkpoints else None
        self._probe: Probe | None = None
        if checkpoints:
            parts = (self._net.x, self._net.y, self._net.f0)
            scalars = (torch.tensor([config.kappa], dtype=torch.float64), torch.tensor([config.P]))
            x, y, f0 = (torch.from_numpy(part[None, :PROBE]) for part in parts)
            self._probe = Probe(x, y, f0, *scalars)
            self._kernel = self._probe.kernel(self._architecture, self._tensors(self._w0))
        self._wall_s = time.perf_counter() - started

    def advance(self, stop: StopFlag) -> Status | None:
        """Train until the run ends, whose status is returned, or for about half a second."""
        started = time.perf_counter()
        ended = self._advance(stop)
        while ended is None and time.perf_counter() - started < _ROUND_S and not stop.array[0]:
            ended = self._advance(stop)
        self._wall_s += time.perf_counter() - started
        return ended

    def _advance(self, stop: StopFlag) -> Status | None:
        config = self.config
        step = int(self._counters[loop.STEP])
        if step == self._mark:
            self._mark = next_mark(step)
            if self._record(step):
                return Status.DIVERGED
        begun = time.perf_counter()
        code = loop.train(
            self._net,
            config.T * config.width,
            config.kappa,
            self._rng,
            self._order,
            self._batch,
            self._suspects,
            self._counters,
            min(self._mark, config.max_steps, step + self._steps),
            stop.array,
        )
        if time.perf_counter() - begun < 0.5 * _ROUND_S:
            self._steps *= 2
        if code == status.FITTED:
            return Status.FITTED
        if code == status.DIVERGED:
            return Status.DIVERGED
        if self._counters[loop.STEP] >= config.max_steps:
            return Status.FITTED if np.all(self._margins() >= config.kappa) else Status.MAX_STEPS
        return None

    def _record(self, step: int) -> bool:
        """Keep the present state as a checkpoint; return whether the weights have run away."""
        dw = float(np.linalg.norm(self._net.w.astype(np.float64) - self._w0))
        if self._course is not None:
            test = None if self._tested is None else self._test_margins(self._tested)
            row = row_at(step, dw, self._margins(), self.config.kappa, self._look(), test)
            self._course.append(row)
        # Only a run that goes on can diverge.
        return has_grown(dw, self._w0_norm) and not np.all(self._margins() >= self.config.kappa)

    def result(self, name: Status, keep_weights: bool, starts: Starts) -> NetResult:
        """Return the result of a run that ended as ``name``."""
        started = time.perf_counter()
        moved, start = self._norms()
        weights = [w[0].double().numpy() for w in self._tensors(self._net.w)]
        return result_of(
            self.config,
            status=name,
            steps=int(self._counters[loop.LAST_UPDATE_STEP]),
            updates=int(self._counters[loop.UPDATES]),
            hits=int(self._counters[loop.HITS]),
            margins=self._margins(),
            moved=moved,
            start=start,
            test=self._test_margins(starts) if self.config.P_test else None,
            look=self._look(),
            course=self._course,
            tested=self._tested is not None,
            weights=weights if keep_weights else None,
            d=self._net.x.shape[1],
            engine="compiled",
            device="cpu",
            wall_s=self._wall_s + time.perf_counter() - started,
        )

    def _test_margins(self, starts: Starts) -> FloatArray:
        """Return y (f - f_0) of the test set, shape (P_test,)."""
        x = np.ascontiguousarray(self._subsets.x_test, dtype=self._net.w.dtype)
        f0 = starts.get(self.config)
        if f0 is None:
            f0 = starts.put(self.config, self._outputs(self._w0, x))
        f = self._outputs(self._net.w, x).astype(np.float64)
        return np.asarray(self._subsets.y_test * (f - f0), dtype=np.float64)

    def _margins(self) -> FloatArray:
        """Return y (f - f_0) of the training set, shape (P,)."""
        f = self._outputs(self._net.w, self._net.x)
        return np.asarray(self._net.y * (f - self._net.f0), dtype=np.float64)

    def _outputs(self, w: Reals, x: Reals) -> Reals:
        f = np.empty(len(x), dtype=x.dtype)
        loop.evaluate(self._net._replace(w=w), x, f)
        return f

    def _norms(self) -> tuple[list[float], list[float]]:
        """Return ||w - w_0|| and ||w_0|| of each layer."""
        ends = np.cumsum(self._sizes)[:-1]
        w0 = self._w0.astype(np.float64)
        moved, start = np.split(self._net.w - w0, ends), np.split(w0, ends)
        return [float(np.linalg.norm(w)) for w in moved], [float(np.linalg.norm(w)) for w in start]

    def _look(self) -> Look:
        if self._probe is None:
            return Look()
        weights = self._tensors(self._net.w)
        (found,) = self._probe.look(self._architecture, weights, self._kernel).tolist()
        return Look(*found)

    def _tensors(self, flat: Reals) -> list[torch.Tensor]:
        """Return flat weights as views, one a layer, with a replica axis of length 1."""
        parts = torch.from_numpy(flat).split(self._sizes)
        return [
            part.view(1, *shape)
            for part, shape in zip(parts, self._architecture.shapes, strict=True)
        ]

    def state(self) -> State:
        """Return everything that drawing data and weights anew does not bring back."""
        meta = {
            "key": self.config.key(),
            "rng": stream_state(self._rng),
            "mark": self._mark,
            "wall_s": self._wall_s,
        }
        course = np.array(self._course or np.zeros((0, len(CourseRow._fields))))
        return meta, self._arrays() | {"course": course}

    def _arrays(self) -> dict[str, np.ndarray]:
        return {
            "w": self._net.w,
            "counters": self._counters,
            "suspects": self._suspects,
            "order": self._order,
        }

    def restore(self, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Go on from a state."""
        self._rng = restored_stream(meta["rng"])
        self._mark = int(meta["mark"])
        self._wall_s = float(meta["wall_s"])
        for name, target in self._arrays().items():
            target[:] = alike(arrays[name], target)
        if self._course is not None:
            self._course = [CourseRow(*row) for row in arrays["course"].tolist()]
