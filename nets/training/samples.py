"""The samples of a run: those of its seed for training, the test set that all seeds share."""

from functools import lru_cache
from pathlib import Path

from nets.config import NetConfig
from nets.data import (
    PERCEPTRON,
    ImageData,
    Subsets,
    check_parts,
    check_size,
    draw_indices,
    draw_nested,
    draw_teacher_data,
    load_images,
)
from perceptron_sim.arrays import FloatArray, IntArray
from perceptron_sim.runs.identity import stream_of


def draw_data(config: NetConfig, data_dir: Path | None = None, dtype: str | None = None) -> Subsets:
    """Return the training and test samples of a configuration.

    The P training samples of a seed are the first of one order of all that there are, so a smaller
    set is a part of a larger one. The test set is that of the data, the same for all seeds. With
    independent streams both are drawn for each run.

    Args:
        config: of the run.
        data_dir: folder to look for image data sets in first.
        dtype: of test inputs that runs share; by default that of the run.

    Raises:
        InputError: if there are fewer samples than asked for.
    """
    rng, P, n, d, chi = config.stream("data"), config.P, config.P_test, config.d, config.chi
    dtype = dtype or config.dtype
    if config.data != PERCEPTRON:
        images = load_images(config.data, data_dir)
        train, test = chosen(config, images)
        if not config.shared_seeds:
            return images.subsets(train, test)
        y = images.y[train].astype("float64")
        return Subsets(images.inputs(train), y, *images.test_part(n, dtype))
    assert d is not None
    assert chi is not None
    if not config.shared_seeds:
        return draw_teacher_data(P, n, d, chi, rng)
    return Subsets(*draw_nested(P, d, chi, rng), *_teacher_test(n, d, chi, dtype))


def chosen(config: NetConfig, images: ImageData) -> tuple[IntArray, IntArray]:
    """Return which images a run is trained and tested on, shapes (P,) and (P_test,).

    Raises:
        InputError: if there are fewer than asked for.
    """
    rng, P, n = config.stream("data"), config.P, config.P_test
    if not config.shared_seeds:
        return draw_indices(images, P, n, rng)
    check_parts(images, P, n)
    return rng.permutation(images.parts[0])[:P], images.parts[1][:n]


def check_data(config: NetConfig, data_dir: Path | None) -> None:
    """Refuse a run on images that are absent, damaged or too few, with InputError."""
    if config.data != PERCEPTRON:
        check = check_parts if config.shared_seeds else check_size
        check(load_images(config.data, data_dir), config.P, config.P_test)


@lru_cache(maxsize=4)
def _teacher_test(n: int, d: int, chi: float, dtype: str) -> tuple[FloatArray, FloatArray]:
    """Return the test set of teacher data: inputs (n, d) and labels (n,)."""
    x, y = draw_nested(n, d, chi, stream_of({"purpose": "test part", "chi": chi, "d": d}))
    return x.astype(dtype), y
