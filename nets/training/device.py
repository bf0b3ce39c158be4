"""Where an ensemble runs, in which precision, and how many replicas at once."""

import math

import torch

from nets.architectures.base import Architecture
from nets.choices import check_choice
from nets.config import NetConfig
from nets.training.probe import PROBE
from perceptron_sim.errors import InputError
from perceptron_sim.experiments.memory import available_bytes, format_bytes

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
# Share of it that activations beyond one step may take.
_ROUND_SHARE = 0.25


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


def exact_products() -> None:
    """Turn TF32 and bfloat16 products off: f - f_0 is 1e-4 of f at alpha = 2^15."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")


def free_bytes(device: torch.device) -> int:
    """Return the memory free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_bytes()


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


def capacity(
    architecture: Architecture,
    configs: list[NetConfig],
    d: int,
    device: torch.device,
    lanes: int,
) -> int:
    """Return how many replicas train at once, so that memory suffices and caches are used.

    Args:
        architecture: of all ``configs``.
        configs: what waits to be trained, alike in shape.
        d: input dimension.
        device: where.
        lanes: ensembles that share it.

    Raises:
        InputError: if not even one replica fits into memory.
    """
    item = 4 if configs[0].dtype == "float32" else 8
    P = max(c.P for c in configs)
    P_test = max(c.P_test for c in configs)
    B = max(c.B for c in configs)
    weights = item * sum(map(math.prod, architecture.shapes))
    # Activations of one step; longer rounds have a budget of their own.
    floats = architecture.activations
    step = item * floats * B
    # Samples as they are drawn (float64) and as they are used, weights and their gradient.
    unit = (8 + item) * (P + P_test) * d + 3 * weights + step
    free = free_bytes(device)
    # Gradients sample by sample of one probe set, four times, and activations on their way;
    # nets with ``factors`` need none of this.
    probe = 0 if hasattr(architecture, "factors") else PROBE * (4 * weights + 3 * item * floats)
    if device.type == "cuda":
        most = _MOST_ON_CUDA
    else:
        cached = min(_CPU_WEIGHT_BYTES // weights, _CPU_STEP_BYTES // step)
        most = min(_MOST_ON_CPU, max(1, cached))
    fits = int((_SHARE * free / lanes - probe) / unit)
    if fits < 1:
        needed = lanes * (unit + probe) / _SHARE
        raise InputError(
            f"{lanes} at once of runs at P = {P}, P_test = {P_test}, B = {B}, d = {d} need about "
            f"{format_bytes(needed)} and {format_bytes(free)} are free: lower P, P_test, B or the "
            "width, or use fewer --workers"
        )
    return min(len(configs), fits, most)
