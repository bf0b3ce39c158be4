"""Panels of one run, next to the flow on fresh samples."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from perceptron_sim.drawing.panels import Panel, Rule, Series
from perceptron_sim.errors import InputError
from perceptron_sim.theory.flow import flow_to_show
from perceptron_sim.theory.prediction import trusted_end

if TYPE_CHECKING:
    from perceptron_sim.runs.kernel_machine import KernelRunResult
    from perceptron_sim.runs.online import OnlineResult
    from perceptron_sim.runs.result import RunResult

TIME = "time t = eta × steps"


def course_panels(run: "RunResult") -> dict[str, Panel]:
    """Return panels of a run against t: "weights", "unfitted" and "test_error".

    Raises:
        InputError: if the run has no checkpoints.
    """
    course = run.checkpoints
    if course is None:
        raise InputError('the run has no checkpoints to draw: simulate with checkpoints="log"')
    started = course.step > 0
    t, c = course.t[started], run.config
    at = np.geomspace(t[0], t[-1], 200) if len(t) > 1 else t
    fresh = flow_to_show(at, chi=c.chi, d=c.d, T=c.T, kappa=c.kappa, B=c.B)
    end = trusted_end(c.chi, c.P, c.d, c.B, c.kappa / c.T)
    rules = [Rule("t*", run.t_star)] if run.status == "fitted" else []
    if end is not None:
        rules.append(Rule("t* predicted", c.T * end.t_star, colour=4, dash="-."))

    def panel(label: str, measured: list[Series], *theory: str) -> Panel:
        series, name = list(measured), "fresh samples (theory)"
        for column in theory if fresh is not None else ():
            assert fresh is not None
            y = getattr(fresh, column)
            series.append(Series(name, fresh.t, y, line=True, theory=True, colour=0, width=1.0))
        return Panel("", TIME, label, series, rules=rules)

    some = course.unfitted[started] > 0
    label = "training set (0 from t* on)" if run.status == "fitted" else "training set"
    unfitted = Series(label, t[some], course.unfitted[started][some], colour=0, dash="-", size=3.0)
    w1, w_perp = course.w1[started], course.w_perp[started]
    weights = [
        Series("signal w_1", t, w1, colour=1, marker=0, dash="-", size=3.0),
        Series("noise |w_perp|", t, w_perp, colour=2, marker=1, dash="--", size=3.0),
    ]
    error = course.test_error[started]
    closed = Series("closed form n(lambda)", t, error, line=True, dash="--", colour=1)
    return {
        "weights": panel("weights", weights, "w1", "w_perp"),
        "unfitted": panel("unfitted fraction, y f < kappa", [unfitted], "unfitted"),
        "test_error": panel("test error", [closed], "test_error"),
    }


def kernel_panel(run: "KernelRunResult") -> Panel:
    """Return ||w - w_0|| and the unfitted fraction of a kernel machine against t."""
    course = run.course
    started = course.step > 0
    t = course.step[started] * (run.t_star / run.steps if run.steps else math.nan)
    style: dict[str, Any] = {"dash": "-", "size": 3.0}
    some = course.unfitted[started] > 0
    series = [
        Series("||w - w_0||", t, course.w_norm[started], colour=1, marker=0, **style),
        Series("unfitted", t[some], course.unfitted[started][some], colour=0, marker=1, **style),
    ]
    rules = [Rule("t*", run.t_star)] if run.status == "fitted" else []
    return Panel("", TIME, "kernel machine", series, rules=rules)


def online_panel(result: "OnlineResult") -> Panel:
    """Return w_1 and |w_perp| of each replica on fresh samples against t."""
    series = [
        Series(label, result.t, y, line=True, dash=dash, colour=colour, width=0.8)
        for label, replicas, colour, dash in (
            ("signal w_1", result.w1, 1, "-"),
            ("noise |w_perp|", result.w_perp, 2, "--"),
        )
        for y in replicas
    ]
    return Panel("", TIME, "weights", series)
