"""Nets in the limit alpha -> infinity: kernel machines of their own empirical kernel.

There f(w, x) - f(w_0, x) = df/dw(x).(w - w_0), so SGD needs nothing but the kernel (eqs. (1),
(2) of docs/lazy.md), and a run costs hundreds of times less than training the net.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import torch

from nets.config import NetConfig
from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel, build_kernel
from nets.lazy.run import run_lazy
from nets.ntk import check_kernel_memory
from nets.training.request import check_own_net
from nets.training.result import NetResult
from nets.training.samples import check_data
from perceptron_sim.progress import Progress
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.executors import Workers

__all__ = ["LazyConfig", "LazyKernel", "build_kernel", "check_request", "run_lazy", "simulate_lazy"]


def simulate_lazy(
    configs: Iterable[NetConfig],
    *,
    paired: bool = False,
    data_dir: Path | None = None,
    folder: Path | None = None,
    checkpoints: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[NetResult]:
    """Simulate the linearisation of each net until every training sample is fitted.

    Runs of a seed that differ in T, P, B, kappa alone share their initial weights and have
    nested data, hence one kernel, that of the largest P: they are not independent of each other,
    seeds are. Results do not depend on what else is simulated.

    Args:
        configs: what to run; ``dtype`` means nothing here.
        paired: take the batches of ``nets.training.train`` for the same configuration too, so that
            each run is the linearisation of that very training run. With independent streams data
            and weights are taken as well, and every run has a kernel of its own.
        data_dir: folder to look for image data sets in first.
        folder: where to keep kernels on disk; by default they are in memory.
        checkpoints: whether to record the course of each run.
        workers: threads that build a kernel; default one per core.
        progress: watcher of the kernels.

    Returns:
        Results in the order of ``configs``: ``dw``, ``test_error`` and the rest mean what they
        mean for trained nets; ``dw_layers`` is empty and ``noise_trace`` NaN.

    Raises:
        InputError: as ``check_request``.
    """
    wanted = [LazyConfig(config, paired) for config in configs]
    check_request(wanted, data_dir, folder)
    found: dict[str, NetResult] = {}
    for members in by_kernel({config.key(): config for config in wanted}.values()):
        kernel = build_kernel(
            members[0], data_dir, folder=folder, workers=workers, progress=progress
        )
        found |= {run.key(): run_lazy(kernel, run, checkpoints=checkpoints) for run in members}
        # It goes before the next one is built.
        del kernel
    return [found[config.key()] for config in wanted]


def by_kernel(configs: Iterable[LazyConfig]) -> Iterator[list[LazyConfig]]:
    """Yield the runs that share a kernel, largest P first."""
    ordered = sorted(configs, key=lambda c: (c.kernel_key(), -c.config.P, -c.config.T))
    for _, alike in groupby(ordered, key=LazyConfig.kernel_key):
        yield list(alike)


def check_request(
    configs: Iterable[LazyConfig],
    data_dir: Path | None = None,
    folder: Path | None = None,
    workers: Workers = None,
) -> None:
    """Refuse what cannot run, before any work; of a cluster, one worker is asked.

    Raises:
        InputError: on data that are absent, damaged or fewer than P and P_test, or kernels that
            do not fit into memory (unless they are kept on disk), or a registered net that has no
            kernel (``nets.architectures.trial.try_net``).
    """
    nets = [run.config for run in configs]
    sizes = list({(c.data, c.P, c.P_test, c.shared_seeds): c for c in nets}.values())
    kinds = list({(c.data, c.arch, c.depth, c.width, c.act, c.d): c for c in nets}.values())
    if isinstance(workers, Cluster) and nets:
        some = {c.key(): LazyConfig(c) for c in (*sizes, *kinds)}
        workers.call(check_request, list(some.values()), data_dir, folder)
        return
    for config in sizes:
        check_data(config, data_dir)
    for config in kinds:
        check_own_net(config, data_dir, torch.device("cpu"), "float64", by_sample=True)
    if nets and folder is None:
        check_kernel_memory(max(config.P for config in sizes))
