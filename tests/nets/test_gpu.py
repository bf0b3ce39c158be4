"""Nets on a real GPU: the same runs as on a CPU. Skipped where there is none."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from interrupted import train_in_pieces
from single_net import distance, train_single

from nets.config import NetConfig
from nets.training import Control, crews, train, train_each
from nets.training.precision import exact

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

MLP = {"depth": 5, "width": 32, "T": 2.0**-6}
NETS = {
    "mlp": MLP,
    "gelu": {"depth": 2, "width": 24, "act": "gelu", "T": 2.0**-5},
    "odd": {"depth": 3, "width": 24, "act": "silu", "T": 2.0**-7, "B": 5},
    "linear": {"arch": "linear", "T": 2.0**-4},
    "learning": {"depth": 2, "width": 16, "alpha": 2.0**-6, "T": 1.0},
    "cnn": {"arch": "cnn", "depth": 3, "width": 16, "T": 2.0**-5, "P": 64},
    "mnas": {"arch": "mnas", "depth": 3, "width": 8, "act": "gelu", "T": 2.0**-4, "P": 64},
}
# Distances between weights, relative to their norm.
BOUNDS = {"float64": 1e-10, "float32": 1e-5}


def _train(configs: list[NetConfig], **how) -> dict[str, object]:
    """Train on the GPU; a note, such as of a step that no graph holds, is an error."""
    notes: list[str] = []
    control = Control(note=notes.append)
    runs = {r.config.key(): r for r in train_each(configs, "cuda", control=control, **how)}
    # Tests that run in parallel take turns.
    assert [note for note in notes if "waiting for one" not in note] == []
    return runs


@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("name", NETS)
def test_a_replica_on_a_gpu_is_the_plain_loop_over_one_net(name, dtype) -> None:
    net = {"P": 128, "P_test": 0, "dtype": dtype, "max_steps": 600, **NETS[name]}
    company = [NetConfig(**net, seed=s) for s in range(6)]
    # In single precision a sample within rounding of its margin sends a run another way.
    config = company[4]
    run = _train(company, keep_weights=True)[config.key()]
    weights, updates, last = train_single(config, run.steps)
    assert (run.updates, run.steps) == (updates, last)
    assert distance(run.weights, weights) < BOUNDS[dtype]


@pytest.mark.parametrize("name", ["mlp", "linear", "cnn", "mnas"])
def test_what_a_gpu_records_is_what_a_cpu_records(name) -> None:
    net = {"P": 96, "dtype": "float64", "max_steps": 400, **NETS[name]}
    configs = [NetConfig(**net, seed=s) for s in range(3)]
    how = {"test_checkpoints": True, "keep_outputs": True}
    on_cpu = {r.config.key(): r for r in train(configs, "cpu", engine="ensemble", **how)}
    for key, ours in _train(configs, **how).items():
        theirs = on_cpu[key]
        assert (ours.steps, ours.updates, ours.hits) == (theirs.steps, theirs.updates, theirs.hits)
        assert (ours.status, ours.test_error) == (theirs.status, theirs.test_error)
        assert np.allclose(ours.test_outputs, theirs.test_outputs, rtol=1e-2, atol=1e-3)
        for quantity in ("step", "dw", "unfitted", "train_loss", "noise_trace", "ntk_change"):
            a, b = (getattr(run.checkpoints, quantity) for run in (ours, theirs))
            assert np.allclose(a, b, rtol=1e-7, equal_nan=True), quantity


def test_company_and_order_change_nothing_but_rounding_on_a_gpu() -> None:
    net = {**MLP, "dtype": "float64", "P_test": 64}
    configs = [NetConfig(**net, P=P, seed=s) for P in (64, 160) for s in range(4)]
    together = _train(configs, keep_weights=True)
    split = _train(configs[::-1], keep_weights=True, most=3, checkpoints=False)
    for key, run in together.items():
        assert (run.steps, run.hits) == (split[key].steps, split[key].hits)
        assert run.status == "fitted"
        assert distance(run.weights, split[key].weights) < 1e-12


def test_a_run_on_a_gpu_goes_on_from_its_state_to_the_identical_end(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(crews, "_SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("nets.training.resident.STEPS", 7)
    configs = [NetConfig(P=96, T=2.0**-7, depth=2, width=24, seed=s) for s in range(3)]
    undisturbed = _train(configs)
    done, attempts, notes = train_in_pieces(configs, tmp_path, 300, "cuda", patience=3)
    assert (attempts > 2, notes) == (True, [])
    for key, run in undisturbed.items():
        other = done[key]
        assert (other.steps, other.hits, other.dw) == (run.steps, run.hits, run.dw)
        assert np.array_equal(other.checkpoints.ntk_change, run.checkpoints.ntk_change)


def test_products_on_a_gpu_are_in_full_single_precision() -> None:
    # TF32 has 10 bits of mantissa: an error of 3e-4 instead of 3e-7.
    a, b = np.random.default_rng(0).standard_normal((2, 256, 256)).astype(np.float32)
    with exact():
        found = (torch.tensor(a, device="cuda") @ torch.tensor(b, device="cuda")).cpu().numpy()
    expected = a.astype(float) @ b.astype(float)
    assert np.linalg.norm(found - expected) < 3e-6 * np.linalg.norm(expected)


def test_a_gpu_that_fails_for_good_is_known() -> None:
    code = """
import torch
from nets.training.device import is_lost
device = torch.device("cuda")
try:
    torch.zeros(2, device=device)[torch.tensor([2**20], device=device)].cpu()
except RuntimeError as error:
    assert is_lost(error, device), error
    print("lost")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "lost\n", done.stderr
