"""Data sets with two classes, most of them images, and disjoint subsets of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from perceptron_sim.arrays import ByValue, FloatArray, IntArray
from perceptron_sim.errors import InputError
from perceptron_sim.runs.identity import stream_of

_BLOCK = 4096


def moments_of(pixels: NDArray[np.uint8] | FloatArray) -> tuple[float, float]:
    """Return mean and standard deviation of all pixels (N, n); of uint8 exactly rounded."""
    if pixels.dtype != np.uint8:
        return float(np.mean(pixels)), float(np.std(pixels))
    # In blocks, because NumPy counts in a copy of eight bytes a pixel.
    counts = np.zeros(256)
    for i in range(0, len(pixels), _BLOCK):
        counts += np.bincount(pixels[i : i + _BLOCK].reshape(-1), minlength=256)
    values = np.arange(256.0)
    mean = float(counts @ values / counts.sum())
    return mean, float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))


@dataclass(frozen=True, eq=False)
class ImageData(ByValue):
    """A data set of N images of d pixels, kept as stored, normalised where it is read.

    Attributes:
        name: data set.
        pixels: values as stored, shape (N, d), uint8 or float64; channels last within an image.
        y: labels -1 or +1, shape (N,), int8.
        shape: of one image: (height, width) or (height, width, channels); (d,) if it is none.
        n_train: images of its own training part, which come first; None if it has no test part.
    """

    name: str
    pixels: NDArray[np.uint8] | FloatArray
    y: NDArray[np.int8]
    shape: tuple[int, ...]
    n_train: int | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.y)

    @property
    def d(self) -> int:
        """Number of pixels (and channels) of an image."""
        return int(self.pixels.shape[1])

    @cached_property
    def moments(self) -> tuple[float, float]:
        """Mean and standard deviation of all pixels of all images."""
        return moments_of(self.pixels)

    @cached_property
    def parts(self) -> tuple[IntArray, IntArray]:
        """Indices of the images for training and of those for tests, the same for all seeds.

        Without a test part of its own: a third of the set, taken at random once and for all.
        """
        N, n_train = len(self), self.n_train
        if n_train is not None and n_train < N:
            return np.arange(n_train), np.arange(n_train, N)
        order = stream_of({"purpose": "test part", "data": self.name}).permutation(N)
        return order[n_test_of(N) :], order[: n_test_of(N)]

    def test_part(self, n: int, dtype: str) -> tuple[FloatArray, FloatArray]:
        """Return the first n test images with their labels; all runs share these arrays."""
        if (n, dtype) not in self._tests:
            index = self.parts[1][:n]
            x = self.inputs(index).astype(dtype)
            self._tests[n, dtype] = x, self.y[index].astype(np.float64)
        return self._tests[n, dtype]

    @cached_property
    def _tests(self) -> dict[tuple[int, str], tuple[FloatArray, FloatArray]]:
        return {}

    def inputs(self, index: IntArray) -> FloatArray:
        """Return images ``index`` shifted and scaled to mean 0, variance 1 over the data set.

        One mean and one variance for all pixels (docs/nets.md). Shape (len(index), d).
        """
        mean, deviation = self.moments
        return (self.pixels[index].astype(np.float64) - mean) / deviation

    def subsets(self, train: IntArray, test: IntArray) -> "Subsets":
        """Return the images ``train`` and ``test`` with their labels."""
        y = self.y.astype(np.float64)
        return Subsets(x=self.inputs(train), y=y[train], x_test=self.inputs(test), y_test=y[test])


@dataclass(frozen=True, eq=False)
class Subsets(ByValue):
    """What one run trains and is tested on.

    Attributes:
        x, y: training inputs (P, d) and labels (P,), float64.
        x_test, y_test: the same for the test, (P_test, d) and (P_test,); inputs that runs share
            have the precision of the run.
    """

    x: FloatArray
    y: FloatArray
    x_test: FloatArray
    y_test: FloatArray


def n_test_of(N: int) -> int:
    """Return how many of N samples make the test part of a set that has none of its own."""
    return N // 3


def check_contrast(data: ImageData) -> None:
    """Refuse data from which nothing can be learnt.

    Raises:
        InputError: if all inputs are equal, or all labels.
    """
    blocks = (data.pixels[i : i + _BLOCK] for i in range(0, len(data), _BLOCK))
    if not any(np.any(block != data.pixels[0]) for block in blocks):
        values = np.unique(data.pixels[:1])
        what = f"all values of x are {values[0]:g}" if values.size == 1 else "all inputs are equal"
        raise InputError(f"data {data.name}: {what}: nothing to learn")
    if np.all(data.y == data.y[0]):
        raise InputError(
            f"data {data.name}: all labels are {data.y[0]:+d}: nothing to learn; give both classes"
        )


def check_size(data: ImageData, P: int, P_test: int) -> None:
    """Refuse subsets larger than the data.

    Raises:
        InputError: if P + P_test > N.
    """
    if P + P_test > len(data):
        raise InputError(
            f"P + P_test = {P} + {P_test} is more than the {len(data)} "
            f"{'images' if len(data.shape) > 1 else 'samples'} of {data.name}: "
            "lower P or P_test"
        )


def check_parts(data: ImageData, P: int, P_test: int) -> None:
    """Refuse subsets larger than the parts for training and for tests.

    Raises:
        InputError: naming the part.
    """
    what = "images" if len(data.shape) > 1 else "samples"
    for name, n, part, kind in zip(
        ("P", "P_test"), (P, P_test), data.parts, ("training", "test"), strict=True
    ):
        if n > len(part):
            raise InputError(
                f"{name} = {n} is more than the {len(part)} {kind} {what} of {data.name} "
                f"({len(data)} in all): lower {name}"
            )


def draw_indices(
    data: ImageData, P: int, P_test: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Draw disjoint training and test subsets, uniformly and without repetition.

    Returns:
        Their indices, shapes (P,) and (P_test,).

    Raises:
        InputError: if P + P_test > N.
    """
    check_size(data, P, P_test)
    train, test = np.split(rng.permutation(len(data))[: P + P_test], [P])
    return train, test


def draw_subsets(data: ImageData, P: int, P_test: int, rng: np.random.Generator) -> Subsets:
    """Draw as ``draw_indices`` and return the samples."""
    return data.subsets(*draw_indices(data, P, P_test, rng))
