"""What is refused before nets are trained or linearised: in one line, before any work."""

from collections.abc import Iterable
from pathlib import Path

import torch

from nets.architectures import build, kind_of
from nets.architectures.trial import try_net
from nets.config import NetConfig, check_range
from nets.training.compiled import run_bytes
from nets.training.device import capacity, resolve_device
from nets.training.plan import ON_DEVICE, inputs_of, is_compiled, net_of, shape_of
from nets.training.precision import exact
from nets.training.samples import check_data
from perceptron_sim import parameters
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.executors import Workers, default_workers

ENGINES = ("auto", "compiled", "ensemble")

# Nets of the user's own that were tried, with what they were registered with.
_tried: dict[tuple[object, ...], object] = {}


def check_request(
    configs: Iterable[NetConfig],
    device: str = "auto",
    data_dir: Path | None = None,
    *,
    engine: str = "auto",
    workers: Workers = None,
    checkpoints: bool = True,
    test_checkpoints: bool = False,
) -> None:
    """Refuse what cannot run, before any work; of a cluster, one worker is asked.

    Args:
        configs, device, data_dir, engine, workers, checkpoints, test_checkpoints: as in
            ``nets.training.train``.

    Raises:
        InputError: on an unknown or absent device, an engine that cannot train a run, data that
            are absent, damaged or fewer than P and P_test, runs that do not fit into memory, T or
            kappa beyond what their precision holds, or a registered net that cannot be trained
            (``nets.architectures.trial.try_net``).
    """
    configs = list(configs)
    if test_checkpoints and not (checkpoints and all(config.P_test for config in configs)):
        raise InputError(
            "test_checkpoints means the test error at checkpoints: allow checkpoints and P_test > 0"
        )
    for config in configs:
        check_range(config)
    one_a_size = list({_size(c): c for c in configs}.values())
    if isinstance(workers, Cluster):
        where = device_on(workers, device)
        options = {"engine": engine, "workers": 1, "checkpoints": checkpoints}
        workers.call(check_request, one_a_size, where, data_dir, **options)
        return
    place = resolve_device(device)
    if engine != ON_DEVICE:
        check_choice("engine", engine, ENGINES)
    if workers is not None:
        parameters.integer("workers", workers, 1, "a thread does the work")
    at_once = min(len(configs), workers or default_workers())
    for config in one_a_size:
        check_data(config, data_dir)
        check_own_net(config, data_dir, place, config.dtype, by_sample=checkpoints)
        d, _ = inputs_of(config, data_dir)
        if is_compiled(config, place, engine):
            check_memory(run_bytes(config, d), f"a run at P = {config.P}, d = {d}", at_once)
        elif engine == "compiled":
            raise InputError(
                f"engine = 'compiled' cannot train arch = {config.arch!r} on {place.type}: it is "
                "for mlp and linear on a CPU; choose 'auto'"
            )
        else:
            net = net_of(config, data_dir)
            capacity(net, [config], d, place, at_once if place.type == "cpu" else 1)


def check_own_net(
    config: NetConfig, data_dir: Path | None, device: torch.device, dtype: str, by_sample: bool
) -> None:
    """Try the net that ``config`` names, if it is a registered one, once in this process.

    Args:
        config: what is to run.
        data_dir: folder to look for image data sets in first.
        device, dtype: where, and in which numbers.
        by_sample: whether gradients sample by sample are needed.

    Raises:
        InputError: as ``nets.architectures.trial.try_net``.
    """
    what = kind_of(config.arch).build
    if isinstance(what, str):
        return
    d, image = inputs_of(config, data_dir)
    shape = (d, config.depth, config.width, config.act, image)
    asked = (config.arch, *shape, dtype, device.type, by_sample)
    if _tried.get(asked) is not what:
        net = build(config.arch, *shape)
        each = by_sample and not hasattr(net, "factors")
        with exact():
            try_net(config.arch, net, d, getattr(torch, dtype), device, each)
        _tried[asked] = what


def device_on(cluster: Cluster, device: str) -> str:
    """Return the device that ``device`` means to workers: "auto" takes GPUs that they offer.

    A worker that offers none would share its GPU with all others of its host.
    """
    if device != "auto":
        return device
    return "cuda" if cluster.gpu else "cpu"


def _size(config: NetConfig) -> tuple[object, ...]:
    """Return what the memory of a run depends on."""
    return (*shape_of(config), config.P, config.P_test, config.shared_seeds)
