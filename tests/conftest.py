"""Shared by all tests: no display, no colour, no data of the user's, how much is drawn."""

import contextlib
import os
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from perceptron_sim.drawing.panels import Chart

os.environ.setdefault("MPLBACKEND", "agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Threads of PyTorch in each of several workers would wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same examples in every run, or many others: HYPOTHESIS_PROFILE=long.
settings.register_profile("quick", max_examples=80, derandomize=True, database=None)
settings.register_profile("long", max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A machine without image data sets."""
    monkeypatch.delenv("PERCEPTRON_SIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# So many figures of one name are written and looked at in a process: both take longer than drawing.
_LOOKS = 3


def _size(values: "Sequence[float]") -> tuple[int, ...]:
    """Return how many values there are, and which power of 16 the ends of their sizes are near."""
    powers = np.frexp(np.abs(np.asarray(values, dtype=float)))[1] // 4
    return (powers.size, int(powers.min()), int(powers.max())) if powers.size else ()


def _make_up(chart: "Chart") -> Hashable:
    """Return what a figure consists of, which two that show the same of other runs have alike."""
    panels = [panel for row in chart.panels for panel in row]
    return tuple(map(len, chart.panels)), tuple(
        (
            *(len(part) for part in (panel.rows, panel.rules, panel.notes, panel.fields)),
            *((s.line, s.theory, s.band, _size(s.x), _size(s.y)) for s in panel.series),
        )
        for panel in panels
    )


def _copied(contents: "Sequence[bytes]", folder: Path, name: str) -> list[Path]:
    from perceptron_sim.atomic import write_atomically

    paths = [folder / f"{name}.{suffix}" for suffix in ("png", "svg")]
    for path, content in zip(paths, contents, strict=True):
        write_atomically(path, content)
    return paths


@pytest.fixture(autouse=True, scope="session")
def legible_figures():
    """Whatever figure a test lets a command write can be read; one of known make-up is copied."""
    from legible import faults

    from perceptron_sim.analysis import figures
    from perceptron_sim.drawing import layout

    written = layout.write
    looked_at: Counter[str] = Counter()
    latest: dict[str, list[bytes]] = {}
    known: dict[Hashable, list[bytes]] = {}

    def write(figure: "Figure", folder: Path, name: str) -> list[Path]:
        looked_at[name] += 1
        if looked_at[name] > _LOOKS:
            return _copied(latest[name], folder, name)
        found = faults(figure)
        assert not found, (name, found)
        paths = written(figure, folder, name)
        latest[name] = [path.read_bytes() for path in paths]
        return paths

    def save(chart: "Chart", folder: Path, name: str) -> list[Path]:
        key = name, _make_up(chart)
        if key not in known:
            known[key] = [path.read_bytes() for path in write(layout.draw(chart), folder, name)]
        return _copied(known[key], folder, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "write", write)
        patch.setattr(figures, "save", save)
        yield written


@pytest.fixture
def all_drawn(legible_figures, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure is drawn and written, whether one of its make-up is known or not."""
    from perceptron_sim.analysis import figures
    from perceptron_sim.drawing import layout

    monkeypatch.setattr(layout, "write", legible_figures)
    monkeypatch.setattr(figures, "save", layout.save)


@contextlib.contextmanager
def _sketching() -> "Iterator[None]":
    from perceptron_sim.analysis import figures

    sketch = (b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", lambda chart, *place: _copied(sketch, *place))
        yield


@pytest.fixture
def sketches(legible_figures):
    """Figures are files without a drawing, where another test looks at the same ones."""
    with _sketching():
        yield


@pytest.fixture(scope="module")
def sketches_only(legible_figures):
    """The same for a whole module and its fixtures."""
    with _sketching():
        yield
