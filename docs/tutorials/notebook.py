# %% [markdown]
# # Notebook: noise against margin
#
# This page is a notebook. Its source is [notebook.py](notebook.py): open it in VS Code, Spyder or PyCharm, or in Jupyter through
# [jupytext](https://jupytext.readthedocs.io). It runs in a few seconds on a laptop. The figures and numbers below were made
# when this site was built.
#
# The question: training stops when every sample is fitted with margin $\kappa$. Two scales can set the size of the weights then, the
# margin $\kappa$ and the noise $T$. Which one decides, and where does the answer change?

# %%
import matplotlib.pyplot as plt
import numpy as np

from perceptron_sim import PerceptronConfig, predict, simulate
from perceptron_sim.theory import crossovers

point = {"chi": 1.0, "d": 16, "P": 256, "B": 2, "kappa": 1.0}

# %% [markdown]
# ## One run
#
# The signal $w_1$ grows along the teacher. The noise $\lvert w_\perp \rvert$ is the norm of all other components. `plot` draws both against time.

# %%
run = simulate(PerceptronConfig(**point, T=4.0, seed=0))
print(f"{run.status}: t* = {run.t_star:g}, ||w|| = {run.w_norm:.1f}")
print(f"test error {run.test_error:.3f}")
run.plot()

# %% [markdown]
# ## Many temperatures
#
# The prediction takes arrays, so one call gives the whole curve. It has no parameter fitted to these runs. Each point below is a mean of
# $\ln \lVert w \rVert$ over 12 seeds. Bars are 95 % intervals.

# %%
T = 2.0 ** np.arange(-6, 9, 2)
seeds = range(12)
runs = [[simulate(PerceptronConfig(**point, T=t, seed=s)) for t in T] for s in seeds]
logs = np.log([[run.w_norm for run in row] for row in runs])
mean, error = logs.mean(axis=0), logs.std(axis=0, ddof=1) / np.sqrt(len(logs))
fine = np.geomspace(T[0], T[-1], 14)
law = predict(**point, T=fine)
T_c = crossovers(chi=1.0, P=256, d=16).T_c_over_kappa

figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
ax.loglog(fine, law.w_norm, label="theory")
bars = np.exp(mean) * np.expm1([2.2 * error, 2.2 * error])
ax.errorbar(T, np.exp(mean), yerr=bars, fmt="o", ms=4, label="SGD, 12 seeds")
ax.axvline(T_c, ls=":", color="gray", label=f"predicted T_c = {T_c:.2f} κ")
ax.set(xlabel="T/κ", ylabel="‖w‖/κ at the end")
ax.legend()

# %% [markdown]
# Left of $T_c$ the weights do not depend on $T$: SGD ends where gradient descent ends, at the least signal that fits all samples
# (equation (20) of [Theory](../theory.md#eq-20)). Right of $T_c$ they grow as $\lVert w \rVert \sim T$. The corner lies where equation (29) puts it.
#
# ## How far off is the prediction?
#
# The prediction states its own standard error. The measured means scatter too. Their distance in units of both together should be of order one.

# %%
expected = predict(**point, T=T)
z = (mean - np.log(expected.w_norm)) / np.hypot(error, expected.log_w_error)
print("distance in standard errors:", " ".join(f"{value:+.1f}" for value in z))
assert np.abs(z).max() < 5.0
slope = np.polyfit(np.log(T[-3:]), mean[-3:], 1)[0]
print(f"slope of ln ||w|| on ln T over the last three points: {slope:.2f}")
assert abs(slope - 1.0) < 0.2

# %% [markdown]
# Next: change `chi` or `kappa` in the first cell and run it again. [From Python](python.md) stores runs and fits exponents.
