"""Figures can be read: ticks, legends, titles, intervals, whatever the grid and the names."""

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from legible import faults
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from perceptron_sim.analysis.figures import save, scan
from perceptron_sim.analysis.figures.scan import figure_on_P, figure_on_T, figure_scan
from perceptron_sim.claims.panels import means
from perceptron_sim.drawing.layout import draw, write
from perceptron_sim.drawing.mpl import plot, side_by_side
from perceptron_sim.drawing.notation import as_mathtext
from perceptron_sim.drawing.panels import Chart, Panel, geometric_means
from perceptron_sim.intervals import half_width
from perceptron_sim.names import number_text


@pytest.fixture(autouse=True)
def cheap_predictions(monkeypatch) -> None:
    """Theory that costs nothing: how it is drawn is what counts."""

    def ends(chi, P, d, B, kappa_over_T) -> SimpleNamespace:
        P = np.broadcast_arrays(P, kappa_over_T)[0]
        return SimpleNamespace(t_star=P**1.5, w_norm=P**0.5)

    monkeypatch.setattr(scan, "trusted_ends", ends)


def grid(chi=(1.0,), P=(64, 128), T=(1.0, 4.0), seeds=3, d=8) -> pd.DataFrame:
    """Return runs as a scan stores them, with numbers made up."""
    rng = np.random.default_rng(1)
    rows = [
        {
            **{"status": "fitted", "chi": c, "P": p, "T": t, "seed": s, "d": d, "B": 2},
            "kappa": 2.0**-15,
            "t_star": t * p**1.5 * math.exp(0.5 * rng.normal()),
            "w_norm": t * p**0.5 * math.exp(0.2 * rng.normal()),
        }
        for c in chi
        for p in P
        for t in T
        for s in range(seeds)
    ]
    return pd.DataFrame(rows)


def nets(**options) -> pd.DataFrame:
    """Return the same as runs of nets."""
    shared = {"model": "net", "data": "digits", "arch": "mlp", "depth": 2, "width": 16}
    frame = grid(**options).assign(**shared, act="relu", alpha=2.0**15)
    return frame.assign(dw=frame["w_norm"], dw_rel=0.1 * frame["w_norm"])


def labels(chart: Chart, axes: int = -1) -> list[str]:
    """Return the numbers on an abscissa."""
    figure = draw(chart)
    figure.draw_without_rendering()
    axis = figure.axes[axes].xaxis
    low, high = axis.get_view_interval()
    return [t.label1.get_text() for t in axis.get_major_ticks() if low <= t.get_loc() <= high]


@pytest.mark.parametrize(
    "options",
    [
        {"P": (64,), "T": (1.0,), "seeds": 1},
        {"chi": (0.0, 1.0)},
        {"chi": (0.0, 1.0, 3.0), "P": (10000, 20000), "T": (0.25, 1.0, 4.0)},
        {"P": tuple(2**k for k in range(6, 16)), "T": tuple(2.0**-k for k in range(10))},
        {"P": (1000, 1001, 1002), "T": (2.0**-10, 3e-5, 1 / 3)},
        {"P": (64, 100000000), "T": (1e-200, 1e60)},
    ],
    ids=str,
)
def test_figures_of_scans_can_be_read_whatever_the_grid(options, tmp_path: Path) -> None:
    figures = [
        draw(figure_on_P(grid(**options), [])),
        draw(figure_scan(nets(**options), [], "T")),
    ]
    for i, figure in enumerate(figures):
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        assert faults(figure) == []
        # Every measured point lies inside its axes.
        for ax in figure.axes:
            for points in (c for c in ax.containers if isinstance(c, ErrorbarContainer)):
                inside = ax.viewLim.contains
                assert all(inside(x, y) for x, y in points.lines[0].get_xydata()), i


def test_the_check_sees_what_is_wrong() -> None:
    figure = Figure(figsize=(3, 2))
    ax = figure.subplots()
    ax.plot([1, 2], [1, 2], label="a legend on the data")
    ax.legend()
    ax.set_xticks([1.0, 1.01], ["10000", "20000"])
    figure.suptitle("a title that is wider than the figure which it stands above")
    found = " ".join(faults(figure))
    assert "is cut" in found
    assert "legend lies on" in found
    assert "'10000' lies on '20000'" in found


