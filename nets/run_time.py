"""What runs of nets cost before they are done: fitted laws; only estimates and orders rest on them.

In the noise-dominated regime training takes a number of steps that depends on P/B alone (claim 3 of
docs/theory.md: t* ~ T P^b); colder runs take more, by the logarithm of kappa/T. Fitted to 5,300
runs of mlps on digits, MNIST and CIFAR-10 (P 64..16384, B 4 and 16, L 1..5, h 32..128, alpha 2^-10
to 2^15), on one core of a server. A single run is off by a factor e^1, one standard deviation.
"""

import math
from collections.abc import Iterable
from pathlib import Path

import torch

from nets.config import NetConfig
from nets.lazy.config import LazyConfig
from nets.training.compiled import run_bytes
from nets.training.device import resolve_device
from nets.training.plan import inputs_of, is_compiled
from perceptron_sim.scans.run_time import Estimate, total

# Steps: prefactor, exponents of P/B and of 1 + ln(1 + kappa/T).
_STEPS = (5.9, 1.2, 0.82)
# Seconds a run, a step, and for each weight a sample of a step and a sample of all (checkpoints).
_RUN_S, _STEP_S, _FLOW_S, _COURSE_S = 0.011, 1.4e-6, 8.5e-11, 1.3e-10
# One standard deviation of ln (measured / estimated).
ERROR = 1.0
# Inputs of a net on images, where only the order of runs and the time left are asked for.
PIXELS = 784
# Linearised nets: seconds per P^2 of a run, of the least run, and per P^2 and (d + 2 h L) of a
# kernel.
_LAZY_S, _LEAST_S, _KERNEL_S = 5e-10, 2e-4, 2.2e-11


def _weights(config: NetConfig, d: int) -> int:
    return config.width * (d + config.width * max(0, config.depth - 1))


def net_seconds(config: NetConfig, d: int) -> float:
    """Return the estimated time of training a dense net on one core, in seconds.

    Args:
        config: the run. Other architectures are given the law of a dense net of their depth and
            width, good for their order only.
        d: dimension of its inputs.
    """
    prefactor, on_samples, on_margin = _STEPS
    cold = 1.0 + math.log1p(config.kappa / config.T)
    wanted = prefactor * math.pow(config.P / config.B, on_samples) * math.pow(cold, on_margin)
    steps = min(wanted, float(config.max_steps))
    a_step = _STEP_S + _FLOW_S * config.B * _weights(config, d)
    return _RUN_S + _COURSE_S * (config.P + config.P_test) * _weights(config, d) + steps * a_step


def lazy_seconds(run: LazyConfig) -> float:
    """Return the estimated time of a linearised run on one core, without its kernel, in seconds."""
    return _LEAST_S + _LAZY_S * float(run.config.P) ** 2


def kernel_seconds(run: LazyConfig, d: int) -> float:
    """Return the estimated time of one core for the kernel of a run, in seconds."""
    net = run.config
    return _KERNEL_S * float(net.P) ** 2 * (d + 2 * net.width * net.depth)


def estimate_nets(
    configs: Iterable[NetConfig],
    stored: set[str],
    device: str = "auto",
    engine: str = "auto",
    data_dir: Path | None = None,
) -> Estimate:
    """Return what is left to train beside the keys ``stored``.

    Args:
        configs, device, engine, data_dir: as in ``nets.training.train``.
        stored: keys of runs that are done.

    Returns:
        The estimate; its times are None unless every run is one of the compiled loop, which alone
        was measured.
    """
    rest = {config.key(): config for config in configs}
    left = [config for key, config in rest.items() if key not in stored]
    # A driver of a cluster may have no GPU of its own.
    where = torch.device("cuda") if device == "cuda" else resolve_device(device)
    measured = all(is_compiled(config, where, engine) for config in left)
    costs = []
    for config in left:
        d = inputs_of(config, data_dir)[0]
        costs.append((net_seconds(config, d), run_bytes(config, d)))
    return total(len(rest), costs, ERROR if measured else None)


def estimate_lazy(
    configs: Iterable[LazyConfig], stored: set[str], data_dir: Path | None = None
) -> Estimate:
    """Return what is left to simulate beside the keys ``stored``; arguments as in ``scan_lazy``.

    A kernel, its time and its 4 P^2 bytes, is counted to its largest run.
    """
    rest = {run.key(): run for run in configs}
    left = {key: run for key, run in rest.items() if key not in stored}
    costs = {key: (lazy_seconds(run), 0) for key, run in left.items()}
    # The largest P of each kernel.
    kernels = {run.kernel_key(): run for run in sorted(left.values(), key=lambda r: r.config.P)}
    for run in kernels.values():
        extra = kernel_seconds(run, inputs_of(run.config, data_dir)[0])
        costs[run.key()] = (lazy_seconds(run) + extra, 4 * run.config.P**2)
    return total(len(rest), list(costs.values()), ERROR)
