"""Nets of the user's own are tried once before they are trained or linearised."""

from collections.abc import Iterable
from pathlib import Path

import torch

from nets.architectures import build, registered
from nets.architectures.trial import try_net
from nets.config import NetConfig
from nets.training.plan import inputs_of
from nets.training.precision import exact

# What was tried, with what it was registered with.
_tried: dict[tuple[object, ...], object] = {}


def check_own_nets(
    configs: Iterable[NetConfig],
    data_dir: Path | None,
    device: torch.device,
    *,
    by_sample: bool,
    dtype: str | None = None,
) -> None:
    """Try each registered net that ``configs`` name, once in this process.

    Args:
        configs: what is to run.
        data_dir: folder to look for image data sets in first.
        device: where.
        by_sample: whether gradients sample by sample are needed.
        dtype: of the numbers, if it is not that of the configurations.

    Raises:
        InputError: as ``nets.architectures.trial.try_net``.
    """
    for config in configs:
        what = registered(config.arch)
        if what is None:
            continue
        d, image = inputs_of(config, data_dir)
        shape = (d, config.depth, config.width, config.act, image)
        kind = getattr(torch, dtype or config.dtype)
        asked = (config.arch, *shape, kind, device.type, by_sample)
        if _tried.get(asked) is what:
            continue
        net = build(config.arch, *shape)
        with exact():
            try_net(config.arch, net, d, kind, device, by_sample and not hasattr(net, "factors"))
        _tried[asked] = what
