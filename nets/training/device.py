"""Where an ensemble runs, how many replicas at once, and what a failure of a device means."""

import gc
import math
import re
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import torch

from nets.architectures.base import Architecture
from nets.config import NetConfig
from nets.training.probe import PROBE
from perceptron_sim.choices import check_choice
from perceptron_sim.errors import InputError, reason_of
from perceptron_sim.runs.memory import available_bytes, format_bytes

DEVICES = ("auto", "cpu", "cuda")
# Weights of one round should stay in a core's caches: 32 replicas of 0.66 MB train 1.4 times
# slower than eight. Small nets are bound by the cost of a call, so many go together.
_CPU_WEIGHT_BYTES = 4 << 20
# So should activations of one step: convolutional nets train up to twice slower beyond it.
_CPU_STEP_BYTES = 16 << 20
# Activations of rows that go through a net together beyond one step.
_CPU_ROUND_BYTES = 128 << 20
_CUDA_ROUND_BYTES = 1 << 30
_MOST_ON_CPU = 64
_MOST_ON_CUDA = 1024
# Share of the free memory that an ensemble may plan with.
_SHARE = 0.5
# Share of it that a saved ensemble may take, which had its share when it was planned.
_RESUMED_SHARE = 0.9
# Share of it that activations beyond one step may take.
_ROUND_SHARE = 0.25
_NO_MEMORY = re.compile("out of memory|can't allocate memory|ALLOC_FAILED", re.IGNORECASE)
# Errors after which every call of CUDA fails.
_STICKY = re.compile(
    "CUDA error: .*(illegal|assert|misaligned|launch failure|timed out|ECC|stack error|"
    "invalid program counter|invalid address|lost|hardware)",
    re.IGNORECASE,
)


def resolve_device(device: str) -> torch.device:
    """Return the device that ``device`` stands for; "auto" is CUDA where there is one.

    Raises:
        InputError: if the name is unknown or CUDA is asked for and absent.
    """
    check_choice("device", device, DEVICES)
    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise InputError("device = 'cuda': no CUDA device is there; choose 'cpu' or 'auto'")
    return torch.device("cuda" if has_cuda and device != "cpu" else "cpu")


def free_bytes(device: torch.device) -> int:
    """Return the memory free on a device."""
    if device.type == "cuda":
        # What PyTorch keeps for later is free as well.
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0] + kept)
    return available_bytes()


def release(error: BaseException | None = None) -> None:
    """Let go of tensors that nobody wants any more: those that a traceback holds, and a cache.

    Args:
        error: what happened; its frames forget their variables, and keep their lines.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
    gc.collect()
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        with suppress(RuntimeError):
            torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory was what lacked, on a device or here."""
    return isinstance(error, MemoryError | torch.cuda.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None
    )


def is_lost(error: BaseException, device: torch.device) -> bool:
    """Tell whether a device does nothing more in this process after an error."""
    if isinstance(error, RuntimeError) and _STICKY.search(str(error)):
        return True
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as after:
        return not is_out_of_memory(after)
    return False


class DeviceLost(OSError):
    """A device does nothing more in this process; another process may use it."""

    def __init__(self, error: BaseException) -> None:
        """Say what error it was."""
        super().__init__(
            f"the GPU fails for good in this process ({reason_of(error)}): what ended is stored; "
            "repeat the command to go on"
        )


def rows_together(
    architecture: Architecture, dtype: torch.dtype, device: torch.device, lanes: int
) -> int:
    """Return how many samples, over all replicas, may go through a net together; at least one.

    Args:
        architecture: of the net.
        dtype: of its numbers.
        device: where.
        lanes: ensembles that share it.
    """
    budget = _CUDA_ROUND_BYTES if device.type == "cuda" else _CPU_ROUND_BYTES
    budget = min(budget, int(_ROUND_SHARE * free_bytes(device) / lanes))
    return max(1, int(budget / (dtype.itemsize * architecture.activations)))


class Room(NamedTuple):
    """How large an ensemble is; its numbers depend on the first and the last, by rounding.

    Attributes:
        capacity: replicas at once.
        P: samples of the largest.
        together: as in ``Replicas``.
    """

    capacity: int
    P: int
    together: int


def capacity(
    architecture: Architecture,
    configs: Sequence[NetConfig],
    d: int,
    device: torch.device,
    lanes: int,
) -> int:
    """Return how many replicas train at once, so that memory suffices and caches are used.

    Args:
        architecture: of all ``configs``.
        configs: what waits to be trained, of one shape.
        d: input dimension.
        device: where.
        lanes: ensembles that share it.

    Raises:
        InputError: if not even one replica fits into memory.
    """
    need = _Need(architecture, configs, d)
    free = free_bytes(device)
    if device.type == "cuda":
        most = _MOST_ON_CUDA
    else:
        cached = min(_CPU_WEIGHT_BYTES // need.weights, _CPU_STEP_BYTES // need.step)
        most = min(_MOST_ON_CPU, max(1, cached))
    fits = int((_SHARE * free / lanes - need.probe) / need.unit)
    if fits < 1:
        needed = lanes * (need.unit + need.probe) / _SHARE
        raise InputError(
            f"{lanes} at once of runs at P = {need.P}, P_test = {need.P_test}, B = {need.B}, "
            f"d = {d} need about {format_bytes(needed)} and {format_bytes(free)} are free: lower "
            "P, P_test, B or the width, or use fewer --workers"
        )
    return min(len(configs), fits, most)


def check_room(
    room: Room,
    architecture: Architecture,
    configs: Sequence[NetConfig],
    d: int,
    device: torch.device,
    lanes: int,
) -> None:
    """Refuse to take up a saved ensemble; arguments as in ``capacity``.

    Raises:
        InputError: if it does not fit into memory, or is too small for its runs.
    """
    need = _Need(architecture, configs, d)
    if room.capacity < 1 or room.together < 1 or room.P < need.P:
        raise InputError("it has no room for its runs")
    needed, free = room.capacity * need.unit + need.probe, free_bytes(device)
    if needed > _RESUMED_SHARE * free / lanes:
        raise InputError(f"it needs {format_bytes(needed)} and {format_bytes(free)} are free")


class _Need:
    """Bytes that an ensemble of runs of one shape needs.

    Attributes:
        P, P_test, B: the largest of all runs.
        weights: of one replica.
        step: activations of one step of it; longer rounds have a budget of their own.
        unit: all that one replica needs.
        probe: what is needed once: by a probe and by the test set that runs share.
    """

    def __init__(self, architecture: Architecture, configs: Sequence[NetConfig], d: int) -> None:
        item = 4 if configs[0].dtype == "float32" else 8
        self.P = max(c.P for c in configs)
        self.P_test = max(c.P_test for c in configs)
        self.B = max(c.B for c in configs)
        self.weights = item * sum(map(math.prod, architecture.shapes))
        floats = architecture.activations
        self.step = item * floats * self.B
        # Samples as they are drawn (float64) and as they are used, weights and their gradient.
        own_test = max(0 if c.shared_seeds else c.P_test for c in configs)
        self.unit = (8 + item) * (self.P + own_test) * d + 3 * self.weights + self.step
        # Gradients sample by sample of one probe set, four times, and activations on their way;
        # nets with ``factors`` need none of this.
        by_sample = PROBE * (4 * self.weights + 3 * item * floats)
        self.probe = 0 if hasattr(architecture, "factors") else by_sample
        self.probe += item * self.P_test * d
