"""Phase portrait of the order parameters, with a simulated run on it."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from perceptron_sim.analysis.figures.style import (
    COLOURS,
    STYLE,
    TITLE_SIZE,
    legend_below,
    log_axes,
    plain,
    title,
)
from perceptron_sim.arrays import FloatArray
from perceptron_sim.runs.result import RunResult
from perceptron_sim.theory import (
    noise_diffusion,
    noise_drift,
    order_parameter_flow,
    signal_drift,
    unfitted_fraction,
)
from perceptron_sim.theory.prediction import trusted_end

_ARROWS = (15, 13)


def figure_phase_portrait(runs: Sequence[RunResult]) -> Figure:
    """Draw |w_perp| against w_1, both over T sqrt(d): one panel a run, theory around it.

    Arrows: direction of the order-parameter equations for fresh samples (in logarithms). Solid:
    their solution from w = 0. Dashed: where the noise neither grows nor shrinks. Dotted: lines
    along which training can end, lambda as predicted. Star: predicted end.

    Args:
        runs: runs with checkpoints.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(1.0 + 3.6 * len(runs), 4.3))
        axes = figure.subplots(1, len(runs), sharey=True, squeeze=False)[0]
        seen = [_seen(run)[1] for run in runs]
        low, high = 0.4 * min(map(np.min, seen)), 2.5 * max(map(np.max, seen))
        for ax, run in zip(axes, runs, strict=True):
            _portrait(ax, run, low, high)
        axes[0].set_ylabel(r"noise $|w_\perp| \, / \, (T \sqrt{d})$")
        legend_below(figure)
        c = runs[0].config
        said = [f"order parameters: $d = {c.d}$", f"$B = {c.B}$", f"$T = {plain(c.T)}$"]
        said += [rf"$\kappa = {plain(c.kappa)}$", "simulated runs until every sample is fitted"]
        title(figure, said)
    return figure


def _seen(run: RunResult) -> tuple[FloatArray, FloatArray]:
    """Return w_1 and |w_perp| over T sqrt(d) at the checkpoints of a run."""
    course = run.checkpoints
    assert course is not None
    unit = run.config.T * math.sqrt(run.config.d)
    started = course.step > 0
    return course.w1[started] / unit, course.w_perp[started] / unit


def _portrait(ax: Axes, run: RunResult, low: float, high: float) -> None:
    c = run.config
    unit = c.T * math.sqrt(c.d)
    w1, w_perp = _seen(run)
    end = trusted_end(c.chi, c.P, c.d, c.B, c.kappa / c.T)
    right = 2.0 * max(w1.max(), end.w1 / math.sqrt(c.d) if end else 0.0)
    left = 0.5 * w1[w1 > 0.0].min()
    x = np.geomspace(left, right, _ARROWS[0])
    y = np.geomspace(low, high, _ARROWS[1])
    speed_x, speed_y = _log_speed(x[None, :], y[:, None], c.chi, c.d, c.B, c.kappa / c.T)
    # Arrows show direction on the page: both axes are logarithmic, but not equally long.
    along = speed_x / math.log(right / left)
    up = speed_y / math.log(high / low)
    length = np.hypot(along, up)
    ax.quiver(
        *np.meshgrid(x, y),
        along / length,
        up / length,
        color="0.72",
        angles="uv",
        scale=26,
        width=0.004,
        zorder=0,
    )
    t = np.geomspace(c.eta, max(run.t_star, c.eta) * 4.0, 300)
    flow = order_parameter_flow(t, chi=c.chi, d=c.d, T=c.T, kappa=c.kappa, B=c.B)
    ax.plot(
        flow.w1 / unit, flow.w_perp / unit, "-", color="black", linewidth=1.3, label="fresh samples"
    )
    fine_x, fine_y = np.geomspace(left, right, 120), np.geomspace(low, high, 120)
    _, rise = _log_speed(fine_x[None, :], fine_y[:, None], c.chi, c.d, c.B, c.kappa / c.T)
    ax.contour(
        fine_x, fine_y, rise, levels=[0.0], colors=[COLOURS[3]], linestyles="--", linewidths=1.1
    )
    ax.plot([], [], "--", color=COLOURS[3], linewidth=1.1, label="noise stationary")
    ax.plot(w1, w_perp, "o-", color=COLOURS[2], markersize=3, linewidth=0.8, label="simulated run")
    if end:
        stop = end.w1 / math.sqrt(c.d)
        error = float(unfitted_fraction(end.lam, c.chi))
        ax.plot(
            fine_x,
            fine_x / end.lam,
            ":",
            color=COLOURS[1],
            label=r"predicted $\lambda$ at the end",
        )
        ax.plot(
            [stop], [stop / end.lam], "*", color=COLOURS[1], markersize=13, label="predicted end"
        )
        ax.text(
            0.97,
            0.94,
            f"predicted test error ${plain(float(f'{error:.2g}'))}$",
            transform=ax.transAxes,
            ha="right",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
            fontsize=8,
        )
    log_axes(ax)
    ax.set(xlim=(left, right), ylim=(low, high))
    ax.set_xlabel(r"signal $w_1 \, / \, (T \sqrt{d})$")
    ax.set_title(rf"$\chi = {c.chi:g}$, $P = {c.P}$", fontsize=TITLE_SIZE)
    ax.grid(False)


def _log_speed(
    W: FloatArray, R: FloatArray, chi: float, d: int, B: int, kappa_over_T: float
) -> tuple[FloatArray, FloatArray]:
    """Return d ln W / d tau and d ln R / d tau of the order-parameter equations (11)."""
    lam, margin = np.broadcast_arrays(W / R, kappa_over_T / R)
    n = unfitted_fraction(lam, chi, margin)
    drift = noise_drift(lam, chi, margin)
    diffusion = (d - 2) * n + noise_diffusion(lam, chi, margin) + (B - 1) * np.square(drift)
    rise = 0.5 * (2.0 * R * drift + diffusion / d) / np.square(R)
    return np.asarray(signal_drift(lam, chi, margin) / W), np.asarray(rise)
