"""Results draw themselves: into the axes given, and into none else."""

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from perceptron_sim import (
    InputError,
    PerceptronConfig,
    analyse,
    predict,
    simulate,
    simulate_kernel,
    simulate_online,
)
from perceptron_sim.drawing.panels import Chart, Panel, Rule, Series
from perceptron_sim.phase.plane import Conclusion
from perceptron_sim.scans.grid import PerceptronGrid
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.store import MemoryStore


@pytest.fixture(scope="module")
def runs() -> MemoryStore:
    """A small scan of two chi."""
    store = MemoryStore()
    scan(PerceptronGrid(chi=(0, 1), d=4, P=(16, 32), T=(1, 2), seeds=2), store)
    return store


def results(store: MemoryStore):
    """Return what draws itself, each with options."""
    run = simulate(PerceptronConfig(chi=1.0, d=4, P=32), kernel="reference")
    K = np.eye(6) + 0.1
    machine = simulate_kernel(K, [1, -1, 1, -1, 1, -1], B=1, marks=[1, 2, 4, 8])
    analysis = analyse(store.frame())
    panels = [Panel("", "x", "y", [Series("a", [1, 2], [1, 2])], rules=[Rule("r", 1.5)])] * 2
    conclusion = Conclusion({}, [], {}, {"map": lambda: Chart([panels])})
    return {
        "run": (run, {}),
        "unfitted": (run, {"what": "unfitted"}),
        "error": (run, {"what": "test_error"}),
        "machine": (machine, {}),
        "online": (simulate_online([2.0, 8.0, 32.0], d=4, replicas=2), {}),
        "analysis": (analysis, {}),
        "analysis on T": (analysis, {"y": "t_star", "on": "T", "chi": 1.0}),
        "prediction": (predict(chi=1.0, P=[256, 512, 1024], d=16), {}),
        "predictions": (predict(chi=[[0.0], [1.0]], P=[256, 512], d=16), {"y": "gamma_loc"}),
        "one prediction": (predict(chi=1.0, P=256, d=16), {"y": "w_norm", "x": "T"}),
        "plane": (conclusion, {"figure": "map", "panel": 1}),
    }


def test_results_draw_into_the_axes_that_are_given(runs) -> None:
    for name, (result, options) in results(runs).items():
        ax = Figure().subplots()
        assert result.plot(ax, **options) is ax, name
        assert ax.has_data(), name
        assert ax.get_xlabel(), name
        ax.figure.draw_without_rendering()


def test_without_axes_there_is_a_new_figure_of_pyplots(runs) -> None:
    with mpl.rc_context({"backend": "agg"}):
        from matplotlib import pyplot

        before = pyplot.get_fignums()
        ax = predict(chi=1.0, P=[256, 512], d=16).plot()
        (made,) = set(pyplot.get_fignums()) - set(before)
        assert pyplot.figure(made) is ax.figure
        pyplot.close(made)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("run", {"what": "loss"}, "choose one of weights"),
        ("analysis", {"y": "lam"}, "choose w_norm or t_star"),
        ("analysis", {"on": "d"}, "choose P or T"),
        ("analysis", {"chi": 7.0}, "nothing to draw"),
        ("analysis", {"model": "net"}, "nothing to draw"),
        ("prediction", {"y": "doubt"}, "choose one of"),
        ("prediction", {"x": "w1"}, "choose one of P"),
        ("plane", {"figure": "ends"}, "choose one of map"),
        ("plane", {"panel": 2}, "allowed is 0..1"),
    ],
)
def test_what_there_is_not_is_refused(runs, name, options, message) -> None:
    result, _ = results(runs)[name]
    with pytest.raises(InputError, match=message):
        result.plot(Figure().subplots(), **options)


def test_a_run_without_checkpoints_says_what_it_lacks() -> None:
    run = simulate(PerceptronConfig(chi=1.0, d=4, P=16), kernel="reference", checkpoints=None)
    with pytest.raises(InputError, match="no checkpoints"):
        run.plot(Figure().subplots())
