"""Configurations: what is refused, what is derived, what names a run."""

import dataclasses
import math

import numpy as np
import pytest

from perceptron_sim import InputError, PerceptronConfig
from perceptron_sim.kernels.dynamics import NAMES
from perceptron_sim.runs.identity import key_of

REFUSED = [
    ({"chi": -1.0}, "chi = -1 has no normalisable density |x_1|^chi: allowed is -1 < chi < inf"),
    ({"chi": math.nan}, "allowed is -1 < chi < inf"),
    ({"P": 0}, "P = 0 is too small: allowed is P >= 1"),
    ({"P": 10.5}, "P = 10.5 is not an integer"),
    ({"d": 1}, "d = 1 is too small: allowed is d >= 2"),
    ({"B": 0}, "B = 0 is too small: allowed is B >= 1"),
    ({"B": 20, "P": 10}, "B = 20 is larger than P = 10: allowed is 1 <= B <= P"),
    ({"T": 0.0}, "T = 0 is out of range: allowed is 0 < T < inf"),
    ({"T": math.inf}, "T = inf is out of range: allowed is 0 < T < inf"),
    ({"T": math.nan}, "allowed is 0 < T < inf"),
    ({"eta": -1.0}, "eta = -1 is out of range: allowed is 0 < eta < inf"),
    ({"kappa": -1.0}, "kappa = -1 is out of range: allowed is 0 <= kappa < inf"),
    ({"alpha": 0.0}, "alpha = 0 is out of range: allowed is 0 < alpha < inf"),
    ({"T": 1.0, "eta": 1.0}, "both T and eta are given"),
    ({"kappa": 1.0, "alpha": 1.0}, "both kappa and alpha are given"),
    ({"T": 1e-300}, "T = 1e-300 is out of range: allowed is 1e-100 <= T <= 1e+100; only ratios"),
    ({"kappa": 1e300}, "choose other units"),
    ({"seed": -1}, "seed = -1 is too small"),
    ({"max_steps": 0}, "max_steps = 0 is too small"),
]


@pytest.mark.parametrize(("values", "message"), REFUSED, ids=lambda v: str(v)[:40])
def test_out_of_range_is_refused_with_the_range(values, message) -> None:
    with pytest.raises(InputError) as caught:
        PerceptronConfig(**values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_eta_and_alpha_are_other_names_for_T_and_kappa() -> None:
    config = PerceptronConfig(B=4, eta=2.0, alpha=8.0)
    assert config == PerceptronConfig(B=4, T=0.5, kappa=0.125)
    assert config.eta == 2.0
    assert config.alpha == 8.0
    assert PerceptronConfig(kappa=0.0).alpha == math.inf


def test_frozen_and_replaceable() -> None:
    config = PerceptronConfig()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.P = 3  # type: ignore[misc]
    assert dataclasses.replace(config, P=77).P == 77


def test_keys_are_stable_across_versions() -> None:
    # A change here orphans every stored run: raise STREAM_VERSION only with a reason.
    assert PerceptronConfig().key("reference") == "e8972b0b080426e2aef21429"
    assert (
        PerceptronConfig(chi=0.0, B=np.int64(3), T=2**-5, seed=7).key("reference")
        == "978a08450e2a202946c2555e"
    )


def test_keys_differ_whenever_a_field_or_the_kernel_does() -> None:
    base = PerceptronConfig()
    changes = {"chi": 2.0, "d": 9, "P": 99, "B": 3, "T": 3.0, "kappa": 3.0, "seed": 3}
    changes |= {"max_steps": 99, "max_updates": 99}
    variants = [dataclasses.replace(base, **{name: value}) for name, value in changes.items()]
    keys = {c.key("reference") for c in [base, *variants]} | {base.key("event")}
    keys |= {base.key("reference", name) for name in NAMES}
    # "sgd" by its reference is the first.
    assert len(keys) == len(changes) + 1 + len(NAMES)


def test_runs_of_version_0_1_have_the_names_that_they_had() -> None:
    # One name for dynamics and kernel it was, in the keys of stored runs.
    base = PerceptronConfig()
    fields = dataclasses.asdict(base)
    for name in ("shuffled", "sde", "sde/4", "sde/16"):
        identity = {"model": "perceptron", "kernel": name, "stream": 1, "config": fields}
        assert base.key("reference", name) == key_of(identity)


def test_streams_share_randomness_along_scalings_only() -> None:
    base = PerceptronConfig(T=1.0, kappa=0.5)
    draw = [
        c.stream(p).random()
        for c, p in [
            (base, "data"),
            (dataclasses.replace(base, T=4.0, kappa=2.0), "data"),
            (base, "batches"),
            (dataclasses.replace(base, T=2.0), "data"),
            (dataclasses.replace(base, seed=1), "data"),
            (dataclasses.replace(base, B=3), "data"),
        ]
    ]
    assert draw[0] == draw[1]
    assert len(set(draw)) == 5


def test_the_key_is_the_hash_of_the_canonical_identity() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        P = int(rng.integers(1, 10**6))
        config = PerceptronConfig(
            **{"chi": float(rng.uniform(-1, 9)), "d": int(rng.integers(2, 10**5)), "P": P},
            **{"B": int(rng.integers(1, P + 1)), "T": float(np.exp(rng.uniform(-90, 90)))},
            **{"kappa": float(rng.choice([0.0, 1e-40, 1.0, 3.0]))},
            **{"seed": int(rng.integers(2**62))},
        )
        fields = dataclasses.asdict(config)
        identity = {"model": "perceptron", "kernel": "event", "stream": 1, "config": fields}
        assert config.key("event") == key_of(identity)
