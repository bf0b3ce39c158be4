"""Draw figures from docs/predictions.csv: ``python docs/hooks/figures.py``."""

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from perceptron_sim.drawing.style import COLOURS, MARKERS
from perceptron_sim.theory import crossovers, predict
from perceptron_sim.theory.prediction import accuracy

DOCS = Path(__file__).parents[1]
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
}


def points() -> pd.DataFrame:
    """Return measured and predicted ends of training, one row per grid point."""
    return pd.read_csv(DOCS / "predictions.csv")


def _draw(ax: Any, i: int, some: pd.DataFrame, x: Any, y: Any, error: Any, label: str) -> None:
    bars = np.array([y * -np.expm1(-2.1 * error), y * np.expm1(2.1 * error)])
    marker = MARKERS[i % len(MARKERS)]
    ax.errorbar(x, y, yerr=bars, fmt=marker, ms=4, lw=1, color=COLOURS[i], label=label, zorder=3)


def overview(runs: pd.DataFrame) -> Any:
    """Return the figure of README: weights and time on P, weights on T, with theory."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained")
    at_d = runs[(runs.d == 32) & (runs.B == 2) & (runs["set"] != "held-out")]
    wide = np.unique(np.geomspace(16, 8192, 24).round().astype(int))
    for i, chi in enumerate((0.0, 1.0, 3.0)):
        some = at_d[(at_d.chi == chi) & (at_d.kappa_over_T == 0)].sort_values("P_over_d")
        law = predict(chi=chi, P=32 * wide[wide <= some.P_over_d.max()], d=32, T=1.0, kappa=0.0)
        names = [("w1", left, law.w1 / 32**0.5), ("t_star", middle, law.t_star / 32)]
        for name, ax, line in names:
            label = f"χ = {chi:g}"
            error = some[f"log_{name}_error"]
            _draw(ax, i, some, some.P_over_d, some[name], error, label)
            ax.loglog(wide[: len(line)], line, color=COLOURS[i], lw=1)
    for i, chi in enumerate((0.0, 1.0, 3.0)):
        some = at_d[(at_d.chi == chi) & (at_d.P_over_d == 128) & (at_d.kappa_over_T > 0)]
        ratio = 1.0 / some.kappa_over_T
        _draw(right, i, some, ratio, some.w1 * ratio, some.log_w1_error, f"χ = {chi:g}")
        T = np.geomspace(2.0**-6, 2.0**6, 16)
        law = predict(chi=chi, P=32 * 128, d=32, T=T, kappa=1.0)
        right.loglog(T, law.w1 / 32**0.5, color=COLOURS[i], lw=1)
        right.axvline(crossovers(chi, 32 * 128, 32).T_c_over_kappa, ls=":", lw=1, color=COLOURS[i])
    left.set(title="Noise makes weights grow with P ...", xlabel="P/d", ylabel="w₁ / (T √d)")
    middle.set(title="... and training longer", xlabel="P/d", ylabel="t* / (T d)")
    right.set(title="Noise decides above $T_c$, of order κ", xlabel="T/κ", ylabel="w₁ / (κ √d)")
    left.legend()
    return figure


def accuracies(runs: pd.DataFrame) -> Any:
    """Return the figure of the predictions: errors in w_1 and t*, and in units of stated errors."""
    figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained")
    names = (("w1", "ln w₁"), ("t_star", "ln t*"))
    for ax, (name, label) in zip(axes, names, strict=False):
        for i, (d, some) in enumerate(runs[runs.d.isin((8, 32, 128))].groupby("d")):
            ax.plot(
                some[name],
                some[f"dlog_{name}"],
                MARKERS[i],
                ms=3,
                mfc="none",
                color=COLOURS[i],
                label=f"d = {d}",
            )
        ax.axhline(0.0, color="gray", lw=0.8)
        ax.set(xscale="log", xlabel=f"measured {label[3:]}", title=f"{label}: predicted − measured")
    axes[0].set_xlabel("measured w₁ / (T √d)")
    axes[1].set_xlabel("measured t* / (T d)")
    axes[0].legend()
    held = runs[runs["set"] == "held-out"]
    errors = dict(zip(("w1", "t_star"), accuracy(held.d.to_numpy()), strict=True))
    bins = np.linspace(-4, 4, 33)
    for i, (name, label) in enumerate(names):
        z = held[f"dlog_{name}"] / np.hypot(held[f"log_{name}_error"], errors[name])
        axes[2].hist(z, bins, density=True, histtype="step", color=COLOURS[i + 1], label=label)
    x = np.linspace(-4, 4, 200)
    axes[2].plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), "--", color="gray", label="normal")
    axes[2].set(title="held-out points", xlabel="error in units of stated errors", ylabel="density")
    axes[2].legend()
    return figure


if __name__ == "__main__":
    (DOCS / "figures").mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        overview(points()).savefig(DOCS / "figures" / "overview.png", dpi=160)
        accuracies(points()).savefig(DOCS / "figures" / "predictions.png", dpi=160)
