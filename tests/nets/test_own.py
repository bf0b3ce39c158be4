"""Nets and data of the user's own: what would make results depend on company is refused."""

import json

import numpy as np
import pytest
import torch

from cli.main import run as run_command
from nets import architectures, data
from nets.architectures.autograd import Autograd
from nets.architectures.trial import try_net
from nets.config import NetConfig
from nets.data import load_images
from nets.lazy import simulate_lazy
from nets.training import train
from perceptron_sim import InputError

_X = np.random.default_rng(0).standard_normal((300, 12))
_Y = np.sign(_X[:, 0] + 0.3 * _X[:, 1])

pytestmark = pytest.mark.usefixtures("forgotten")


class Plain(Autograd):
    """One hidden layer."""

    def __init__(self, d, depth, width, act, image):
        self.shapes = [(d, width), (width, 1)]
        self.flops, self.activations, self.width = d * width + width, d + 4 * width, width

    def hidden(self, w, x):
        return torch.bmm(x, w[0]) / x.shape[-1] ** 0.5

    def output(self, w, x):
        return torch.bmm(torch.relu(self.hidden(w, x)), w[1]).squeeze(-1) / self.width


def _net(**methods):
    return type("Own", (Plain,), methods)


def _carried(self, w, x):
    self.calls = getattr(self, "calls", 0) + 1
    return Plain.output(self, w, x) * (1.0 + 0.1 * self.calls)


def _normalised(self, w, x):
    norm = torch.nn.BatchNorm1d(self.width, affine=False, dtype=x.dtype, device=x.device)
    h = Plain.hidden(self, w, x)
    return norm(h.flatten(0, 1)).view_as(h)


def _in_place(self, w, x):
    return Plain.output(self, w, x.mul_(1.5))


def _weights_in_place(self, w, x):
    f = Plain.output(self, w, x)
    with torch.no_grad():
        w[1].data.mul_(1.5)
    return f


def _detached(self, w, x):
    return Plain.output(self, [w[0], w[1].detach()], x)


def _first_sample(self, w, x):
    f = Plain.output(self, w, x)
    return f - f[:, :1]


class _Mixed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f):
        return f.clone()

    @staticmethod
    def backward(ctx, g):
        return g.mean(0, keepdim=True).expand_as(g)


def _by_index(self, w, x):
    # No operation of vmap: a number of the host decides.
    return Plain.output(self, w, x) * (1.0 if float(x.detach().sum()) < np.inf else 2.0)


BAD = {
    "over the batch": (
        {"hidden": lambda self, w, x: (h := Plain.hidden(self, w, x)) - h.mean(1, keepdim=True)},
        "one of several samples of a batch depends on the others",
    ),
    "batch norm": ({"hidden": _normalised}, "such as batch normalisation in training mode"),
    "first sample": ({"output": _first_sample}, "samples of a batch depends on the others"),
    "over replicas": (
        {"output": lambda self, w, x: (f := Plain.output(self, w, x)) - 0.5 * f.mean(0)},
        "one of several replicas depends on the others",
    ),
    "gradient over replicas": (
        {"output": lambda self, w, x: _Mixed.apply(Plain.output(self, w, x))},
        "gradient for one of several replicas depends on the others",
    ),
    "inputs in place": ({"output": _in_place}, "changes its inputs x in place; work on a copy"),
    "weights in place": ({"output": _weights_in_place}, "changes the weights in place"),
    "dropout": (
        {"hidden": lambda self, w, x: torch.nn.functional.dropout(Plain.hidden(self, w, x), 0.5)},
        "two calls with the same weights and inputs differ; leave out dropout",
    ),
    "carried": ({"output": _carried}, "what is carried from call to call"),
    "column": (
        {"output": lambda self, w, x: Plain.output(self, w, x).unsqueeze(-1)},
        r"output has shape \(3, 5, 1\) .*return \(R, n\), here \(3, 5\), by squeeze\(-1\)",
    ),
    "squeezed": (
        {"output": lambda self, w, x: Plain.output(self, w, x).squeeze()},
        r"output has shape \(3,\) for 3 replicas of 1 samples",
    ),
    "no tensor": ({"output": lambda self, w, x: None}, "output has NoneType"),
    "other dtype": (
        {"output": lambda self, w, x: Plain.output(self, w, x).half()},
        "output has dtype torch.float16 for inputs of torch.float",
    ),
    "not finite": (
        {"output": lambda self, w, x: Plain.output(self, w, x).log()},
        "output is not finite",
    ),
    "unused weights": ({"output": _detached}, "the gradient of output by all weights raises"),
    "raises": ({"output": lambda self, w, x: w[7]}, "output raises IndexError"),
    "no vmap": ({"output": _by_index}, "the gradient of single samples"),
    "draw elsewhere": (
        {"draw": lambda self, rng: [np.random.default_rng().random(s) for s in self.shapes]},
        "draw does not depend on the stream it is given alone",
    ),
    "draw shapes": ({"draw": lambda self, rng: [np.zeros(3)]}, r"draw returns shapes \[\(3,\)\]"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("how", ["train", "lazy"])
def test_a_net_that_would_mislead_is_refused_before_any_run(case, how) -> None:
    methods, message = BAD[case]
    architectures.register("own", _net(**methods), depth=1, width=16)
    data.register("toy", lambda: (_X, _Y))
    configs = [NetConfig(data="toy", arch="own", P=32, P_test=8, B=8, seed=s) for s in range(2)]
    with pytest.raises(InputError, match=message) as refused:
        train(configs, "cpu", workers=1) if how == "train" else simulate_lazy(configs)
    text = str(refused.value)
    assert text.startswith("arch = 'own' cannot be used: ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shapes": None}, "shapes = None; give a list of tuples"),
        ({"shapes": [(3, 0)]}, r"shapes = \[\(3, 0\)\]"),
        ({"activations": 0}, "activations = 0; give an integer >= 1"),
        ({"flops": 1.5}, "flops = 1.5; give an integer >= 1"),
    ],
)
def test_what_is_planned_with_must_be_there(change, message) -> None:
    net = Plain(4, 1, 8, "relu", None)
    for name, value in change.items():
        setattr(net, name, value)
    with pytest.raises(InputError, match=message):
        try_net("own", net, 4, torch.float32, torch.device("cpu"), True)


