"""Arrays that users give, of any kind; results compared by value."""

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import nets
import perceptron_sim
from perceptron_sim import KernelMatrix, PerceptronConfig, simulate, simulate_kernel
from perceptron_sim.arrays import ByValue, real_array
from perceptron_sim.errors import InputError

Z = np.random.default_rng(5).standard_normal((40, 6))
Z[:, 0] = np.abs(Z[:, 0])
K = Z @ Z.T / 6
MASKED = np.ma.masked_array(Z, mask=Z > 1.5)


@pytest.mark.parametrize(
    "given",
    [
        Z.tolist(),
        pd.DataFrame(Z),
        pd.DataFrame(Z).astype("Float64"),
        np.asfortranarray(Z),
        np.ma.masked_array(Z),
        Z.astype(object),
        Z[::-1][::-1],
        torch.tensor(Z),
        torch.tensor(Z, requires_grad=True),
        torch.tensor(Z).to_sparse(),
    ],
)
def test_whatever_holds_the_numbers_is_taken(given):
    taken = real_array("x", given, ndim=2)
    assert taken.dtype == np.float64
    assert taken.flags.c_contiguous
    np.testing.assert_array_equal(taken, Z)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (MASKED, "masked"),
        (list(MASKED), "masked"),
        (torch.tensor(Z + 0j), "complex"),
        (Z + 0j, "complex"),
        (Z.astype(str), "not numbers"),
        (np.where(Z > 1, "a", Z.astype(object)), "not numbers"),
        ([[1.0, 2.0], [3.0]], "cannot be read"),
        (None, "not numbers"),
        (np.where(Z > 1, np.nan, Z), "not finite"),
        (np.full((2, 2), np.longdouble("1e4000")), "not finite"),
        (scipy.sparse.csr_matrix(Z), "toarray"),
        (scipy.sparse.coo_array(Z), "toarray"),
        (np.array(["2020-01-01"], "datetime64[D]"), "not numbers"),
        (pd.DataFrame(Z).astype("Float64").mask(Z > 1), "not numbers|not finite"),
        ([10**400], "cannot be read"),
        (Z[0], "dimension"),
    ],
)
def test_everything_else_is_refused_in_one_line(given, said):
    with pytest.raises(InputError, match=said) as refused:
        real_array("x", given, ndim=2)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("x ")


@pytest.mark.parametrize("data", [MASKED, Z + 1j, Z.astype(str), scipy.sparse.csr_matrix(Z)])
def test_simulate_refuses_data_that_are_no_real_numbers(data):
    with pytest.raises(InputError, match="data "):
        simulate(PerceptronConfig(d=6, P=40), data=data)


def test_a_list_is_data_as_an_array_is():
    config = PerceptronConfig(d=6, P=40)
    assert simulate(config, data=Z.tolist()) == simulate(config, data=Z)


BENT = K.copy()
BENT[3, 7] += 1.0
INDEFINITE = -K + 2.0 * np.diag(np.diag(K))
OVER = np.eye(40)
OVER[2, 1] = OVER[1, 2] = 1.5
LATE = np.eye(700)
LATE[650, 20] = 0.5


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (BENT, r"not symmetric: K\[3, 7\]"),
        (LATE, r"not symmetric: K\[20, 650\]"),
        (INDEFINITE, "least eigenvalue"),
        (1e200 * INDEFINITE, "least eigenvalue"),
        (1e-200 * INDEFINITE, "least eigenvalue"),
        (OVER, "larger than the root"),
        (-K, "negative diagonal"),
        (np.where(np.eye(40) > 0, np.inf, K), "not finite"),
        (np.where(K[3, 7] == K, np.nan, K), "not finite"),
        (K[:, :5], "square"),
        (np.ones(3), "square"),
        (np.ones((0, 0)), "square"),
        (K + 0j, "complex"),
        (np.ma.masked_array(K, mask=K > 2), "masked"),
        (scipy.sparse.csr_matrix(K), "toarray"),
    ],
)
def test_a_matrix_that_is_no_kernel_is_refused(matrix, said):
    with pytest.raises(InputError, match=said):
        KernelMatrix(matrix)


def test_rounding_does_not_make_a_kernel_unfit():
    half = (Z.astype(np.float32) @ Z.astype(np.float32).T).astype(np.float64)
    noise = np.random.default_rng(1).uniform(-1e-6, 1e-6, half.shape)
    KernelMatrix(half * (1 + noise))
    KernelMatrix(np.zeros((3, 3)))
    KernelMatrix(np.float16(np.eye(3)))
    KernelMatrix([[2, 1], [1, 2]])


