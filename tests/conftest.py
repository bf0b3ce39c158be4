"""Shared by all tests: no display, no colour, no data of the user's, how much is drawn."""

import os

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
