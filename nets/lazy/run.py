"""One lazy run on a kernel that is there."""

import math
import time

import numpy as np

from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel
from nets.training.course import next_mark, on_sets
from nets.training.result import NetCheckpoints, NetResult
from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.kernels.dynamics import DYNAMICS
from perceptron_sim.kernels.kernel_sgd import add_rows
from perceptron_sim.runs.kernel_machine import KernelCourse, KernelRunResult, simulate_kernel
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.store.schema import LAZY


def run_lazy(
    kernel: LazyKernel,
    run: LazyConfig,
    *,
    checkpoints: bool = True,
    stop: StopFlag | None = None,
) -> NetResult:
    """Simulate SGD of the linearised net: a hit moves f by (eta/B) y K (docs/lazy.md (2)).

    Args:
        kernel: of ``run``, built for its P or a larger one.
        run: what to simulate.
        checkpoints: whether to record the course.
        stop: flag by which another thread can end the run.

    Returns:
        The result, as of a trained net.
    """
    started = time.perf_counter()
    config = run.config
    end = simulate_kernel(
        kernel.matrix,
        kernel.y[: config.P],
        B=config.B,
        T=config.T * config.width,
        kappa=config.kappa,
        max_steps=config.max_steps,
        stop=stop,
        stream=run.stream("batches"),
        # The very batches of the trained run; else those that change nothing are jumped over.
        every_batch=run.paired,
        dynamics=run.dynamics,
        marks=_marks(config.max_steps) if checkpoints else None,
    )
    refine = DYNAMICS[run.dynamics].refine
    lasts = config.eta if refine is None else config.T * config.width / refine
    w0_norm = math.hypot(*kernel.w0_layers)
    same = ("status", "message", "steps", "updates", "hits", "unfitted", "train_loss")
    return NetResult(
        **{name: getattr(end, name) for name in same},
        config=config,
        d=kernel.d,
        t_star=lasts * end.steps,
        dw=end.w_norm,
        w0_norm=w0_norm,
        dw_rel=end.w_norm / w0_norm if w0_norm > 0 else math.nan,
        dw_layers=[],
        w0_layers=kernel.w0_layers,
        **on_sets(end.margins, _test_outputs(kernel, end) * (config.T * config.width)),
        noise_trace=math.nan,
        # By definition of the limit.
        ntk_change=0.0,
        wall_s=time.perf_counter() - started,
        engine=LAZY,
        device="cpu",
        checkpoints=_course(end.course, lasts) if checkpoints else None,
        weights=None,
    )


def _test_outputs(kernel: LazyKernel, end: KernelRunResult) -> FloatArray:
    """Return y (f - f_0) of the test samples up to the factor eta/B, shape (P_test,)."""
    f: FloatArray = np.zeros(kernel.y_test.size)
    add_rows(kernel.cross, kernel.y[: end.hit_counts.size] * end.hit_counts, f)
    return np.asarray(kernel.y_test * f)


def _marks(max_steps: int) -> IntArray:
    """Return the log-spaced steps 0, 1, 2, 3, 6, 10, ... at which training records its course."""
    marks = [0]
    while marks[-1] < max_steps:
        marks.append(next_mark(marks[-1]))
    return np.array(marks, dtype=np.int64)


def _course(course: KernelCourse, lasts: float) -> NetCheckpoints:
    return NetCheckpoints(
        step=course.step,
        t=np.asarray(lasts * course.step, dtype=np.float64),
        dw=course.w_norm,
        unfitted=course.unfitted,
        train_loss=course.train_loss,
        noise_trace=np.full(len(course.step), math.nan),
        ntk_change=np.zeros(len(course.step)),
    )
