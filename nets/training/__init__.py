"""Training of nets: many runs as one batched computation."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path

import torch

from nets.architectures import build
from nets.config import NetConfig
from nets.data import check_size, load_images
from nets.data.names import PERCEPTRON
from nets.training.device import capacity, exact_products, one_thread, resolve_device
from nets.training.ensemble import Ensemble
from nets.training.replicas import Replicas, draw_data
from nets.training.result import NetCheckpoints, NetResult
from perceptron_sim.errors import InputError

__all__ = ["NetCheckpoints", "NetResult", "check_request", "train", "train_each"]


def train(
    configs: Iterable[NetConfig],
    device: str = "auto",
    *,
    data_dir: Path | None = None,
    checkpoints: bool = True,
    keep_weights: bool = False,
    most: int | None = None,
) -> list[NetResult]:
    """Train one net for each configuration until every training sample is fitted.

    Loss (1/alpha) relu(1 - alpha y (f - f_0)), SGD on batches of B distinct samples (THEORY
    section 7). Results do not depend on what else is trained, but for rounding.

    Args:
        configs: what to run; runs alike in shape are trained together.
        device: "auto", "cpu" or "cuda".
        data_dir: folder to look for image data sets in first.
        checkpoints: whether to record the course of each run.
        keep_weights: whether results hold the final weights.
        most: largest number of replicas trained together; by default as many as pay.

    Returns:
        Results in the order of ``configs``.

    Raises:
        InputError: as ``check_request``.
    """
    wanted = list(configs)
    found: dict[str, NetResult] = {}
    for result in train_each(
        list({config.key(): config for config in wanted}.values()),
        device,
        data_dir=data_dir,
        checkpoints=checkpoints,
        keep_weights=keep_weights,
        most=most,
    ):
        found[result.config.key()] = result
    return [found[config.key()] for config in wanted]


def train_each(
    configs: list[NetConfig],
    device: str = "auto",
    *,
    data_dir: Path | None = None,
    checkpoints: bool = True,
    keep_weights: bool = False,
    most: int | None = None,
    draining: Callable[[], bool] = lambda: False,
    aborted: Callable[[], bool] = lambda: False,
    heartbeat: Callable[[], None] = lambda: None,
) -> Iterator[NetResult]:
    """Train as ``train`` and yield results as they end.

    Args:
        configs: what to run, no two alike.
        device, data_dir, checkpoints, keep_weights, most: as in ``train``.
        draining: asked between steps; once true, no new run is started.
        aborted: asked between steps; once true, all runs are dropped.
        heartbeat: called between steps.
    """
    check_request(configs, device, data_dir)
    exact_products()
    where = resolve_device(device)
    for _, alike in groupby(sorted(configs, key=_shape), key=_shape):
        # Longest first, so that an ensemble does not end on one long run.
        waiting = sorted(alike, key=lambda c: (c.P, c.T), reverse=True)
        ensemble = _ensemble(waiting, where, data_dir, checkpoints, keep_weights, most)
        replicas = ensemble.replicas
        while not aborted():
            with one_thread(where):
                while waiting and len(replicas.alive) < replicas.capacity and not draining():
                    config = waiting.pop(0)
                    images = (
                        None if config.data == PERCEPTRON else load_images(config.data, data_dir)
                    )
                    ensemble.admit(config, draw_data(config, images))
                ended = list(ensemble.round()) if replicas.alive else None
            if ended is None:
                break
            yield from ended
            heartbeat()


def check_request(
    configs: Iterable[NetConfig], device: str = "auto", data_dir: Path | None = None
) -> None:
    """Refuse what cannot run, before any work.

    Raises:
        InputError: on an unknown or absent device, data that are absent, damaged or smaller
            than P + P_test.
    """
    resolve_device(device)
    for config in {(c.data, c.P, c.P_test): c for c in configs}.values():
        if config.data != PERCEPTRON:
            check_size(load_images(config.data, data_dir), config.P, config.P_test)


def _shape(config: NetConfig) -> tuple[object, ...]:
    """Return what runs must share to be trained together."""
    return (
        *(config.arch, config.depth, config.width, config.act, config.B, config.dtype),
        *(config.data, config.d or 0),
    )


def _ensemble(
    configs: list[NetConfig],
    device: torch.device,
    data_dir: Path | None,
    checkpoints: bool,
    keep_weights: bool,
    most: int | None,
) -> Ensemble:
    """Return an empty ensemble for runs alike in shape."""
    one = configs[0]
    d = one.d if one.d is not None else load_images(one.data, data_dir).d
    architecture = build(one.arch, d, one.depth, one.width, one.act)
    room = capacity(architecture, configs, d, device)
    if most is not None:
        if most < 1:
            raise InputError(f"most = {most}: allowed is an integer >= 1")
        room = min(room, most)
    dtype = torch.float32 if one.dtype == "float32" else torch.float64
    P = max(config.P for config in configs)
    replicas = Replicas(architecture, room, P, d, one.B, dtype, device)
    return Ensemble(replicas, checkpoints, keep_weights)