def test_a_build_that_raises_is_one_line() -> None:
    architectures.register("own", lambda d: Plain(d, 1, 8, "relu", None))
    data.register("toy", lambda: (_X, _Y))
    with pytest.raises(InputError, match=r"'own' cannot be built for d = 12.*TypeError"):
        train([NetConfig(data="toy", arch="own", P=32, P_test=8)], "cpu")
    with pytest.raises(InputError, match="is not a function"):
        architectures.register("other", 3)
    with pytest.raises(InputError, match="is not a function"):
        data.register("other", (_X, _Y))


def test_without_a_course_no_gradients_of_single_samples_are_needed() -> None:
    architectures.register("own", _net(output=_by_index), depth=1, width=16)
    data.register("toy", lambda: (_X, _Y))
    config = NetConfig(data="toy", arch="own", P=32, P_test=8, B=8, T=2.0**-5)
    assert train([config], "cpu", checkpoints=False)[0].status == "fitted"
    command = ["nets", "scan", "--data", "toy", "--arch", "own", "-P", "32", "-B", "8", "--seeds"]
    with pytest.raises(InputError, match="gradient of single samples"):
        train([config], "cpu")
    assert run_command([*command, "1", "--dry-run", "--test-samples", "8"]) == 2
    more = ["1", "--dry-run", "--no-checkpoints", "--test-samples", "8"]
    assert run_command([*command, *more]) == 0


def test_a_trial_leaves_the_random_numbers_of_the_caller_alone() -> None:
    def noisy(self, w, x):
        torch.rand(3)
        return Plain.output(self, w, x)

    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    net = _net(output=noisy)(4, 1, 8, "relu", None)
    try_net("own", net, 4, torch.float32, torch.device("cpu"), False)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("arch", "act", "dtype"),
    [
        *(("mlp", act, dtype) for act in ("relu", "silu") for dtype in ("float32", "float64")),
        *(("linear", "relu", "float32"), ("cnn", "gelu", "float32"), ("cnn", "relu", "float64")),
        ("mnas", "gelu", "float32"),
    ],
)
def test_the_nets_that_are_built_in_pass_the_trial(arch, act, dtype) -> None:
    net = architectures.build(arch, 64, 2, 4, act, (8, 8))
    try_net(arch, net, 64, getattr(torch, dtype), torch.device("cpu"), True)


def _masked(values, mask):
    return np.ma.masked_array(values, mask=mask)


