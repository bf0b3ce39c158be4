"""Shared by all tests: no display, no colour, no data of the user's."""

import os

import pytest

os.environ.setdefault("MPLBACKEND", "agg")


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """A machine without image data sets."""
    monkeypatch.delenv("PERCEPTRON_SIM_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
