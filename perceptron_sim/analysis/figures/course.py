"""Figures of one course of training against t: of a perceptron and of a net."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from perceptron_sim.drawing.panels import Chart, Panel, Rule, Series, equations
from perceptron_sim.intervals import quantile
from perceptron_sim.names import shortened
from perceptron_sim.runs.figures import course_panels
from perceptron_sim.runs.result import RunResult
from perceptron_sim.scans.watched_run import TestErrorCheck
from perceptron_sim.status import Status


def figure_run(run: RunResult, check: TestErrorCheck) -> Chart:
    """Chart one trajectory: w_1 and |w_perp|, unfitted fraction, test error, against t.

    Solid black: the order-parameter equations (fresh samples); dash-dotted: the predicted end.

    Args:
        run: a run with checkpoints.
        check: its test error on fresh samples.
    """
    panels = course_panels(run)
    seen = check.measured > 0
    t, measured, half = check.t[seen], check.measured[seen], quantile() * check.error[seen]
    points = Series("measured, 95 %", t, measured, measured - half, measured + half, colour=2)
    test = panels["test_error"]
    panels["test_error"] = replace(test, series=[*test.series, replace(points, marker=0)])
    c = run.config
    said = [
        f"chi = {c.chi:g}",
        *equations({n: getattr(c, n) for n in ("d", "P", "B", "T", "kappa")}),
    ]
    said.append(f"seed {c.seed}: {run.status} after {run.steps:,} steps")
    return Chart([list(panels.values())], said, "above", columns=2, height=2.7)


def figure_course(run: pd.Series) -> Chart:
    """Chart the course of one net against t: ||w - w_0||, unfitted fraction and loss, probe.

    Args:
        run: a row of the store with checkpoints.
    """
    started = np.asarray(run["checkpoint_step"]) > 0
    t = np.asarray(run["checkpoint_t"], dtype=np.float64)[started]

    def course(label: str, name: str, i: int, over: float = 1.0) -> Series:
        y = np.asarray(run[f"checkpoint_{name}"], dtype=np.float64)[started] / over
        some = y > 0
        style: dict[str, Any] = {"colour": i, "marker": i % 2, "dash": "-", "size": 3.0}
        return Series(label, t[some], y[some], **style)

    rules = [Rule("t*", run["t_star"])] if run["status"] == Status.FITTED else []

    def panel(label: str, *series: Series) -> Panel:
        return Panel("", "time t = eta × steps", label, series, rules=rules)

    change = course(f"all layers; ||w_0|| = {run['w0_norm']:.4g}", "dw", 1)
    panels: Sequence[Panel] = [
        panel("||w - w_0||", replace(change, marker=0)),
        panel(
            "training set (0 from t* on)",
            course("unfitted fraction, y (f - f_0) < kappa", "unfitted", 0),
            course("loss / kappa (1 at t = 0)", "train_loss", 2, run["kappa"]),
        ),
        panel(
            "probe of up to 64 training samples",
            course("gradient noise tr C / start", "noise_trace", 3, run["noise_trace"]),
            course("||K - K_0|| / ||K_0|| of the NTK", "ntk_change", 4),
        ),
    ]
    names = {"L": "depth", "h": "width", "P": "P", "B": "B", "T": "T", "alpha": "alpha"}
    said = [shortened(run["data"], 40), shortened(f"{run['arch']} {run['act']}", 40)]
    said += equations({symbol: run[name] for symbol, name in names.items()})
    said.append(f"seed {run['seed']}: {run['status']} after {run['steps']:,} steps")
    return Chart([panels], said, "above", columns=1, height=2.7)
