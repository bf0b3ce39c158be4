"""Where an ensemble runs, in which precision, and how many replicas at once."""

import math

import torch

from nets.architectures.base import Architecture
from nets.choices import check_choice
from nets.config import NetConfig
from perceptron_sim.errors import InputError
from perceptron_sim.experiments.memory import available_bytes

DEVICES = ("auto", "cpu", "cuda")
# Weights of one round should stay in a core's caches: 32 replicas of 0.66 MB train 1.4 times
# slower than eight. Small nets are bound by the cost of a call, so many go together.
_CPU_WEIGHT_BYTES = 4 << 20
_MOST_ON_CPU = 64
_MOST_ON_CUDA = 1024
# Share of the free memory that an ensemble may plan with.
_SHARE = 0.5


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
    weights = item * sum(map(math.prod, architecture.shapes))
    # Samples as they are drawn (float64) and as they are used, weights twice, one evaluation.
    unit = (8 + item) * (P + P_test) * d + 2 * weights
    if device.type == "cuda":
        free, most = torch.cuda.mem_get_info(device)[0], _MOST_ON_CUDA
    else:
        free, most = available_bytes(), min(_MOST_ON_CPU, max(1, _CPU_WEIGHT_BYTES // weights))
    fits = int(_SHARE * free / unit / lanes)
    if fits < 1:
        raise InputError(
            f"a run at P = {P}, P_test = {P_test}, d = {d} needs about {unit / 1e9:.3g} GB and "
            f"{free / 1e9:.3g} GB are free: lower P, P_test or the width"
        )
    return min(len(configs), fits, most)
