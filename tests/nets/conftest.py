"""Shared by the tests of nets."""

import pytest
import torch

from nets import architectures, data
from nets.data import load_images


@pytest.fixture
def one_thread():
    """Threads of PyTorch that wait for one another take many times as long on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr(architectures, "KINDS", dict(architectures.KINDS))
    monkeypatch.setattr(data, "_LOADERS", dict(data._LOADERS))
    load_images.cache_clear()