def test_a_frame_or_a_list_is_a_kernel_as_an_array_is():
    how = {"B": 2, "T": 1.0, "kappa": 0.1, "seed": 3}
    whole = simulate_kernel(K, np.ones(40), **how)
    assert simulate_kernel(K.tolist(), [1] * 40, **how) == whole
    assert simulate_kernel(pd.DataFrame(K), pd.Series(np.ones(40)), **how) == whole


def test_an_indefinite_block_that_was_not_looked_at_ends_the_run():
    # Of 1,200 samples 512 are tried; the block of the three next to one another is not.
    some = set(np.linspace(0, 1199, 512).astype(int).tolist())
    i = next(i for i in range(1200) if not some & {i, i + 1, i + 3})
    bad = np.eye(1200)
    for m in (i, i + 1, i + 3):
        for n in (i, i + 1, i + 3):
            bad[m, n] = 1.0 if m == n else -0.9
    matrix = KernelMatrix(bad)
    with pytest.raises(InputError, match="squared norm"):
        simulate_kernel(matrix, np.ones(1200), B=1200, T=1.0, kappa=0.5, max_updates=50)


@pytest.mark.parametrize("bad", ["asymmetric", "negative", "masked", "short"])
def test_rows_of_a_function_are_held_to_the_same(bad):
    def row(i):
        if bad == "asymmetric":
            return K[i] * (1.0 + 0.5 * (i % 2))
        if bad == "negative":
            return -K[i]
        return np.ma.masked_array(K[i], mask=K[i] > 0) if bad == "masked" else K[i, :-1]

    with pytest.raises(InputError, match="K"):
        simulate_kernel(row, np.ones(40), B=4, T=0.01, kappa=0.1)


@pytest.mark.parametrize("labels", [["a"] * 40, [True] * 39 + [False], np.zeros(40), [1, 2] * 20])
def test_labels_are_plus_and_minus_one(labels):
    with pytest.raises(InputError, match="y "):
        simulate_kernel(K, labels)


@pytest.mark.parametrize("marks", [[3, 2], [-1], [1.5], ["a"], [[1]]])
def test_marks_are_ascending_steps(marks):
    with pytest.raises(InputError, match="marks"):
        simulate_kernel(K, np.ones(40), marks=marks)


def _results():
    config = PerceptronConfig(P=64, d=4)
    yield lambda: simulate(config)
    yield lambda: simulate(config).checkpoints
    yield lambda: simulate_kernel(K, np.ones(40), T=1.0, kappa=0.1)
    yield lambda: perceptron_sim.simulate_online([1.0, 10.0], replicas=2)
    yield lambda: perceptron_sim.theory.order_parameter_flow([1.0, 9.0], chi=1.0, d=16, B=2, T=1.0)


@pytest.mark.parametrize("make", list(_results()))
def test_results_are_compared_by_value(make):
    a, b = make(), make()
    assert a == b
    assert a in [b]
    assert hash(a) == hash(b)
    assert len({a, b}) == 1
    assert a == pickle.loads(pickle.dumps(a)) == copy.deepcopy(a)
    name = next(f.name for f in dataclasses.fields(a) if isinstance(getattr(a, f.name), np.ndarray))
    assert a != dataclasses.replace(a, **{name: getattr(a, name) + 1})
    assert a != 1


def test_nan_equals_nan():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Two(ByValue):
        x: float
        y: np.ndarray
        z: tuple[float, ...] = ()

    nan = float("nan")
    a, b = (Two(float("nan"), np.array([1.0, np.nan]), (float("nan"),)) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Two(nan, np.array([1.0, 2.0]), (nan,))
    assert a != Two(nan, np.array([1.0, np.nan], np.float32), (nan,))
    assert a != Two(1.0, a.y, a.z)


def _dataclasses():
    for package in (perceptron_sim, nets):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.endswith("__main__"):
                continue
            for kind in vars(importlib.import_module(module.name)).values():
                own = inspect.isclass(kind) and kind.__module__ == module.name
                if own and dataclasses.is_dataclass(kind):
                    yield kind


def test_no_dataclass_compares_arrays_as_if_they_were_numbers():
    wrong = []
    for kind in _dataclasses():
        types = " ".join(str(field.type) for field in dataclasses.fields(kind))
        # The comparison that dataclasses make is a function of the class itself.
        if kind.__dataclass_params__.frozen and kind.__dataclass_params__.eq:
            wrong += (
                [kind] if any(word in types for word in ("Array", "array", "DataFrame")) else []
            )
    # A plane holds a function of frames, not a frame.
    assert [kind.__qualname__ for kind in wrong] == ["Plane"]