LOADERS = {
    "raises": (lambda: {}["x_train"], "its loader raises KeyError: 'x_train'"),
    "four": (lambda: (_X, _Y, _X, _Y), "its loader returns 4 values: allowed are two arrays"),
    "none": (lambda: None, "its loader returns NoneType"),
    "one array": (lambda: _X, "its loader returns ndarray"),
    "masked x": (lambda: (_masked(_X, _X > 2), _Y), "x has masked entries"),
    "masked rows": (lambda: (list(_masked(_X, _X > 2)), _Y), "x has masked entries"),
    "masked y": (lambda: (_X, _masked(_Y, _Y < 0)), "y has masked entries"),
    "complex x": (lambda: (_X + 1j, _Y), "x has complex entries"),
    "complex y": (lambda: (_X, _Y + 0j), "y has complex entries"),
    "complex tensor": (lambda: (torch.tensor(_X) * 1j, _Y), "x has complex entries"),
    "text": (lambda: (_X.astype(str), _Y), "not numbers|cannot be read"),
    "objects of text": (lambda: (_X.astype(str).astype(object), _Y), "not numbers|cannot be read"),
    "dates": (lambda: (np.zeros((300, 2), "M8[s]"), _Y), "not numbers|cannot be read"),
    "ragged": (lambda: ([[1.0], [1.0, 2.0]], [1, -1]), "not numbers|cannot be read"),
    "nothing known": (lambda: ([[1.0, None]], [1]), "not numbers|cannot be read"),
    "infinite": (lambda: (np.where(_X > 2, np.inf, _X), _Y), "not finite"),
    "alike": (lambda: (np.tile(_X[:1], (300, 1)), _Y), "all inputs are equal: nothing to learn"),
    "one class": (lambda: (_X, np.ones(300)), r"all labels are \+1: nothing to learn"),
    "logical labels": (lambda: (_X, _Y > 0), r"labels other than -1 and \+1"),
}


@pytest.mark.parametrize("case", LOADERS)
def test_a_loader_at_fault_is_named(case) -> None:
    load, message = LOADERS[case]
    data.register("mine", load)
    with pytest.raises(InputError, match=message) as refused:
        load_images("mine")
    assert str(refused.value).startswith("data mine: ")


def test_a_loader_at_fault_is_no_bug_of_the_command(tmp_path, capsys) -> None:
    data.register("mine", lambda: {}["x_train"])
    assert run_command(["nets", "scan", "--data", "mine", "--out", str(tmp_path / "out")]) == 2
    assert "loader raises KeyError" in capsys.readouterr().err


@pytest.mark.parametrize(
    "load",
    [
        lambda: (torch.tensor(_X, requires_grad=True), torch.tensor(_Y)),
        lambda: (torch.tensor(_X).to_sparse(), torch.tensor(_Y)),
        lambda: (_masked(_X, np.zeros_like(_X, dtype=bool)), _masked(_Y, False)),
        lambda: [_X.tolist(), _Y.tolist()],
        lambda: (_X.astype(object), _Y.astype(int)),
        lambda: (_X * 2.0**500, _Y),
        lambda: (_X * 2.0**-900, _Y),
    ],
    ids=["gradients", "sparse", "nothing masked", "lists", "objects", "large", "small"],
)
def test_whatever_holds_the_numbers_gives_the_same_data(load) -> None:
    data.register("plain", lambda: (_X, _Y))
    data.register("other", load)
    index = np.arange(40)
    assert np.array_equal(load_images("other").inputs(index), load_images("plain").inputs(index))


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((60, 28, 28)), np.arange(60) % 10, "data mnist: all values of x are 0"),
        (np.zeros((0, 28, 28)), np.zeros(0), "mnist.npz: x_train holds no image"),
    ],
)
def test_files_from_which_nothing_can_be_learnt_are_refused(
    images, labels, message, tmp_path, capsys
) -> None:
    part = images.astype(np.uint8), labels.astype(np.uint8)
    test = np.zeros((60, 28, 28), np.uint8), (np.arange(60) % 10).astype(np.uint8)
    np.savez(
        tmp_path / "mnist.npz", x_train=part[0], y_train=part[1], x_test=test[0], y_test=test[1]
    )
    command = ["nets", "lazy", "--data", "mnist", "--data-dir", str(tmp_path), "-P", "16"]
    assert run_command([*command, "--seeds", "1", "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("engine", ["compiled", "ensemble", "resident"])
@pytest.mark.parametrize(
    "scales",
    [
        {"kappa": 1e-50},
        {"kappa": 1e-42},
        {"alpha": 1e-42},
        {"T": 1e-45},
        {"T": 1e35},
        {"eta": 1e-44},
    ],
    ids=json.dumps,
)
def test_scales_beyond_single_precision_are_refused(scales, engine) -> None:
    config = NetConfig(depth=2, width=16, P=64, P_test=0, **scales)
    with pytest.raises(InputError, match="out of range for dtype = 'float32': allowed is 1e-30 <="):
        train([config], "cpu", engine=engine)


def test_double_precision_holds_small_scales() -> None:
    net = {"arch": "linear", "P": 64, "P_test": 0, "dtype": "float64"}
    small = train([NetConfig(**net, T=2.0**-164, kappa=2.0**-166)], "cpu")[0]
    assert small.status == "fitted"
    assert small.dw > 0
