"""The empirical kernel against gradients by autograd, and kernels kept on disk."""

import errno
import json
import os

import numpy as np
import pytest
import torch

from nets.architectures import KINDS, build
from nets.architectures.base import Architecture
from nets.config import ACTIVATIONS
from nets.ntk import BuildStopped, ntk, ntk_cross
from nets.ntk.jacobians import JacobianProducts
from nets.ntk.layers import LayerProducts
from nets.ntk.tiles import fill
from perceptron_sim import InputError
from perceptron_sim.progress import NoProgress

MLP = build("mlp", 12, 2, 16, "relu")


def _start(net: Architecture, seed: int, P: int, d: int) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    return net.draw(rng), rng.standard_normal((P, d))


def _gradients(net: Architecture, weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return df/dw of each sample, one backward pass each, in float64."""
    leaves = [torch.tensor(w[None], requires_grad=True) for w in weights]
    rows = []
    for sample in x:
        f, _ = net.forward(leaves, torch.tensor(sample[None, None]))
        rows.append(
            np.concatenate([g.numpy().ravel() for g in torch.autograd.grad(f[0, 0], leaves)])
        )
    return np.array(rows)


def _error(found: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(found - exact).max() / np.abs(exact).max())


CASES = [(a, act) for a in KINDS for act in (ACTIVATIONS if KINDS[a].depth else ("relu",))]


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize(("arch", "act"), CASES)
def test_the_kernel_is_the_product_of_gradients(arch: str, act: str) -> None:
    net = build(arch, 64, 2, 4 if arch == "mnas" else 8, act, (8, 8))
    weights, x = _start(net, 1, 15, 64)
    J = _gradients(net, weights, x)
    exact = J @ J.T
    K = ntk(net, weights, x)
    scale = np.sqrt(np.outer(exact.diagonal(), exact.diagonal()))
    assert np.max(np.abs(K - exact) / scale) < 1e-6
    assert _error(ntk_cross(net, weights, x[:10], x[10:]), exact[:10, 10:]) < 1e-5
    # Any net can be differentiated sample by sample, also those that have a formula.
    general = np.empty((15, 15), dtype=np.float32)
    tensors = [torch.as_tensor(w) for w in weights]
    products = JacobianProducts(net, tensors, x, None, 1 << 30)
    fill(general, products, 2, NoProgress(), lambda: False)
    assert np.max(np.abs(general - exact) / scale) < 1e-6


@pytest.mark.parametrize("kind", [LayerProducts, JacobianProducts])
def test_tiles_cover_the_matrix(kind) -> None:
    weights, x = _start(MLP, 2, 1300, 12)
    tensors = [torch.as_tensor(w) for w in weights]
    J = _gradients(MLP, weights, x)
    # Room for four blocks of gradients only: strips of one block of rows.
    budget = 4 * 4 * 512 * J.shape[1]
    for others, exact in ((None, J @ J.T), (x[::-1][:700], J @ J[::-1][:700].T)):
        K = np.full(exact.shape, np.nan, dtype=np.float32)
        fill(K, kind(MLP, tensors, x, others, budget), 2, NoProgress(), lambda: False)
        assert _error(K, exact) < 1e-6
    with pytest.raises(InputError, match="lower P or the width"):
        next(JacobianProducts(MLP, tensors, x, None, budget - 1).jobs(map))


def test_the_kernel_is_symmetric_semi_definite_and_nested() -> None:
    # More samples than weights: many eigenvalues are 0 but for rounding.
    net = build("mlp", 12, 3, 8, "relu")
    weights, x = _start(net, 3, 1100, 12)
    K = ntk(net, weights, x)
    assert np.array_equal(K, K.T)
    values = np.linalg.eigvalsh(K.astype(np.float64))
    assert sum(w.size for w in weights) < 300
    assert abs(values[:800]).max() < 1e-6 * values[-1]
    for P in (1, 200, 512, 600):
        assert np.array_equal(ntk(net, weights, x[:P]), K[:P, :P])


def test_threads_of_torch_are_left_as_they_were() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        weights, x = _start(MLP, 4, 20, 12)
        ntk(MLP, weights, x)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


class _Notes(NoProgress):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.tiles = 0.0

    def advance(self, runs: int, cost: float) -> None:
        self.tiles += cost

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_a_kernel_on_disk_is_used_again_and_known_by_its_content(tmp_path) -> None:
    weights, x = _start(MLP, 5, 700, 12)
    watcher = _Notes()
    K = ntk(MLP, weights, x, folder=tmp_path, progress=watcher)
    assert isinstance(K, np.memmap)
    assert watcher.tiles == 4
    assert np.array_equal(K, ntk(MLP, weights, x))
    watcher = _Notes()
    assert np.array_equal(ntk(MLP, weights, x, folder=tmp_path, progress=watcher), K)
    assert watcher.tiles == 0
    other = build("mlp", 12, 2, 16, "gelu")
    for net, w, samples in ((MLP, weights, x[:600]), (other, weights, x), (MLP, weights[:1] + [
        1.001 * layer for layer in weights[1:]], x)):  # fmt: skip
        watcher = _Notes()
        ntk(net, w, samples, folder=tmp_path, progress=watcher)
        assert watcher.tiles == 4
    assert len(list(tmp_path.glob("ntk-*.npy"))) == 4
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("harm", ["entry", "truncated", "no seal", "bad seal", "no matrix"])
def test_damaged_and_partial_kernels_are_built_anew(harm: str, tmp_path) -> None:
    weights, x = _start(MLP, 6, 300, 12)
    K = np.array(ntk(MLP, weights, x, folder=tmp_path))
    (matrix,), (seal,) = tmp_path.glob("*.npy"), tmp_path.glob("*.json")
    content = bytearray(matrix.read_bytes())
    if harm == "entry":
        content[-5] ^= 1
        matrix.write_bytes(content)
    elif harm == "truncated":
        matrix.write_bytes(content[:-100])
    elif harm == "no seal":
        seal.unlink()
        matrix.write_bytes(content[:-100])
    elif harm == "bad seal":
        seal.write_text(json.dumps({"P": 300})[:-1])
    else:
        matrix.unlink()
    watcher = _Notes()
    assert np.array_equal(ntk(MLP, weights, x, folder=tmp_path, progress=watcher), K)
    assert watcher.tiles == 1
    assert len(watcher.notes) == (0 if harm == "no seal" else 1)
    assert all("is damaged" in note and "built anew" in note for note in watcher.notes)


def test_what_does_not_fit_is_said_before_any_work(tmp_path, monkeypatch) -> None:
    weights, x = _start(MLP, 7, 300, 12)
    with pytest.raises(InputError, match=r"P = 300 samples needs 352 KiB .* P up to 158 fits"):
        ntk(MLP, weights, x, budget=100_000)
    with pytest.raises(InputError, match="lower P or P_test"):
        ntk_cross(MLP, weights, x, x, budget=100_000)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("", (), {"free": 100_000}))
    with pytest.raises(InputError, match=r"on disk and 97.7 KiB are free .* P up to 158 fits"):
        ntk(MLP, weights, x, folder=tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="name a folder with --kernels"):
        ntk(MLP, weights, x, folder=tmp_path / "file")


def test_a_build_that_is_stopped_leaves_nothing(tmp_path) -> None:
    weights, x = _start(MLP, 8, 1100, 12)
    with pytest.raises(BuildStopped):
        ntk(MLP, weights, x, folder=tmp_path, stop=lambda: True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_is_said_before_a_page_is_touched(tmp_path, monkeypatch, code) -> None:
    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", full)
    x = np.random.default_rng(0).standard_normal((20, 5))
    net = build("mlp", 5, 1, 4, "relu")
    weights = net.draw(np.random.default_rng(1))
    with pytest.raises(InputError, match="name another folder for kernels"):
        ntk(net, weights, x, folder=tmp_path / "kernels", workers=1)
    assert list((tmp_path / "kernels").iterdir()) == []
    # A file system that knows nothing of it is no reason to give up.
    code = errno.EOPNOTSUPP
    K = ntk(net, weights, x, folder=str(tmp_path / "kernels"), workers=1)
    np.testing.assert_array_equal(K, ntk(net, weights, x, workers=1))
