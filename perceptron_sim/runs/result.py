"""How a run ended and its course, measured from what a kernel wrote."""

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from perceptron_sim.arrays import BoolArray, ByValue, FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.kernels import run_state, status
from perceptron_sim.kernels.deferred import Samples
from perceptron_sim.kernels.dynamics import DYNAMICS
from perceptron_sim.kernels.observables import training_state
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.problem import Problem
from perceptron_sim.status import Status
from perceptron_sim.theory import unfitted_fraction

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Checkpoints(ByValue):
    """The course of a run at log-spaced steps; every array has shape (n,) unless stated.

    Kernel "deferred" may not have drawn all samples that can be unfitted. Then ``unfitted`` and
    ``train_loss`` are means, given the samples drawn.

    Attributes:
        step: number of steps done; the last entry is the last non-null step.
        t: step times its duration, which is eta for SGD (``kernels.dynamics`` for others).
        w1: signal w_1.
        w_perp: noise |w_perp|.
        unfitted: fraction of training samples with y f < kappa.
        train_loss: mean over the training set of (kappa - y f)^+.
        test_error: closed form F_t(-lambda sqrt(1+chi); 1+chi), docs/theory.md (3), for either
            sign of lambda.
        exact: whether ``unfitted`` and ``train_loss`` are exact, not means.
        w: weights, shape (n, d).
    """

    step: IntArray
    t: FloatArray
    w1: FloatArray
    w_perp: FloatArray
    unfitted: FloatArray
    train_loss: FloatArray
    test_error: FloatArray
    exact: BoolArray
    w: FloatArray


@dataclass(frozen=True, eq=False)
class RunResult(ByValue):
    """How one run ended (docs/theory.md (M1)). Weights scale with T, and t_star with T.

    Attributes:
        config: what was run.
        dynamics: name of the dynamics.
        kernel: name of the loop that computed it.
        status: "fitted", "max_steps", "max_updates", "max_memory", "diverged" or "interrupted".
        message: one line for people: how it ended and, if not fitted, what would help.
        t_star: training time t*, the last non-null step times its duration (``Checkpoints.t``).
        steps: index of the last non-null step.
        updates: number of non-null steps.
        hits: number of samples that were unfitted when drawn, over all steps.
        unfitted: number of training samples unfitted at the end; for kernel "deferred" a rounded
            mean where samples that can be unfitted are not drawn.
        hit_counts: hits of each training sample, shape (P,); w = T/sqrt(d) hit_counts @ z. Zero
            for an SDE. For kernel "deferred" those of the samples seen, since others have no hit.
        w: final weights, shape (d,).
        w1: signal, the component of w along the teacher.
        w_perp: noise, the norm of the rest of w.
        lam: w1 / w_perp.
        w_norm: ||w||.
        test_error: closed form at ``lam``, docs/theory.md (3).
        wall_s: seconds the kernel took, without the drawing of data.
        checkpoints: the course of the run, or None if not asked for.
        samples: state of the training set of kernel "deferred", else None; ``seen`` and
            ``simulate.training_data_of`` give the samples.
    """

    config: PerceptronConfig
    dynamics: str
    kernel: str
    status: Status
    message: str
    t_star: float
    steps: int
    updates: int
    hits: int
    unfitted: int
    hit_counts: IntArray = field(repr=False)
    w: FloatArray = field(repr=False)
    w1: float
    w_perp: float
    lam: float
    w_norm: float
    test_error: float
    wall_s: float = field(compare=False)
    checkpoints: Checkpoints | None = field(repr=False)
    samples: Samples | None = field(default=None, repr=False, compare=False)

    @property
    def seen(self) -> FloatArray | None:
        """Label-folded training samples seen, shape (n, d), in the order of ``hit_counts``.

        None if the whole training set was drawn or given.
        """
        if self.samples is None:
            return None
        features = self.samples.features[: self.samples.n_seen]
        return np.asarray(features * math.sqrt(self.config.d))

    def plot(self, ax: "Axes | None" = None, what: str = "weights") -> "Axes":
        """Draw the course of the run against t, next to that on fresh samples; return the axes.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
            what: "weights" (w_1 and |w_perp|), "unfitted" or "test_error".

        Raises:
            InputError: if the run has no checkpoints, or ``what`` is unknown.
        """
        from perceptron_sim.drawing.mpl import plot
        from perceptron_sim.runs.figures import course_panels

        panels = course_panels(self)
        if what not in panels:
            raise InputError(f"what = {what!r} is unknown: choose one of {', '.join(panels)}")
        return plot(panels[what], ax)


def time_step(config: PerceptronConfig, dynamics: str = "sgd") -> float:
    """Return the duration of a step of a dynamics: eta, T, or a fraction of T."""
    refine = DYNAMICS[dynamics].refine
    return config.eta if refine is None else config.T / refine


