"""What PyTorch computes in is ours while nets train, and the caller's before and after."""

import subprocess
import sys

import pytest
import torch

from nets.config import NetConfig
from nets.training import precision, train, train_each
from nets.training.ensemble import Ensemble

# In a process of its own: what was set cannot be unset completely.
_CODE = """
import torch
from nets.training.precision import exact
backends = torch.backends
torch.set_num_threads(2)
owners = [backends, *precision._owners()]
def settings():
    found = [owner.fp32_precision for owner in owners]
    for read in (torch.get_float32_matmul_precision, lambda: backends.cuda.matmul.allow_tf32,
                 lambda: backends.cudnn.allow_tf32, torch.get_num_threads):
        try:
            found.append(read())
        except RuntimeError:
            found.append("mixed")
    return found
"""


SET_BEFORE = [
    "pass",
    "backends.fp32_precision = 'tf32'",
    "backends.fp32_precision = 'ieee'",
    "backends.cudnn.fp32_precision = 'tf32'",
    "backends.cudnn.conv.fp32_precision = 'tf32'",
    "backends.mkldnn.matmul.fp32_precision = 'bf16'",
    "backends.cudnn.allow_tf32 = False",
    "backends.cuda.matmul.allow_tf32 = True",
    "torch.set_float32_matmul_precision('high')",
    "torch.set_float32_matmul_precision('medium'); backends.cudnn.allow_tf32 = True",
]


@pytest.mark.skipif(not hasattr(torch.backends, "fp32_precision"), reason="an older PyTorch")
def test_settings_are_exact_inside_and_as_before_outside() -> None:
    # Forks: one import for all.
    code = (
        "import os, sys\nfrom nets.training import precision\n"
        + _CODE
        + f"for text in {SET_BEFORE!r}:\n"
        "    if os.fork() == 0:\n"
        "        exec(text)\n"
        "        before = settings()\n"
        "        with exact():\n"
        "            with exact():\n"
        "                pass\n"
        "            inside = [owner.fp32_precision for owner in owners]\n"
        "        good = settings() == before and set(inside) <= {'ieee', 'none'}\n"
        "        if not good:\n"
        "            print(text, before, inside, settings(), flush=True)\n"
        "        os._exit(0 if good else 1)\n"
        "    assert os.wait()[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.fixture
def high():
    torch.set_float32_matmul_precision("high")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield 2
    torch.set_num_threads(before)
    torch.set_float32_matmul_precision("highest")


def _as_it_was(threads: int) -> bool:
    return torch.get_float32_matmul_precision() == "high" and torch.get_num_threads() == threads


def test_training_leaves_the_precision_of_the_caller(high, monkeypatch) -> None:
    config = NetConfig(P=32, B=8, T=2.0**-5, width=8, depth=2, P_test=0)
    seen = []
    whole = Ensemble._round

    def round_(self):
        seen.append(torch.get_float32_matmul_precision())
        yield from whole(self)

    monkeypatch.setattr(Ensemble, "_round", round_)
    train([config], "cpu", engine="ensemble")
    assert set(seen) == {"highest"}
    assert _as_it_was(high)
    # Given up half way.
    running = train_each([config, NetConfig(P=32, seed=1)], "cpu", engine="ensemble")
    next(running)
    running.close()
    assert _as_it_was(high)

    def fails(self):
        raise RuntimeError("at fault")

    monkeypatch.setattr(Ensemble, "_round", fails)
    with pytest.raises(RuntimeError, match="at fault"):
        train([config], "cpu", engine="ensemble")
    assert _as_it_was(high)


def test_the_last_of_several_restores(high) -> None:
    first, second = precision.exact(), precision.exact()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert torch.get_float32_matmul_precision() == "highest"
    second.__exit__(None, None, None)
    assert _as_it_was(high)
