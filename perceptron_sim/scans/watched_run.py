"""One run that can be interrupted, and a check of its test error on fresh samples."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from perceptron_sim.arrays import ByValue, FloatArray, IntArray
from perceptron_sim.kernels.sampler import sample_folded
from perceptron_sim.progress import Progress
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.result import RunResult
from perceptron_sim.runs.simulate import load_kernel, simulate
from perceptron_sim.runs.snapshots import Snapshots
from perceptron_sim.scans.interrupts import Interrupts

_FRESH_SAMPLES = 100_000
_FRESH_CHECKPOINTS = 16
_NOTE_EVERY_S = 10.0


def watched_run(
    config: PerceptronConfig, kernel: str, dynamics: str, progress: Progress, snapshots: Snapshots
) -> RunResult:
    """Run ``config`` with checkpoints; an interrupt returns the run so far."""
    started = time.monotonic()
    noted = started
    with Interrupts(progress) as interrupts, ThreadPoolExecutor(1) as pool:
        how: dict[str, Any] = {"dynamics": dynamics, "snapshots": snapshots}
        interrupts.prepare(lambda: load_kernel(kernel, dynamics))
        future = pool.submit(simulate, config, kernel, stop=interrupts.stop, **how)
        while not future.done():
            time.sleep(0.002)
            if interrupts.draining:
                # The first signal ends a single run, since waiting would not save anything.
                interrupts.stop.set()
            if time.monotonic() - noted > _NOTE_EVERY_S:
                noted = time.monotonic()
                progress.note(f"running for {noted - started:.0f} s (Ctrl-C shows it so far)")
        return future.result()


@dataclass(frozen=True, eq=False)
class TestErrorCheck(ByValue):
    """Test error measured on fresh samples at some checkpoints; arrays of shape (n,).

    Attributes:
        index: indices of the checkpoints.
        t: their times.
        measured: fraction of misclassified fresh samples.
        error: its standard error.
    """

    __test__ = False  # not a pytest class, despite its name

    index: IntArray
    t: FloatArray
    measured: FloatArray
    error: FloatArray


def measured_test_error(run: RunResult) -> TestErrorCheck:
    """Classify fresh samples with the weights of up to 16 checkpoints of ``run``."""
    course = run.checkpoints
    assert course is not None
    c = run.config
    started = np.flatnonzero(course.step > 0)
    picks = np.unique(np.rint(np.linspace(0, len(started) - 1, _FRESH_CHECKPOINTS)).astype(int))
    index = started[picks] if len(started) else started
    rng = c.stream("test")
    block = max(1, (1 << 22) // c.d)
    wrong = np.zeros(len(index))
    for first in range(0, _FRESH_SAMPLES, block):
        z = sample_folded(rng, min(block, _FRESH_SAMPLES - first), c.d, c.chi)
        wrong += np.sum(z @ course.w[index].T <= 0.0, axis=0)
    measured = wrong / _FRESH_SAMPLES
    # The uncertainty is at least one count, also where no error was seen.
    variance = np.maximum(measured * (1.0 - measured), 1.0 / _FRESH_SAMPLES)
    return TestErrorCheck(index, course.t[index], measured, np.sqrt(variance / _FRESH_SAMPLES))
