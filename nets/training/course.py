"""The course of a run: rows at log-spaced steps, and the result that they end in."""

import math
from typing import NamedTuple

import numpy as np

from nets.config import NetConfig
from nets.training.result import NetCheckpoints, NetResult
from perceptron_sim.arrays import FloatArray
from perceptron_sim.status import Status

CHECKPOINTS_PER_DECADE = 4
# Weights that grew so many times their initial norm are taken for diverged: a net may be dead
# (every gradient zero) long before a number overflows.
_GROWTH = 1e3


class CourseRow(NamedTuple):
    """What is known of a run at one step; fields as in ``NetCheckpoints``."""

    step: float
    dw: float
    unfitted: float
    train_loss: float
    noise_trace: float
    ntk_change: float


def next_mark(mark: int) -> int:
    """Return the next of the log-spaced steps 0, 1, 2, 3, 6, 10, 18, 32, ..."""
    if mark == 0:
        return 1
    index = math.floor(CHECKPOINTS_PER_DECADE * math.log10(mark) + 0.5)
    while (after := round(math.pow(10.0, index / CHECKPOINTS_PER_DECADE))) <= mark:
        index += 1
    return after


def has_grown(dw: float, w0_norm: float) -> bool:
    """Return whether ||w - w_0|| is out of all proportion, or not a number."""
    return w0_norm > 0 and not dw <= _GROWTH * w0_norm


def row_at(step: float, dw: float, margins: FloatArray, kappa: float, probe: "Look") -> CourseRow:
    """Return the row of a state with these margins y (f - f_0), shape (P,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        unfitted = float(np.mean(~(margins >= kappa)))
        loss = float(np.mean(np.maximum(kappa - margins, 0.0)))
    return CourseRow(step, dw, unfitted, loss, *probe)


class Look(NamedTuple):
    """What a probe set shows; fields as in ``NetCheckpoints``."""

    noise_trace: float = math.nan
    ntk_change: float = math.nan


class End(NamedTuple):
    """The last state of a run, from which its result is made.

    Attributes:
        status: "fitted", "max_steps" or "diverged".
        steps, updates, hits: as in ``NetResult``.
        margins: y (f - f_0) of the training set, shape (P,).
        moved, start: ||w - w_0|| and ||w_0|| of each layer.
        test: y (f - f_0) of the test set, or None without one.
        look: of the last state.
        course: rows at the marks so far; None if not asked for.
        weights: one array a layer, or None if not asked for.
        d, wall_s, engine, device: as in ``NetResult``.
    """

    status: Status
    steps: int
    updates: int
    hits: int
    margins: FloatArray
    moved: list[float]
    start: list[float]
    test: FloatArray | None
    look: Look
    course: list[CourseRow] | None
    weights: list[FloatArray] | None
    d: int
    wall_s: float
    engine: str
    device: str


def result_of(config: NetConfig, end: End) -> NetResult:
    """Return the result of a run that ended."""
    dw, w0_norm = math.hypot(*end.moved), math.hypot(*end.start)
    last = row_at(float(end.steps), dw, end.margins, config.kappa, end.look)
    if end.status == Status.FITTED:
        # The whole set was found fitted; evaluated in other company a margin may round down.
        last = last._replace(unfitted=0.0, train_loss=0.0)
    unfitted = round(last.unfitted * config.P)
    course = None
    if end.course is not None:
        # Marks that null steps ran past would show the last state again.
        rows = [row for row in end.course if row.step < end.steps] + [last]
        columns = {name: np.array(column) for name, column in zip(
            CourseRow._fields, zip(*rows, strict=True), strict=True
        )}  # fmt: skip
        step = columns.pop("step")
        course = NetCheckpoints(step=step.astype(np.int64), t=config.eta * step, **columns)
    return NetResult(
        config=config,
        status=end.status,
        message=end.status.message(unfitted, config.P, T=config.T, max_steps=config.max_steps),
        d=end.d,
        t_star=config.eta * end.steps,
        steps=end.steps,
        updates=end.updates,
        hits=end.hits,
        unfitted=unfitted,
        dw=dw,
        w0_norm=w0_norm,
        dw_rel=dw / w0_norm if w0_norm > 0 else math.nan,
        dw_layers=end.moved,
        w0_layers=end.start,
        train_loss=last.train_loss,
        test_error=math.nan if end.test is None else float(np.mean(~(end.test > 0))),
        noise_trace=math.nan if course is None else float(course.noise_trace[0]),
        ntk_change=last.ntk_change,
        wall_s=end.wall_s,
        engine=end.engine,
        device=end.device,
        checkpoints=course,
        weights=end.weights,
    )
