"""Figure of one trajectory, with what fresh samples would have given."""

from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    legend_above,
    log_axes,
    plain,
    title,
)
from perceptron_sim.analysis.intervals import quantile
from perceptron_sim.runs.result import RunResult
from perceptron_sim.scans.watched_run import TestErrorCheck
from perceptron_sim.theory.flow import flow_to_show
from perceptron_sim.theory.prediction import trusted_end


def figure_run(run: RunResult, check: TestErrorCheck) -> Figure:
    """Draw one trajectory: w_1 and |w_perp|, unfitted fraction, test error, against t.

    Solid black: the order-parameter equations (fresh samples); dash-dotted: the predicted end.

    Args:
        run: a run with checkpoints.
        check: its test error on fresh samples.
    """
    course = run.checkpoints
    assert course is not None
    started = course.step > 0
    t = course.t[started]
    c = run.config
    at = np.geomspace(t[0], t[-1], 200) if len(t) > 1 else t
    fresh = flow_to_show(at, chi=c.chi, d=c.d, T=c.T, kappa=c.kappa, B=c.B)
    end = trusted_end(c.chi, c.P, c.d, c.B, c.kappa / c.T)
    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.2))
        weights, unfitted, test = figure.subplots(1, 3)
        weights.plot(
            t, course.w1[started], "o-", color=COLOURS[1], markersize=3, label="signal $w_1$"
        )
        weights.plot(
            t,
            course.w_perp[started],
            "s--",
            color=COLOURS[2],
            markersize=3,
            markerfacecolor="white",
            label=r"noise $|w_\perp|$",
        )
        if fresh is not None:
            theory: Any = {"color": "black", "linewidth": 1}
            label = "fresh samples (theory)"
            weights.plot(fresh.t, fresh.w1, "-", label=label, **theory)
            weights.plot(fresh.t, fresh.w_perp, "-", **theory)
            unfitted.plot(fresh.t, fresh.unfitted, "-", label=label, **theory)
            test.plot(fresh.t, fresh.test_error, "-", label=label, **theory)
        weights.set_ylabel("weights")
        some = course.unfitted[started] > 0
        unfitted.plot(
            t[some],
            course.unfitted[started][some],
            "o-",
            color=COLOURS[0],
            markersize=3,
            label="training set (0 from $t^*$ on)" if run.status == "fitted" else "training set",
        )
        unfitted.set_ylabel(r"unfitted fraction, $y f < \kappa$")
        test.plot(
            t,
            course.test_error[started],
            "--",
            color=COLOURS[1],
            label=r"closed form $n(\lambda)$",
        )
        seen = check.measured > 0
        test.errorbar(
            check.t[seen],
            check.measured[seen],
            yerr=quantile() * check.error[seen],
            fmt="o",
            color=COLOURS[2],
            markersize=3.5,
            capsize=2,
            label="measured, 95 %",
        )
        test.set_ylabel("test error")
        for ax in (weights, unfitted, test):
            log_axes(ax)
            ax.set_xlabel(r"time $t = \eta \times$ steps")
            if run.status == "fitted":
                ax.axvline(run.t_star, color="0.5", linestyle=":", linewidth=1, label="$t^*$")
            if end is not None:
                ax.axvline(
                    c.T * end.t_star,
                    color=COLOURS[4],
                    linestyle="-.",
                    linewidth=1,
                    label="$t^*$ predicted",
                )
            legend_above(ax)
        said = [rf"$\chi = {c.chi:g}$", f"$d = {c.d}$", f"$P = {c.P}$", f"$B = {c.B}$"]
        said += [f"$T = {plain(c.T)}$", rf"$\kappa = {plain(c.kappa)}$"]
        title(figure, [*said, f"seed {c.seed}: {run.status} after {run.steps:,} steps"])
    return figure
