"""Hypothesis strategies: configurations of small cost, training sets, kernels with labels."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from perceptron_sim.arrays import FloatArray
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import training_data
from perceptron_sim.testing.law import MAX_STEPS


@st.composite
def configs(
    draw: Any, *, max_steps: int = MAX_STEPS, full_batch: bool = False, most: int = 40
) -> PerceptronConfig:
    """Draw a configuration whose run is short. It shrinks to few samples and kappa = 0.

    Corners are drawn often: B = 1, B = P, P < d, kappa = 0, kappa >> T, chi < 0.

    Args:
        draw: supplied by Hypothesis.
        max_steps: number of steps after which a run ends, which bounds the cost.
        full_batch: draw only B = P.
        most: largest P.
    """
    P = draw(st.integers(1, most))
    B = P if full_batch else draw(st.one_of(st.just(1), st.just(P), st.integers(1, P)))
    T = draw(st.sampled_from([1.0, 0.125, 3.0, 1e-3, 700.0]))
    ratio = draw(st.sampled_from([0.0, 1.0, 2.0**-15, 0.3, 20.0]))
    return PerceptronConfig(
        chi=draw(st.sampled_from([1.0, 0.0, 3.0, -0.5, 8.0])),
        d=draw(st.integers(2, 12)),
        P=P,
        B=B,
        T=T,
        kappa=ratio * T,
        seed=draw(st.integers(0, 10**6)),
        max_steps=max_steps,
    )


@st.composite
def training_sets(draw: Any, *, most: int = 40) -> FloatArray:
    """Draw label-folded samples z = y x, docs/theory.md (M1), shape (P, d), with P <= ``most``."""
    return training_data(draw(configs(most=most)))


@st.composite
def gram_matrices(draw: Any, *, most: int = 24) -> tuple[FloatArray, FloatArray]:
    """Draw a positive semi-definite kernel, shape (P, P), and labels, shape (P,); P <= ``most``.

    Labels are +-1. The kernel has full rank, low rank, or repeated samples. It can be fitted,
    unless repeated samples have opposite labels.
    """
    P = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rank = draw(st.one_of(st.just(P), st.integers(1, 2 * P)))
    features = rng.standard_normal((P, rank)) / np.sqrt(rank)
    if P > 1 and draw(st.booleans()):
        features[-1] = features[0]
    labels = rng.choice([-1.0, 1.0], P)
    return features @ features.T, labels
