"""Shared by all tests: no display, no colour, no data of the user's, how much is drawn."""

import os
from collections import Counter

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "agg")
# The same examples in every run, or many others: HYPOTHESIS_PROFILE=long.
settings.register_profile("quick", max_examples=150, derandomize=True, database=None)
settings.register_profile("long", max_examples=2000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A machine without image data sets."""
    monkeypatch.delenv("PERCEPTRON_SIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


# So often is a figure of one name written and looked at in a process: most are drawn again and
# again, and writing one takes longer than drawing it.
_LOOKS = 4


@pytest.fixture(autouse=True, scope="session")
def legible_figures():
    """Whatever figure a test lets a command write can be read."""
    from legible import faults

    from perceptron_sim.atomic import write_atomically
    from perceptron_sim.drawing import layout

    written, looked_at, seen = layout.write, Counter(), {}

    def write(figure, folder, name):
        looked_at[name] += 1
        if looked_at[name] > _LOOKS:
            paths = [folder / path.name for path in seen[name]]
            for path, content in zip(paths, seen[name].values(), strict=True):
                write_atomically(path, content)
            return paths
        paths = written(figure, folder, name)
        seen[name] = {path: path.read_bytes() for path in paths}
        found = faults(figure)
        assert not found, (name, found)
        return paths

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "write", write)
        yield
