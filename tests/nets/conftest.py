"""Shared by the tests of nets."""

import pytest

from nets import architectures, data
from nets.data import load_images


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(architectures, "KINDS", dict(architectures.KINDS))
    monkeypatch.setattr(data, "_LOADERS", dict(data._LOADERS))
    load_images.cache_clear()
