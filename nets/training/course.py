"""The course of a run: rows at log-spaced steps, and the result that they end in."""

import math
from typing import Any, NamedTuple

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
    test_error: float = math.nan


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


def row_at(
    step: float,
    dw: float,
    margins: FloatArray,
    kappa: float,
    probe: "Look",
    test: FloatArray | None = None,
) -> CourseRow:
    """Return the row of a state with these margins y (f - f_0), shape (P,); ``test``: (P_test,)."""
    with np.errstate(over="ignore", invalid="ignore"):
        unfitted = float(np.mean(~(margins >= kappa)))
        loss = float(np.mean(np.maximum(kappa - margins, 0.0)))
    return CourseRow(step, dw, unfitted, loss, *probe, error_of(test))


def error_of(test: FloatArray | None) -> float:
    """Return the fraction of y (f - f_0) <= 0 on a test set; NaN without one."""
    return math.nan if test is None or not len(test) else float(np.mean(~(test > 0)))


def on_sets(margins: FloatArray, test: FloatArray | None) -> dict[str, Any]:
    """Return what outputs say of training and test set, as fields of ``NetResult``.

    Args:
        margins: y (f - f_0) of the training set, shape (P,).
        test: the same of the test set, or None without one.
    """
    values = test if test is not None and len(test) else None
    found: dict[str, Any] = {"test_outputs": values, "test_error": error_of(values)}
    with np.errstate(over="ignore", invalid="ignore"):
        for name, part in (("train", margins), ("test", values)):
            found[f"{name}_signal"] = math.nan if part is None else float(np.mean(part))
            found[f"{name}_spread"] = math.nan if part is None else float(np.std(part))
    return found


class Look(NamedTuple):
    """What a probe set shows; fields as in ``NetCheckpoints``."""

    noise_trace: float = math.nan
    ntk_change: float = math.nan


def result_of(
    config: NetConfig,
    *,
    status: Status,
    steps: int,
    margins: FloatArray,
    moved: list[float],
    start: list[float],
    test: FloatArray | None,
    look: Look,
    course: list[CourseRow] | None,
    tested: bool = False,
    **rest: Any,
) -> NetResult:
    """Return the result of a run that ended.

    Args:
        config: what was run.
        status, steps: as in ``NetResult``.
        margins: y (f - f_0) of the training set, shape (P,).
        moved, start: ||w - w_0|| and ||w_0|| of each layer.
        test: y (f - f_0) of the test set, or None without one.
        look: of the last state.
        course: rows at the marks so far; None if not asked for.
        tested: whether the course has test errors.
        rest: fields of ``NetResult`` that are taken as they are.
    """
    dw, w0_norm = math.hypot(*moved), math.hypot(*start)
    last = row_at(float(steps), dw, margins, config.kappa, look, test)
    if status == Status.FITTED:
        # The whole set was found fitted; evaluated in other company a margin may round down.
        last = last._replace(unfitted=0.0, train_loss=0.0)
    unfitted = round(last.unfitted * config.P)
    checkpoints = None
    if course is not None:
        # Marks that null steps ran past would show the last state again.
        rows = np.array([*(row for row in course if row.step < steps), last])
        columns: dict[str, Any] = dict(zip(CourseRow._fields, rows.T.copy(), strict=True))
        columns["test_error"] = columns["test_error"] if tested else None
        step = columns.pop("step")
        checkpoints = NetCheckpoints(step=step.astype(np.int64), t=config.eta * step, **columns)
    return NetResult(
        config=config,
        status=status,
        message=status.message(unfitted, config.P, T=config.T, max_steps=config.max_steps),
        t_star=config.eta * steps,
        steps=steps,
        unfitted=unfitted,
        dw=dw,
        w0_norm=w0_norm,
        dw_rel=dw / w0_norm if w0_norm > 0 else math.nan,
        dw_layers=moved,
        w0_layers=start,
        train_loss=last.train_loss,
        **on_sets(margins, test),
        noise_trace=math.nan if checkpoints is None else float(checkpoints.noise_trace[0]),
        ntk_change=last.ntk_change,
        checkpoints=checkpoints,
        **rest,
    )
