"""Data sets for nets: labels, normalisation, subsets, and what is said of bad files."""

from pathlib import Path

import numpy as np
import pytest

from nets.data import check_name, draw_subsets, draw_teacher_data, load_images
from nets.data.archives import load_mnist
from perceptron_sim import InputError
from perceptron_sim.kernels.sampler import abs_x1_cdf


def _arrays(n: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (n, 28, 28)).astype(np.uint8),
        "y_train": (np.arange(n) % 10).astype(np.uint8),
        "x_test": rng.integers(0, 256, (10, 28, 28)).astype(np.uint8),
        "y_test": np.arange(10).astype(np.uint8),
    }


def test_digits_are_normalised_over_the_whole_set_and_labelled_by_parity() -> None:
    data = load_images("digits")
    assert (len(data), data.d, data.shape) == (1797, 64, (8, 8))
    x = data.inputs(np.arange(len(data)))
    assert x.mean() == pytest.approx(0.0, abs=1e-12)
    assert x.var() == pytest.approx(1.0, abs=1e-12)
    from sklearn.datasets import load_digits

    assert np.array_equal(data.y == 1, load_digits().target % 2 == 0)


def test_subsets_are_disjoint_and_drawn_by_seed() -> None:
    data = load_images("digits")
    drawn = [draw_subsets(data, 1000, 797, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert np.array_equal(drawn[0].x, drawn[1].x)
    assert not np.array_equal(drawn[0].x, drawn[2].x)
    # Together the two parts are the whole data set, each image once.
    together = np.vstack([drawn[0].x, drawn[0].x_test])
    whole = data.inputs(np.arange(len(data)))
    assert np.array_equal(np.sort(together.sum(1)), np.sort(whole.sum(1)))
    with pytest.raises(InputError, match=r"1000 \+ 798 is more than the 1797 images of digits"):
        draw_subsets(data, 1000, 798, np.random.default_rng(0))


def test_teacher_data_have_the_density_and_labels_of_the_perceptron() -> None:
    drawn = draw_teacher_data(20000, 100, 3, 1.0, np.random.default_rng(0))
    assert np.array_equal(np.sign(drawn.x[:, 0]), drawn.y)
    assert abs(drawn.y.mean()) < 5 / np.sqrt(20000)
    ranks = np.sort(abs_x1_cdf(np.abs(drawn.x[:, 0]), 1.0))
    gap = np.max(np.abs(ranks - np.arange(20000) / 20000))
    # Kolmogorov: exceeded with probability 2 exp(-2 n gap^2) = 2e-7.
    assert gap < np.sqrt(8.0 / 20000)
    assert drawn.x_test.shape == (100, 3)


def test_archives_are_read_from_the_folder_given(tmp_path: Path) -> None:
    arrays = _arrays()
    np.savez(tmp_path / "mnist.npz", **arrays)
    data = load_mnist(tmp_path)
    assert len(data) == 50
    assert np.array_equal(data.y[:4], [1, -1, 1, -1])
    assert np.array_equal(data.pixels[:40], arrays["x_train"].reshape(40, 784))


def _spoil(path: Path, how: str) -> None:
    arrays = _arrays()
    if how == "shape":
        arrays["x_train"] = arrays["x_train"][:, :27]
    elif how == "dtype":
        arrays["x_test"] = arrays["x_test"].astype(np.float32)
    elif how == "length":
        arrays["y_train"] = arrays["y_train"][:-1]
    elif how == "label":
        arrays["y_test"] = arrays["y_test"] + np.uint8(1)
    elif how == "pickle":
        arrays["y_test"] = np.array([{}] * 10, dtype=object)
    elif how == "key":
        del arrays["x_test"]
    np.savez_compressed(path, **arrays)
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "flipped":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    elif how == "text":
        path.write_text("not found\n")
    elif how == "empty":
        path.write_bytes(b"")


@pytest.mark.parametrize(
    "how",
    [
        *("shape", "dtype", "length", "label", "pickle", "key"),
        *("truncated", "flipped", "text", "empty"),
    ],
)
def test_a_bad_archive_is_one_line_with_a_remedy(how: str, tmp_path: Path) -> None:
    _spoil(tmp_path / "mnist.npz", how)
    with pytest.raises(InputError, match="replace it by a fresh copy") as caught:
        load_mnist(tmp_path)
    assert "\n" not in str(caught.value)
    assert "mnist.npz" in str(caught.value)


@pytest.mark.usefixtures("no_data")
def test_an_absent_data_set_names_the_remedy() -> None:
    with pytest.raises(
        InputError, match=r"nets fetch mnist', put mnist.npz into .* --data-dir or \$"
    ):
        load_mnist(None)


def test_an_unknown_data_set_gets_the_near_match() -> None:
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        check_name("cifar")