def test_ticks_stand_at_the_data_where_they_are_few() -> None:
    assert labels(figure_on_P(grid(), [])) == ["64", "128"]
    assert labels(figure_on_T(grid(T=(2.0**-10, 1.0)), [])) == ["2⁻¹⁰", "1"]
    many = labels(figure_on_P(grid(P=tuple(range(64, 1000, 60))), []))
    assert 3 <= len(many) <= 9


def test_numbers_are_written_in_one_way() -> None:
    for value, expected in [
        *((2.0**-10, "2^-10"), (0.5, "2^-1"), (1.0, "1"), (128.0, "128"), (2.0**30, "2^30")),
        *((0.3, "0.3"), (1 / 3, "0.3333"), (4.5e-5, "4.5x10^-5"), (math.inf, "inf")),
    ]:
        assert number_text(value) == expected
    assert as_mathtext(number_text(2.0**-10)) == "2⁻¹⁰"
    assert as_mathtext(number_text(4.5e-5)) == "4.5·10⁻⁵"


@pytest.mark.parametrize("n", [2, 4, 12])
def test_intervals_are_students_in_figures_and_in_claims(n: int) -> None:
    logs = np.random.default_rng(n).normal(size=n)
    half = half_width(logs)
    assert half == pytest.approx(stats.t.ppf(0.975, n - 1) * logs.std(ddof=1) / math.sqrt(n))
    ax = Figure().subplots()
    plot(Panel("", "x", "y", [geometric_means("x", [1.0], [logs])]), ax)
    (bars,) = ax.containers
    ((low, high),) = (segment[:, 1] for segment in bars.lines[2][0].get_segments())
    ends = np.exp(logs.mean() + half * np.array([-1.0, 1.0]))
    assert [low, high] == pytest.approx(ends)
    runs = pd.DataFrame({"P": [1.0, 2.0] * n, "y": np.exp(np.repeat(logs, 2)), "status": "fitted"})
    series = means(runs, "P", "y", "")
    assert [series.y_low[0], series.y_high[0]] == pytest.approx(ends)


def test_a_single_seed_has_no_interval() -> None:
    assert math.isnan(half_width(np.array([1.0])))
    series = means(grid(seeds=1, T=(1.0,)), "P", "w_norm", "")
    assert np.all(np.isnan([*series.y_low, *series.y_high]))
    assert "no intervals" in draw(figure_on_P(grid(seeds=1), [])).get_suptitle()


def test_series_at_one_abscissa_stand_side_by_side() -> None:
    x = np.array([side_by_side([64, 128, 256], i, 3) for i in range(3)])
    assert len(np.unique(x)) == 9
    assert np.all(np.abs(np.log(x / np.array([64, 128, 256]))) < 0.2 * math.log(2.0))
    assert side_by_side([64.0], 0, 1) == [64.0]


def test_one_entry_explains_lines_in_several_colours() -> None:
    figure = draw(figure_on_P(grid(P=(256, 1024), T=(0.25, 1.0, 4.0)), []))
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts.count("prediction, finite $P$/$d$") == 1
    drawn = {
        line.get_color()
        for line in figure.axes[0].lines
        if line.get_label() == "prediction, finite $P$/$d$"
    }
    assert len(drawn) == 3
    assert drawn <= {line.get_color() for line in legend.findobj(Line2D)}


def test_names_of_the_users_are_no_formulas(tmp_path: Path) -> None:
    for name in ("$x^", "50 $", "网络", "a\\b"):
        figure = figure_scan(nets().assign(data=name), [], "P")
        paths = save(figure, tmp_path, "figure")
        assert all(path.stat().st_size for path in paths)


def test_a_figure_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    figure = Figure()
    figure.subplots().plot([1, 2], [1, 2])
    before = {path: path.read_bytes() for path in write(figure, tmp_path, "figure")}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    figure.axes[0].set_title("another")
    with pytest.raises(OSError, match="No space"):
        write(figure, tmp_path, "figure")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
