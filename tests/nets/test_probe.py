"""Gradient noise and change of the NTK against gradients by autograd, sample by sample."""

import numpy as np
import pytest
import torch

from nets.architectures import DENSE, KINDS, build
from nets.training.course import Look
from nets.training.probe import PROBE, Probe

KAPPA = 0.01
pytestmark = pytest.mark.usefixtures("one_thread")


def _net(name: str):
    if name == "linear":
        return build(name, 64, 0, 1, "none")
    return build(name, 64, 2, 2 if name == "mnas" else 6, "gelu", (8, 8))


@pytest.mark.parametrize("name", KINDS)
def test_noise_and_kernel_are_those_of_single_gradients(name: str) -> None:
    rng = np.random.default_rng(3)
    net = _net(name)
    start = [torch.from_numpy(w[None]) for w in net.draw(rng)]
    x = torch.from_numpy(rng.standard_normal((PROBE + 30, 64)))
    y = np.where(rng.random(len(x)) < 0.5, -1.0, 1.0)
    f0 = net.forward(start, x[None])[0][0].numpy()
    parts = x[None, :PROBE], torch.from_numpy(y[None, :PROBE]), torch.from_numpy(f0[None, :PROBE])
    probe = Probe(*parts, torch.tensor([KAPPA]), torch.tensor([len(x)]))
    kernel_at_start = probe.kernel(net, start)
    # Far enough for some samples to be fitted; averages over an image move less.
    step = 0.05 if name in DENSE else 0.3
    moved = [w + step * torch.from_numpy(rng.standard_normal(w.shape)) for w in start]

    def gradients(weights: list[torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Return those of the outputs and of the losses, which are slopes times them."""
        rows, slopes = [], []
        for i in range(PROBE):
            leaves = [w.clone().requires_grad_() for w in weights]
            if hasattr(net, "output"):
                f = net.output(leaves, x[None, i : i + 1])[0, 0]
            else:
                f = net.forward(leaves, x[None, i : i + 1])[0][0, 0]
            parts = torch.autograd.grad(f, leaves)
            rows.append(np.concatenate([part.numpy().ravel() for part in parts]))
            slopes.append(-y[i] * (y[i] * (f.item() - f0[i]) < KAPPA))
        return np.array(rows), np.array(slopes)[:, None] * rows

    of_start = gradients(start)
    initial, _ = of_start
    for weights, (jacobian, single) in ((start, of_start), (moved, gradients(moved))):
        look = Look(*probe.look(net, weights, kernel_at_start)[0].tolist())
        assert look.noise_trace == pytest.approx(np.trace(np.cov(single.T)), rel=1e-9)
        kernel, before = jacobian @ jacobian.T, initial @ initial.T
        change = np.linalg.norm(kernel - before) / np.linalg.norm(before)
        assert look.ntk_change == pytest.approx(change, rel=1e-9, abs=1e-12)
    fitted = np.mean(y[:PROBE] * (net.forward(moved, x[None])[0][0].numpy() - f0)[:PROBE] >= KAPPA)
    assert 0.05 < fitted < 0.95
    assert name in DENSE or not hasattr(net, "factors")


def test_a_probe_of_one_sample_has_no_covariance() -> None:
    net = build("linear", 4, 0, 1, "none")
    weights = [torch.zeros((1, 4, 1))]
    # The other place holds what is no sample of this run.
    x = torch.tensor([[[1.0] * 4, [9.0] * 4]])
    probe = Probe(x, torch.ones(1, 2), torch.zeros(1, 2), torch.tensor([KAPPA]), torch.tensor([1]))
    look = Look(*probe.look(net, weights, probe.kernel(net, weights))[0].tolist())
    assert np.isnan(look.noise_trace)
    assert look.ntk_change == 0.0
