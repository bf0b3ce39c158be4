"""Phase portrait of the order parameters, with a simulated run on it."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perceptron_sim.arrays import FloatArray
from perceptron_sim.drawing.panels import Arrows, Chart, Field, Note, Panel, Series, equations
from perceptron_sim.names import number_text
from perceptron_sim.runs.config import PerceptronConfig
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
_FINE = 120


def figure_phase_portrait(runs: Sequence[RunResult]) -> Chart:
    """Chart |w_perp| against w_1, both over T sqrt(d): one panel per run, theory around it.

    Arrows: direction of the order-parameter equations for fresh samples (in logarithms). Solid:
    their solution from w = 0. Dashed: where the noise neither grows nor shrinks. Dotted: lines
    along which training can end, lambda as predicted. Star: predicted end.

    Args:
        runs: runs with checkpoints.
    """
    seen = [_seen(run)[1] for run in runs]
    limits = 0.4 * min(map(np.min, seen)), 2.5 * max(map(np.max, seen))
    c = runs[0].config
    said = equations({name: getattr(c, name) for name in ("d", "B", "T", "kappa")})
    said = [f"order parameters: {said[0]}", *said[1:]]
    said.append("simulated runs until every sample is fitted")
    return Chart([[_portrait(run, limits) for run in runs]], said, share="y", width=3.6, height=2.9)


def _seen(run: RunResult) -> tuple[FloatArray, FloatArray]:
    """Return w_1 and |w_perp| over T sqrt(d) at the checkpoints of a run."""
    course = run.checkpoints
    assert course is not None
    unit = run.config.T * math.sqrt(run.config.d)
    started = course.step > 0
    return course.w1[started] / unit, course.w_perp[started] / unit


def _portrait(run: RunResult, limits: tuple[float, float]) -> Panel:
    c = run.config
    unit = c.T * math.sqrt(c.d)
    w1, w_perp = _seen(run)
    end = trusted_end(c.chi, c.P, c.d, c.B, c.kappa / c.T)
    stop = end.w1 / math.sqrt(c.d) if end else 0.0
    sides = 0.5 * w1[w1 > 0.0].min(), 2.0 * max(w1.max(), stop)
    fine_x, fine_y = np.geomspace(*sides, _FINE), np.geomspace(*limits, _FINE)
    _, rise = _log_speed(fine_x, fine_y, c)
    t = np.geomspace(c.eta, max(run.t_star, c.eta) * 4.0, 300)
    flow = order_parameter_flow(t, chi=c.chi, d=c.d, T=c.T, kappa=c.kappa, B=c.B)
    x, y = flow.w1 / unit, flow.w_perp / unit
    series = [
        Series("fresh samples", x, y, line=True, theory=True, colour=0, width=1.3),
        Series("simulated run", w1, w_perp, colour=2, dash="-", size=3.0, width=0.8, marker=0),
    ]
    notes = []
    if end:
        error = float(unfitted_fraction(end.lam, c.chi))
        line = Series(
            "predicted lambda at the end", fine_x, fine_x / end.lam, line=True, theory=True
        )
        star = Series("predicted end", [stop], [stop / end.lam], marker="*", size=13.0, colour=1)
        series += [replace(line, dash=":", colour=1), star]
        text = f"predicted test error {number_text(float(f'{error:.2g}'))}"
        notes = [Note(text, 0.97, 0.94, inside=True, right=True)]
    return Panel(
        f"chi = {c.chi:g}, P = {c.P}",
        "signal w_1 / (T sqrt(d))",
        "noise |w_perp| / (T sqrt(d))",
        series,
        x_limits=sides,
        y_limits=limits,
        notes=notes,
        fields=[
            Field(
                fine_x, fine_y, rise, levels=[0.0], colour=3, dash="--", contour="noise stationary"
            )
        ],
        arrows=_arrows(c, sides, limits),
    )


def _arrows(c: PerceptronConfig, x: tuple[float, float], y: tuple[float, float]) -> Arrows:
    """Return directions on the page; both axes are logarithmic, but not equally long."""
    at = np.geomspace(*x, _ARROWS[0]), np.geomspace(*y, _ARROWS[1])
    speeds = _log_speed(*at, c)
    along, up = (v / math.log(high / low) for v, (low, high) in zip(speeds, (x, y), strict=True))
    length = np.hypot(along, up)
    return Arrows(*at, along / length, up / length)


def _log_speed(x: FloatArray, y: FloatArray, c: PerceptronConfig) -> tuple[FloatArray, FloatArray]:
    """Return d ln W / d tau and d ln R / d tau of the order-parameter equations (11)."""
    W, R = x[None, :], y[:, None]
    lam, margin = np.broadcast_arrays(W / R, c.kappa / c.T / R)
    n = unfitted_fraction(lam, c.chi, margin)
    drift = noise_drift(lam, c.chi, margin)
    bracket = (c.d - 2) * n + noise_diffusion(lam, c.chi, margin) + (c.B - 1) * np.square(drift)
    rise = 0.5 * (2.0 * R * drift + bracket / c.d) / np.square(R)
    return np.asarray(signal_drift(lam, c.chi, margin) / W), np.asarray(rise)
