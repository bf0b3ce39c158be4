"""The kernel of a seed: data, initial weights, and the products of their gradients."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nets.data import PERCEPTRON, Subsets, draw_nested, load_images
from nets.lazy.config import LazyConfig
from nets.ntk import ntk, ntk_cross
from nets.training.plan import net_of
from nets.training.samples import draw_data
from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.kernel_matrix import KernelMatrix
from perceptron_sim.progress import Progress


@dataclass(frozen=True, eq=False)
class LazyKernel:
    """All that the lazy runs of a seed need; runs at smaller P use the leading samples.

    Attributes:
        matrix: between training samples, (P_max, P_max).
        y: training labels, shape (P_max,).
        cross: between training and test samples, (P_max, P_test), float32.
        y_test: test labels, shape (P_test,).
        d: input dimension.
        w0_layers: ||w_0|| of each layer.
    """

    matrix: KernelMatrix
    y: FloatArray
    cross: NDArray[np.float32]
    y_test: FloatArray
    d: int
    w0_layers: list[float]


def build_kernel(
    run: LazyConfig,
    data_dir: Path | None = None,
    *,
    folder: Path | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> LazyKernel:
    """Draw data and weights and compute the kernels.

    Args:
        run: of the runs that need the kernel, one with the largest P.
        data_dir: folder to look for image data sets in first.
        folder, workers, progress, stop: as in ``nets.ntk.ntk``.

    Raises:
        InputError: if the kernel does not fit into memory, or data are absent.
        BuildStopped: once ``stop()`` is true.
    """
    config = run.config
    data = _data(run, data_dir)
    x, x_test = data.x, data.x_test
    net = net_of(config, data_dir)
    weights = net.draw(run.stream("weights"))
    if run.paired and config.dtype == "float32":
        # The start as training has it: a rounded sign can open or close a relu.
        x, x_test = (part.astype(np.float32).astype(np.float64) for part in (x, x_test))
        weights = [w.astype(np.float32).astype(np.float64) for w in weights]
    K = ntk(net, weights, x, folder=folder, workers=workers, progress=progress, stop=stop)
    cross = ntk_cross(net, weights, x, x_test, workers=workers, progress=progress, stop=stop)
    return LazyKernel(
        matrix=KernelMatrix(K),
        y=data.y,
        cross=cross,
        y_test=data.y_test,
        d=x.shape[1],
        w0_layers=[float(np.linalg.norm(w)) for w in weights],
    )


def _data(run: LazyConfig, data_dir: Path | None) -> Subsets:
    """Draw training and test samples; of runs that share seeds P begin any larger set of a seed."""
    config = run.config
    if run.paired or config.shared_seeds:
        return draw_data(config, data_dir, "float64")
    if config.data == PERCEPTRON:
        assert config.d is not None
        assert config.chi is not None
        # The test set first, so that it does not depend on P.
        n = config.P_test
        x, y = draw_nested(n + config.P, config.d, config.chi, run.stream("data"))
        return Subsets(x=x[n:], y=y[n:], x_test=x[:n], y_test=y[:n])
    images = load_images(config.data, data_dir)
    chosen = run.stream("data").permutation(len(images))
    test, train = np.split(chosen[: config.P_test + config.P], [config.P_test])
    return images.subsets(train, test)
