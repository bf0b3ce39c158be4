"""What theory predicts: exponents, closed forms, order-parameter equations, stopping."""

from perceptron_sim.theory.asymptotics import Constants, constants
from perceptron_sim.theory.crossovers import Crossovers, crossovers
from perceptron_sim.theory.exponents import Exponents, exponents, exponents_at_dimension
from perceptron_sim.theory.flow import Flow, order_parameter_flow
from perceptron_sim.theory.max_margin import MaxMargin, Separability, max_margin_norm
from perceptron_sim.theory.minimal_signal import MinimalSignal, minimal_error, minimal_signal
from perceptron_sim.theory.noise import NoiseCovariance, noise_covariance
from perceptron_sim.theory.order_parameters import (
    mean_abs_x1,
    noise_diffusion,
    noise_drift,
    signal_drift,
    unfitted_fraction,
)
from perceptron_sim.theory.prediction import Prediction, predict

__all__ = [
    "Constants",
    "Crossovers",
    "Exponents",
    "Flow",
    "MaxMargin",
    "MinimalSignal",
    "NoiseCovariance",
    "Prediction",
    "Separability",
    "constants",
    "crossovers",
    "exponents",
    "exponents_at_dimension",
    "max_margin_norm",
    "mean_abs_x1",
    "minimal_error",
    "minimal_signal",
    "noise_covariance",
    "noise_diffusion",
    "noise_drift",
    "order_parameter_flow",
    "predict",
    "signal_drift",
    "unfitted_fraction",
]
