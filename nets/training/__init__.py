"""Training of nets: many runs side by side, compiled or as one batched computation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypedDict, Unpack

from threadpoolctl import threadpool_limits

from nets.config import NetConfig
from nets.training.crews import run_lanes
from nets.training.device import resolve_device
from nets.training.engine import Control, Failure
from nets.training.lease import leased
from nets.training.plan import Plan
from nets.training.precision import exact
from nets.training.request import check_request, device_on
from nets.training.result import NetCheckpoints, NetResult
from nets.training.samples import draw_data

__all__ = [
    "Control",
    "Failure",
    "NetCheckpoints",
    "NetResult",
    "check_request",
    "device_on",
    "draw_data",
    "train",
    "train_each",
]


class How(TypedDict, total=False):
    """How nets are trained, apart from the device; ``train`` describes each."""

    engine: str
    data_dir: Path | None
    checkpoints: bool
    keep_weights: bool
    test_checkpoints: bool
    workers: int | None
    most: int | None


def train(
    configs: Iterable[NetConfig],
    device: str = "auto",
    *,
    keep_outputs: bool = False,
    **how: Unpack[How],
) -> list[NetResult]:
    """Train one net for each configuration until every training sample is fitted.

    Loss (1/alpha) relu(1 - alpha y (f - f_0)), SGD on batches of B distinct samples (the
    papers' loss; docs/nets.md). Results do not depend on what else is trained, but for rounding;
    with the compiled engine not even by that.

    Args:
        configs: what to run.
        device: "auto", "cpu" or "cuda".
        engine: "compiled" (dense nets on a CPU, one run per core), "ensemble" (any, one batched
            computation, anywhere) or "auto", the default: "compiled" where it can be.
        data_dir: folder to look for image data sets in first.
        checkpoints: whether to record the course of each run, gradient noise and NTK included;
            by default it is.
        test_checkpoints: whether the course has the test error; by default it has not.
        keep_weights: whether results hold the final weights; by default they do not.
        keep_outputs: whether results hold the outputs on the test set; by default they do not.
        workers: threads; default one per core of the CPU.
        most: largest number of replicas of an ensemble; by default as many as pay.

    Returns:
        Results in the order of ``configs``.

    Raises:
        InputError: as ``check_request``.
    """
    wanted = list(configs)
    once = list({config.key(): config for config in wanted}.values())
    check_request(
        *(once, device, how.get("data_dir")),
        engine=how.get("engine", "auto"),
        workers=how.get("workers"),
        checkpoints=how.get("checkpoints", True),
        test_checkpoints=how.get("test_checkpoints", False),
    )
    found: dict[str, NetResult] = {}
    for result in train_each(once, device, keep_outputs=keep_outputs, **how):
        if isinstance(result, Failure):
            raise result.error
        found[result.config.key()] = result
    return [found[config.key()] for config in wanted]


def train_each(
    configs: Sequence[NetConfig],
    device: str = "auto",
    *,
    control: Control | None = None,
    stored: Sequence[NetConfig] = (),
    keep_outputs: bool = False,
    **how: Unpack[How],
) -> Iterator[NetResult | Failure]:
    """Train as ``train`` and yield results as they end, a failure for a run that raises.

    Args:
        configs: different runs, as ``check_request`` allows it.
        control: how to stop, and where states of unfinished runs are saved.
        stored: runs of the same request that are done; a saved state may need them.
        device, keep_outputs, how: as in ``train``.

    Raises:
        DeviceLost: if the GPU fails for good; what has been yielded is all that ended.
    """
    steering = control or Control()
    idle = resolve_device(device)
    with (
        exact(),
        threadpool_limits(1, user_api="blas"),
        leased(idle, steering.tell, steering.given_up, steering.heartbeat) as where,
    ):
        if where is None:
            return
        wanted = {config.key() for config in configs}
        for lanes in Plan(where, steering, **how).groups(configs, stored):
            for result in run_lanes(lanes, steering):
                # Runs that are stored only kept company to a saved state.
                if result.config.key() not in wanted:
                    continue
                if isinstance(result, Failure) or keep_outputs:
                    yield result
                else:
                    yield replace(result, test_outputs=None)
