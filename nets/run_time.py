"""What runs of nets cost before they are done: fitted laws; only estimates and orders rest on them.

In the noise-dominated regime training takes a number of steps that depends on P/B alone (claim 3 of
docs/theory.md: t* ~ T P^b); colder runs take more, by the logarithm of kappa/T. Fitted to 5,300
runs of mlps on digits, MNIST and CIFAR-10 (P 64..16384, B 4 and 16, L 1..5, h 32..128, alpha 2^-10
to 2^15), on one core of a server. A single run is off by a factor e^1, one standard deviation.
"""

import math

from nets.config import NetConfig

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
    weights = hidden_weights(config, d)
    a_step = _STEP_S + _FLOW_S * config.B * weights
    return _RUN_S + _COURSE_S * (config.P + config.P_test) * weights + steps * a_step


def hidden_weights(config: NetConfig, d: int) -> int:
    """Return the number of weights of a dense net on d inputs, without its last layer."""
    return config.width * (d + config.width * max(0, config.depth - 1))


def lazy_seconds(config: NetConfig) -> float:
    """Return the estimated time of a linearised run on one core, without its kernel, in seconds."""
    return _LEAST_S + _LAZY_S * float(config.P) ** 2


def kernel_seconds(config: NetConfig, d: int) -> float:
    """Return the estimated time of one core for the kernel of a linearised run, in seconds."""
    return _KERNEL_S * float(config.P) ** 2 * (d + 2 * config.width * config.depth)
