"""What theory predicts: exponents and closed forms of the order parameters."""

from perceptron_sim.theory.exponents import Exponents, exponents
from perceptron_sim.theory.order_parameters import (
    Constants,
    constants,
    mean_abs_x1,
    noise_drift,
    signal_drift,
    unfitted_fraction,
)

__all__ = [
    "Constants",
    "Exponents",
    "constants",
    "exponents",
    "mean_abs_x1",
    "noise_drift",
    "signal_drift",
    "unfitted_fraction",
]
