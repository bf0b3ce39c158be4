"""What runs of nets cost before they are done: fitted laws; only estimates and orders rest on them.

In the noise-dominated regime training takes a number of steps that depends on P/B alone (claim 3 of
docs/theory.md: t* ~ T P^b); colder runs take more, by the logarithm of kappa/T. Fitted to 5,300
runs of mlps on digits, MNIST and CIFAR-10 (P 64..16384, B 4 and 16, L 1..5, h 32..128, alpha 2^-10
to 2^15), on one core of a server. A single run is off by a factor e^1, one standard deviation.
"""

import math

from nets.architectures import DENSE, build
from nets.architectures.base import Architecture
from nets.config import NetConfig
from perceptron_sim.runs.memory import available_bytes

# Steps: prefactor, exponents of P/B and of 1 + ln(1 + kappa/T).
_STEPS = (5.9, 1.2, 0.82)
# Seconds a run, a step, and for each weight a sample of a step and a sample of all (checkpoints).
_RUN_S, _STEP_S, _FLOW_S, _COURSE_S = 0.011, 1.4e-6, 8.5e-11, 1.3e-10
# One standard deviation of ln (measured / estimated): of dense nets in the compiled loop, and of
# ensembles of cnn and mnas on one core.
ERROR, ENSEMBLE_ERROR = 1.0, 1.5
# Seconds of such an ensemble per sample of a step and multiplication forward (3e-10 to 1.4e-9 on
# digits and CIFAR-10, h 16 and 32), the part of it that goes forward, and steps over those of the
# law for mlps (1.4 to 5.5).
_ENSEMBLE_S, _FORWARD, _ENSEMBLE_STEPS = 4.5e-10, 0.3, 3.0
# Inputs of a net on images, where only the order of runs and the time left are asked for.
PIXELS = 784
# Linearised nets: seconds per P^2 of a run, of the least run, and per entry and (d + 2 h L) of a
# kernel.
_LAZY_S, _LEAST_S, _KERNEL_S = 5e-10, 2e-4, 4.4e-11
# Of nets with gradients sample by sample: seconds per multiplication forward of a gradient (1.3 to
# 5.3e-9 for cnn and mnas on one core), and per weight of an entry. Tiles and the share of the
# memory are those of ``nets.ntk``.
_GRADIENT_S, _PRODUCT_S = 3e-9, 2.6e-11
_TILE, _SHARE = 512, 0.8


def net_seconds(config: NetConfig, d: int, image: tuple[int, ...] | None = None) -> float:
    """Return the estimated time of training a net on one core of a CPU, in seconds.

    Args:
        config: the run.
        d: dimension of its inputs.
        image: their shape, as in ``kernel_seconds``.
    """
    prefactor, on_samples, on_margin = _STEPS
    cold = 1.0 + math.log1p(config.kappa / config.T)
    wanted = prefactor * math.pow(config.P / config.B, on_samples) * math.pow(cold, on_margin)
    if config.arch not in DENSE:
        flops = _net(config, d, image).flops
        steps = min(_ENSEMBLE_STEPS * wanted, float(config.max_steps))
        samples = steps * config.B + _FORWARD * (config.P + config.P_test)
        return _RUN_S + _ENSEMBLE_S * flops * samples
    steps = min(wanted, float(config.max_steps))
    weights = hidden_weights(config, d)
    a_step = _STEP_S + _FLOW_S * config.B * weights
    return _RUN_S + _COURSE_S * (config.P + config.P_test) * weights + steps * a_step


def _net(config: NetConfig, d: int, image: tuple[int, ...] | None) -> Architecture:
    return build(config.arch, d, config.depth, config.width, config.act, image or (28, d // 28))


def hidden_weights(config: NetConfig, d: int) -> int:
    """Return the number of weights of a dense net on d inputs, without its last layer."""
    return config.width * (d + config.width * max(0, config.depth - 1))


def lazy_seconds(config: NetConfig) -> float:
    """Return the estimated time of a linearised run on one core, without its kernel, in seconds."""
    return _LEAST_S + _LAZY_S * float(config.P) ** 2


def kernel_seconds(config: NetConfig, d: int, image: tuple[int, ...] | None = None) -> float:
    """Return the estimated time of one core for the kernel of a linearised run, in seconds.

    The kernel of the test set included. Of dense nets layers are multiplied; of others the
    gradient of each sample is computed and kept, again for each strip of rows that memory holds,
    and all samples are filled up to whole tiles.

    Args:
        config: the run.
        d: dimension of its inputs.
        image: their shape, if they are images; by default that of MNIST for nets that need one.
    """
    P, Q = config.P, config.P_test
    if config.arch in DENSE:
        entries = 0.5 * float(P) ** 2 + float(P) * Q
        return _KERNEL_S * entries * (d + 2 * config.width * config.depth)
    net = _net(config, d, image)
    weights = sum(map(math.prod, net.shapes))
    rows, others = -(-P // _TILE), -(-Q // _TILE)
    held = int(_SHARE * available_bytes() // (4 * _TILE * weights)) - 3
    strips = -(-rows // max(1, held))
    blocks = 0.5 * rows * (strips + 1) + rows + strips * others
    tiles = 0.5 * rows * (rows + 1) + rows * others
    return blocks * _TILE * _GRADIENT_S * net.flops + tiles * _TILE**2 * _PRODUCT_S * weights
