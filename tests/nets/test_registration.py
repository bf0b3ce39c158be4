"""Architectures and data sets of the user's own: registered by one call, used like ours."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from cli.main import run
from nets import architectures, data
from nets.architectures.autograd import Autograd
from nets.config import NetConfig
from nets.data import draw_subsets, load_images
from nets.data.digits import load_digits
from nets.lazy import simulate_lazy
from nets.training import train
from perceptron_sim import InputError

pytestmark = pytest.mark.usefixtures("forgotten")


class Quadratic(Autograd):
    """f = sum_k (x.w_k)^2 / (d h)."""

    def __init__(self, d: int, depth: int, width: int, act: str, image) -> None:
        self.shapes = [(d, width)]
        self.flops = d * width
        self.activations = d + 4 * width
        self.seen = (d, depth, width, act, image)
        self._scale = 1.0 / (d * width)

    def output(self, weights: list[torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.bmm(x, weights[0]).square().sum(-1) * self._scale


def _saddle() -> tuple[np.ndarray, np.ndarray]:
    """Samples of y = sign(x_1 x_2), which a quadratic net can fit, with a gap at the boundary."""
    x = np.random.default_rng(0).standard_normal((800, 4))
    x = x[np.abs(x[:, 0] * x[:, 1]) > 0.3]
    return x, np.sign(x[:, 0] * x[:, 1])


def test_a_registered_net_trains_and_linearises_on_registered_data() -> None:
    architectures.register("quadratic", Quadratic, depth=1, width=8)
    data.register("saddle", _saddle)
    configs = [
        NetConfig(
            data="saddle", arch="quadratic", P=64, P_test=64, B=4, T=2**-7, seed=s, max_steps=10**4
        )
        for s in range(3)
    ]
    assert (configs[0].depth, configs[0].width, configs[0].act) == (1, 8, "relu")
    ends = [*train(configs, "cpu", workers=1), *simulate_lazy(configs, workers=1)]
    assert [end.status for end in ends] == ["fitted"] * 6
    # By chance the error would be 0.5 +- 0.06.
    assert max(end.test_error for end in ends) < 0.2
    assert architectures.build("quadratic", 6, 1, 8, "relu").seen == (6, 1, 8, "relu", None)


def test_registered_data_are_normalised_and_drawn_like_ours() -> None:
    digits = load_digits()
    data.register("mine", lambda: (digits.pixels.reshape(-1, 8, 8), digits.y))
    mine = load_images("mine")
    assert (mine.shape, mine.d, len(mine)) == ((8, 8), 64, 1797)
    one = draw_subsets(mine, 100, 50, np.random.default_rng(1))
    other = draw_subsets(digits, 100, 50, np.random.default_rng(1))
    assert np.allclose(one.x, other.x, atol=1e-12)
    assert np.array_equal(one.y_test, other.y_test)


def test_registered_names_serve_the_command_line(tmp_path: Path, capsys) -> None:
    architectures.register("quadratic", Quadratic, depth=1, width=8)
    data.register("saddle", _saddle)
    grid = ["-P", "32,64", "-B", "4", "-T", "2^-7", "--seeds", "3", "--test-samples", "64"]
    out = tmp_path / "out"
    command = ["nets", "scan", "--data", "saddle", "--arch", "quadratic", *grid, "--out", str(out)]
    assert run(command) == 0
    rows = json.loads((out / "summary.json").read_text())["exponents"]
    assert {(row["data"], row["arch"], row["d"]) for row in rows} == {("saddle", "quadratic", 4)}
    capsys.readouterr()
    assert run(["nets", "scan", "--data", "sadle", "--out", str(out)]) == 2
    assert "did you mean 'saddle'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mlp", "linear", "quadratic"])
def test_a_taken_architecture_is_refused(name: str) -> None:
    architectures.register("quadratic", Quadratic)
    with pytest.raises(InputError, match=f"arch = '{name}' is taken: choose another name"):
        architectures.register(name, Quadratic)


@pytest.mark.parametrize("name", ["mnist", "perceptron", "saddle"])
def test_a_taken_data_set_is_refused(name: str) -> None:
    data.register("saddle", _saddle)
    with pytest.raises(InputError, match=f"data = '{name}' is taken: choose another name"):
        data.register(name, _saddle)


@pytest.mark.parametrize("name", ["", "../x", "a b", "$x$", "x" * 61])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a name: allowed are letters"):
        architectures.register(name, Quadratic)
    with pytest.raises(InputError, match="is not a name: allowed are letters"):
        data.register(name, _saddle)


def test_defaults_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="width = 0 is too small"):
        architectures.register("quadratic", Quadratic, width=0)


def test_nets_that_read_images_refuse_other_data() -> None:
    architectures.register("local", Quadratic, reads_images=True)
    data.register("saddle", _saddle)
    with pytest.raises(InputError, match="'local' reads images and data = 'perceptron' are none"):
        NetConfig(data="perceptron", arch="local")
    for arch in ("local", "cnn"):
        with pytest.raises(InputError, match=f"'{arch}' reads images: give their shape"):
            train([NetConfig(data="saddle", arch=arch, P=32, P_test=32)], "cpu")


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones(4), np.ones(4), r"x has shape \(4,\): allowed is \(N, d\)"),
        (np.eye(4), np.ones(3), r"y has shape \(3,\): allowed is \(4,\)"),
        (np.eye(4), np.arange(4), r"labels other than -1 and \+1"),
        (np.full((4, 2), np.nan), np.ones(4), "not finite"),
        (np.ones((4, 2)), np.ones(4), "all values of x are 1: nothing to learn"),
        ([["a"]], [1], "not numbers|cannot be read"),
        (np.ones((0, 3)), np.ones(0), r"x has shape \(0, 3\)"),
    ],
)
def test_what_is_no_data_set_is_refused(x, y, message: str) -> None:
    data.register("mine", lambda: (x, y))
    with pytest.raises(InputError, match=message):
        load_images("mine")


def test_more_samples_than_there_are_is_refused() -> None:
    data.register("saddle", _saddle)
    with pytest.raises(InputError, match=r"700 is more than the \d+ training samples of saddle"):
        train([NetConfig(data="saddle", P=700, P_test=64)], "cpu")
