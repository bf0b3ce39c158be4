"""Training of nets: many runs side by side, compiled or as one batched computation."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from nets.architectures import build
from nets.config import NetConfig, check_range
from nets.data import check_size, load_images
from nets.data.names import PERCEPTRON
from nets.training.compiled import run_bytes
from nets.training.device import capacity, resolve_device
from nets.training.lanes import Control, Failure, run_lanes
from nets.training.lease import leased
from nets.training.own import check_own_nets
from nets.training.plan import Plan, draw_data, inputs_of, is_compiled
from nets.training.precision import exact
from nets.training.result import NetCheckpoints, NetResult
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.scans.cluster import Cluster
from perceptron_sim.scans.executors import Workers, default_workers

__all__ = [
    "Control",
    "Failure",
    "NetCheckpoints",
    "NetResult",
    "check_request",
    "draw_data",
    "train",
    "train_each",
]

ENGINES = ("auto", "compiled", "ensemble", "resident")


def train(
    configs: Iterable[NetConfig],
    device: str = "auto",
    *,
    engine: str = "auto",
    data_dir: Path | None = None,
    checkpoints: bool = True,
    keep_weights: bool = False,
    workers: int | None = None,
    most: int | None = None,
) -> list[NetResult]:
    """Train one net for each configuration until every training sample is fitted.

    Loss (1/alpha) relu(1 - alpha y (f - f_0)), SGD on batches of B distinct samples (the
    papers' loss; docs/nets.md). Results do not depend on what else is trained, but for rounding;
    with the compiled engine not even by that.

    Args:
        configs: what to run.
        device: "auto", "cpu" or "cuda".
        engine: "compiled" (dense nets on a CPU, one run a core), "ensemble" (any, one batched
            computation), "resident" (the same without a word to the host in between, for GPUs)
            or "auto": "resident" on CUDA, else "compiled" where it can be.
        data_dir: folder to look for image data sets in first.
        checkpoints: whether to record the course of each run, gradient noise and NTK included.
        keep_weights: whether results hold the final weights.
        workers: threads; default one a core of the CPU.
        most: largest number of replicas of an ensemble; by default as many as pay.

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
        engine=engine,
        data_dir=data_dir,
        checkpoints=checkpoints,
        keep_weights=keep_weights,
        workers=workers,
        most=most,
    ):
        if isinstance(result, Failure):
            raise result.error
        found[result.config.key()] = result
    return [found[config.key()] for config in wanted]


def train_each(
    configs: Sequence[NetConfig],
    device: str = "auto",
    *,
    engine: str = "auto",
    data_dir: Path | None = None,
    checkpoints: bool = True,
    keep_weights: bool = False,
    workers: int | None = None,
    most: int | None = None,
    control: Control | None = None,
    stored: Sequence[NetConfig] = (),
) -> Iterator[NetResult | Failure]:
    """Train as ``train`` and yield results as they end, a failure for a run that raises.

    Args:
        configs: what to run, no two alike.
        device, engine, data_dir, checkpoints, keep_weights, workers, most: as in ``train``.
        control: how to stop, and where states of unfinished runs are saved.
        stored: runs of the same request that are done; a saved state may need them.

    Raises:
        InputError: as ``check_request``.
        DeviceLost: if the GPU fails for good; what has been yielded is all that ended.
    """
    check_request(
        *(configs, device, data_dir), engine=engine, workers=workers, checkpoints=checkpoints
    )
    steering = control or Control()
    idle = resolve_device(device)
    with (
        exact(),
        threadpool_limits(1, user_api="blas"),
        leased(idle, steering.tell, steering.given_up, steering.heartbeat) as where,
    ):
        if where is None:
            return
        plan = Plan(
            device=where,
            engine=engine,
            data_dir=data_dir,
            checkpoints=checkpoints,
            keep_weights=keep_weights,
            workers=workers or default_workers(),
            most=most,
            stop=steering.stop,
            note=steering.tell,
        )
        states = {}
        wanted = {config.key() for config in configs}
        if steering.snapshots is not None:
            states = steering.snapshots.load(wanted | {c.key() for c in stored})
        for lanes in plan.groups(configs, stored, states, steering.refuse):
            for result in run_lanes(lanes, steering):
                # Runs that are stored only kept company to a saved state.
                if result.config.key() in wanted:
                    yield result


def check_request(
    configs: Iterable[NetConfig],
    device: str = "auto",
    data_dir: Path | None = None,
    *,
    engine: str = "auto",
    workers: Workers = None,
    checkpoints: bool = True,
) -> None:
    """Refuse what cannot run, before any work; of a cluster, one worker is asked.

    Args:
        configs, device, data_dir, engine, workers, checkpoints: as in ``train``.

    Raises:
        InputError: on an unknown or absent device, an engine that cannot train a run, data that
            are absent, damaged or smaller than P + P_test, runs that do not fit into memory, T or
            kappa beyond what their precision holds, or a registered net that cannot be trained
            (``nets.architectures.trial.try_net``).
    """
    configs = list(configs)
    for config in configs:
        check_range(config)
    if isinstance(workers, Cluster):
        one_a_size = list({_size(c): c for c in configs}.values())
        workers.call(
            check_request,
            *(one_a_size, device_on(workers, device), data_dir),
            engine=engine,
            workers=1,
            checkpoints=checkpoints,
        )
        return
    where = resolve_device(device)
    check_choice("engine", engine, ENGINES)
    if workers is not None and workers < 1:
        raise InputError(f"workers = {workers}: allowed is an integer >= 1")
    at_once = min(len(configs), workers or default_workers())
    for config in {_size(c): c for c in configs}.values():
        if config.data != PERCEPTRON:
            check_size(load_images(config.data, data_dir), config.P, config.P_test)
        check_own_nets([config], data_dir, where, by_sample=checkpoints)
        d, image = inputs_of(config, data_dir)
        if is_compiled(config, where, engine):
            check_memory(run_bytes(config, d), f"a run at P = {config.P}, d = {d}", at_once)
        elif engine == "compiled":
            raise InputError(
                f"engine = 'compiled' cannot train arch = {config.arch!r} on {where.type}: it is "
                "for mlp and linear on a CPU; choose 'auto'"
            )
        else:
            net = build(config.arch, d, config.depth, config.width, config.act, image)
            capacity(net, [config], d, where, at_once if where.type == "cpu" else 1)


def device_on(cluster: Cluster, device: str) -> str:
    """Return the device that ``device`` means to workers: "auto" takes GPUs that they offer.

    A worker that offers none would share its GPU with all others of its host.
    """
    if device != "auto":
        return device
    return "cuda" if cluster.gpu else "cpu"


def _size(config: NetConfig) -> tuple[object, ...]:
    """Return what the memory of a run depends on."""
    return (
        *(config.data, config.d, config.P, config.P_test, config.B),
        *(config.arch, config.depth, config.width, config.act, config.dtype),
    )
