"""The laws of ``perceptron_sim.testing``, looked at for everything of ours that trains.

Statistical laws of one check raise a false alarm with probability 1e-6 together.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from perceptron_sim import PerceptronConfig, simulate, simulate_kernel
from perceptron_sim.kernels.dynamics import DYNAMICS, SGD
from perceptron_sim.runs.simulate import training_data
from perceptron_sim.testing import LAWS, Kind, check
from perceptron_sim.testing.subject import RETURNED, Subject

METHODS = [(name, kernel) for name, one in DYNAMICS.items() for kernel in one.kernels]
# The event-driven kernel by its own choice, and in each of its ways.
WAYS = [
    *((kernel, {}) for kernel in DYNAMICS[SGD].kernels),
    *(("event", {"schedule": schedule}) for schedule in ("plain", "candidates", "events")),
]
EXACT = [name for name, law in LAWS.items() if law.kind is Kind.EXACT]
# What holds of every dynamics in its own units: that it draws by the configuration alone, and (M2).
SHARED = ["returns", "deterministic", "scale-invariance"]


def simulator_of(dynamics: str, kernel: str, **more):
    """Return our simulation as a function that laws can be looked at by."""

    def with_data(config, data=None):
        return simulate(config, kernel, None, dynamics=dynamics, data=data, **more)

    def without_data(config):
        # Samples that are never drawn cannot be given, and their hits are not counted.
        run = with_data(config)
        return {name: getattr(run, name) for name in RETURNED if name != "hit_counts"}

    return without_data if kernel == "deferred" else with_data


@pytest.mark.parametrize(("kernel", "way"), WAYS, ids=str)
def test_kernels_of_sgd_obey_every_law(kernel: str, way) -> None:
    check(simulator_of(SGD, kernel, **way), budget=3.0).raise_if_broken()


@pytest.mark.parametrize(("dynamics", "kernel"), [m for m in METHODS if m[0] != SGD])
def test_other_dynamics_obey_what_they_share(dynamics: str, kernel: str) -> None:
    # Shuffled epochs are SGD but for the order of the samples.
    laws = EXACT if dynamics == "shuffled" else SHARED
    check(simulator_of(dynamics, kernel), laws, budget=1.5).raise_if_broken()


@pytest.mark.parametrize(("dynamics", "kernel"), METHODS)
def test_a_power_of_two_scales_bit_for_bit(dynamics: str, kernel: str) -> None:
    simulator = simulator_of(dynamics, kernel)
    check(simulator, ["scale-invariance"], budget=1.0, rtol=1e-300).raise_if_broken()


@pytest.mark.parametrize(("dynamics", "kernel"), METHODS)
def test_other_ratios_are_other_runs(dynamics: str, kernel: str) -> None:
    run = simulator_of(dynamics, kernel)
    outcomes = [Subject(run).run(PerceptronConfig(T=T, P=64)) for T in (1.0, 1.5, 2.0)]
    assert len({outcome.steps for outcome in outcomes}) > 1


def kernel_machine(config, data=None):
    """The perceptron as a kernel machine, K = z z^T / d with all labels +1."""
    z = training_data(config) if data is None else data
    run = simulate_kernel(
        z @ z.T / config.d,
        np.ones(config.P),
        B=config.B,
        T=config.T,
        kappa=config.kappa,
        seed=config.seed,
        max_steps=config.max_steps,
    )
    w = config.T / math.sqrt(config.d) * (run.hit_counts @ z)
    np.testing.assert_allclose(run.margins, z @ w / math.sqrt(config.d), atol=1e-9 * run.w_norm)
    assert run.w_norm == pytest.approx(np.linalg.norm(w), rel=1e-9)
    return {
        "w": w,
        **{name: getattr(run, name) for name in ("t_star", "steps", "updates", "hits")},
        "hit_counts": run.hit_counts,
    }


def test_a_kernel_machine_obeys_every_law() -> None:
    # Margins by K and by w differ by rounding, which a margin of 0 turns into another sign.
    exact = [name for name in EXACT if name != "fitted"]
    rest = [name for name, law in LAWS.items() if law.kind is not Kind.EXACT]
    check(kernel_machine, [*exact, *rest], budget=4.0).raise_if_broken()


@pytest.mark.parametrize("how", ["train", "lazy"])
def test_a_linear_net_obeys_the_laws_of_t_star(how: str) -> None:
    pytest.importorskip("torch")
    from nets.config import NetConfig
    from nets.lazy import simulate_lazy
    from nets.training import train

    def net(config):
        given = NetConfig(
            data="perceptron",
            arch="linear",
            P_test=0,
            dtype="float64",
            # A net has no limit kappa -> 0+.
            kappa=config.kappa or 2.0**-40 * config.T,
            **{name: getattr(config, name) for name in ("chi", "d", "P", "B", "T")},
            **{name: getattr(config, name) for name in ("seed", "max_steps")},
        )
        if how == "lazy":
            (run,) = simulate_lazy([given], workers=1)
        else:
            (run,) = train([given], "cpu", workers=1, checkpoints=False)
        return {name: getattr(run, name) for name in ("t_star", "steps", "updates", "hits")}

    # Nets draw other numbers at another T, so that scaled runs are equal in distribution alone.
    t_star = LAWS["distribution-of-t-star"]
    # Every second setting: a hundred nets are trained at each.
    laws = ["deterministic", "counts", "first-step", replace(t_star, cases=t_star.cases[1::2])]
    check(net, laws, 2.0).raise_if_broken()