def measure(
    config: PerceptronConfig,
    dynamics: str,
    kernel: str,
    code: int,
    problem: Problem,
    wall_s: float,
) -> RunResult:
    """Return the result of a run whose kernel returned ``code``, in the units of ``config``."""
    problem = problem.seen()
    counters, recorder = problem.counters, problem.recorder
    unfitted, loss, exact = _training_state(problem, code)
    steps = int(counters[run_state.LAST_UPDATE_STEP])
    # Checkpoints after the last update repeat the final state, which comes last.
    keep = int(np.searchsorted(recorder.steps[: counters[run_state.RECORDED]], steps))
    # Near the largest floats T w may overflow. That is a status, not a warning.
    with np.errstate(over="ignore", invalid="ignore"):
        w = np.vstack([recorder.w[:keep], problem.w]) * problem.w_unit
        if not (np.all(np.isfinite(w[-1])) and math.isfinite(loss)):
            code = status.DIVERGED
        elif code == status.FITTED:
            _check_fitted(problem)
            unfitted, loss = 0, 0.0
        elif unfitted == 0 and code != status.INTERRUPTED:
            code = status.FITTED
        w1, w_perp, lam = _split(w)
        step = np.append(recorder.steps[:keep], steps)
        losses = np.append(recorder.loss[:keep], loss) * problem.margin_unit
        course = Checkpoints(
            step=step,
            t=np.multiply(time_step(config, dynamics), step, dtype=np.float64),
            w1=w1,
            w_perp=w_perp,
            unfitted=np.append(recorder.unfitted[:keep], unfitted) / config.P,
            train_loss=losses / config.P,
            test_error=_test_error(lam, config.chi),
            exact=np.append(recorder.exact[:keep], exact) != 0,
            w=w,
        )
    limits = {"max_steps": config.max_steps, "max_updates": config.max_updates}
    return RunResult(
        config=config,
        dynamics=dynamics,
        kernel=kernel,
        status=status.NAMES[code],
        message=status.NAMES[code].message(unfitted, config.P, T=config.T, **limits),
        t_star=time_step(config, dynamics) * steps,
        steps=steps,
        updates=int(counters[run_state.UPDATES]),
        hits=int(counters[run_state.HITS]),
        unfitted=unfitted,
        hit_counts=problem.hit_counts,
        w=w[-1],
        w1=float(w1[-1]),
        w_perp=float(w_perp[-1]),
        lam=float(lam[-1]),
        w_norm=float(np.hypot(w1[-1], w_perp[-1])),
        test_error=float(course.test_error[-1]),
        wall_s=wall_s,
        checkpoints=course if recorder.steps.size else None,
        samples=problem.samples,
    )


def _training_state(problem: Problem, code: int) -> tuple[int, float, bool]:
    """Return the number of unfitted samples, the sum of their gaps, and whether both are exact."""
    samples = problem.samples
    if samples is None or code == status.FITTED:
        return *training_state(problem.features, problem.w, problem.threshold), True
    number, loss = samples.mean_unfitted(problem.w, problem.threshold)
    return math.ceil(number), loss, samples.n_unseen == 0


def _check_fitted(problem: Problem) -> None:
    """Raise if margins of a fitted run, computed anew, are short by more than rounding."""
    margins = problem.features @ problem.w
    rounding = 1e-9 * (problem.threshold + np.abs(problem.features) @ np.abs(problem.w))
    short = int(np.count_nonzero(~(margins >= problem.threshold - rounding)))
    if short:
        raise RuntimeError(
            f"the kernel ended as fitted with {short} samples short: a bug, please report the data"
        )


def _split(w: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return (w_1, |w_perp|, lambda) of the rows of ``w``, safe from under- and overflow."""
    scale = np.max(np.abs(w), axis=1)
    safe = np.where(scale > 0, scale, 1.0)
    w_perp = safe * np.sqrt(np.sum((w[:, 1:] / safe[:, None]) ** 2, axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        lam = np.where(w_perp > 0, w[:, 0] / w_perp, np.where(w[:, 0] > 0, np.inf, 0.0))
    return w[:, 0].copy(), w_perp, lam


def _test_error(lam: FloatArray, chi: float) -> FloatArray:
    """Closed-form test error of directions at signal-to-noise ratio ``lam``; NaN if unknown."""
    known = ~np.isnan(lam)
    error = unfitted_fraction(np.abs(np.where(known, lam, 0.0)), chi)
    # If w points away from the teacher, as in an SDE, right and wrong are exchanged.
    return np.where(known, np.where(lam < 0.0, 1.0 - error, error), np.nan)
