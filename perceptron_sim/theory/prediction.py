"""What a run of SGD on a finite training set will give: the finite-size prediction."""

import math
from dataclasses import dataclass

import numpy as np

from perceptron_sim import parameters
from perceptron_sim.errors import InputError
from perceptron_sim.theory import stopping
from perceptron_sim.theory.exponents import check_chi
from perceptron_sim.theory.flow import order_parameter_flow
from perceptron_sim.theory.minimal_signal import CAPACITY, minimal_signal
from perceptron_sim.theory.order_parameters import mean_abs_x1, unfitted_fraction

# Where the stopping law was measured and holds.
_TRUSTED_CHI = (-0.5, 4.0)
_TRUSTED_D = 8
_TRUSTED_P_OVER_D = 16.0
_TRUSTED_HITS = 0.5
# Step in ln P and ln T of the local exponents.
_LOG_STEP = 0.2


@dataclass(frozen=True)
class Prediction:
    """Geometric means over training sets and batches, by the stopping law.

    Attributes:
        chi, d, P, B, T, kappa: what was asked.
        w1: signal w_1 at the end.
        w_perp: noise |w_perp| at the end.
        lam: w_1 / |w_perp| at the end.
        w_norm: ||w|| at the end.
        t_star: learning rate times steps up to the last non-null step.
        test_error: probability that a fresh sample is misclassified at the end.
        delta_loc: d ln ||w|| / d ln T at fixed kappa, P.
        gamma_loc: d ln ||w|| / d ln P.
        b_loc: d ln t* / d ln P.
        t_star_on_T: d ln t* / d ln T.
        trusted: whether the parameters lie where the law was measured.
        doubt: why not, or "".
    """

    chi: float
    d: int
    P: int
    B: int
    T: float
    kappa: float
    w1: float
    w_perp: float
    lam: float
    w_norm: float
    t_star: float
    test_error: float
    delta_loc: float
    gamma_loc: float
    b_loc: float
    t_star_on_T: float
    trusted: bool
    doubt: str


def predict(
    *,
    chi: float,
    P: int,
    d: int,
    T: float | None = None,
    kappa: float | None = None,
    B: int = 2,
    eta: float | None = None,
    alpha: float | None = None,
) -> Prediction:
    """Predict the end of training on P samples; eqs. (22) to (28) of docs/theory.md.

    Inside the trusted range (chi from -0.5 to 4, d >= 8, P/d >= 16, batches that hold less than
    half an unfitted sample at the end, a first step that does not already fit) the error of
    ln w_1 is about 0.03 and that of ln t* about 0.1 (medians; docs/theory.md has them all).

    Args:
        chi: density exponent at the boundary, > -1.
        P: number of training samples, > 2 (d - 1).
        d: input dimension, >= 2.
        T: temperature eta / B, > 0; 1 if neither T nor eta is given.
        kappa: margin >= 0; 2^-15 if neither kappa nor alpha is given.
        B: batch size, 1..P.
        eta: learning rate instead of T.
        alpha: 1 / kappa instead of kappa.

    Raises:
        InputError: if an argument is out of range or both of a pair are given.
    """
    B = parameters.integer("B", B, 1, "a batch holds at least one sample")
    d = parameters.integer("d", d, 2, "the boundary needs a direction along it")
    P = parameters.integer("P", P, 1, "there must be a sample to fit")
    if B > P:
        raise InputError(f"B = {B} is larger than P = {P}: allowed is 1 <= B <= P")
    T = parameters.temperature(T, eta, B)
    kappa = parameters.margin(kappa, alpha)
    end = _end(check_chi(chi), float(P), d, B, T, kappa)
    up, down = math.exp(0.5 * _LOG_STEP), math.exp(-0.5 * _LOG_STEP)
    # The law ends at the capacity; next to it the slope is taken on one side.
    low = max(P * down, min(P, 1.001 * CAPACITY * (d - 1)))
    more, less = (_end(chi, samples, d, B, T, kappa) for samples in (P * up, low))
    hot, cold = (_end(chi, float(P), d, B, heat, kappa) for heat in (T * up, T * down))
    on_P, on_T = math.log(P * up / low), _LOG_STEP
    test_error = float(unfitted_fraction(end.lam, chi))
    doubt = _doubt(chi, P, d, B, T, test_error, end.w1)
    return Prediction(
        chi=float(chi),
        d=d,
        P=P,
        B=B,
        T=T,
        kappa=kappa,
        w1=end.w1,
        w_perp=end.w1 / end.lam,
        lam=end.lam,
        w_norm=end.w_norm,
        t_star=end.t_star,
        test_error=test_error,
        delta_loc=math.log(hot.w_norm / cold.w_norm) / on_T,
        gamma_loc=math.log(more.w_norm / less.w_norm) / on_P,
        b_loc=math.log(more.t_star / less.t_star) / on_P,
        t_star_on_T=math.log(hot.t_star / cold.t_star) / on_T,
        trusted=not doubt,
        doubt=doubt,
    )


@dataclass(frozen=True)
class _End:
    w1: float
    lam: float
    t_star: float

    @property
    def w_norm(self) -> float:
        return self.w1 * math.hypot(1.0, 1.0 / self.lam)


def _end(chi: float, P: float, d: int, B: int, T: float, kappa: float) -> _End:
    """Return the end of training; eqs. (22) to (27)."""
    least = minimal_signal(chi, P, d)
    state = stopping.State(chi, d, least.lam)
    u = stopping.overshoot(state)
    state = stopping.State(chi, d, least.lam, kappa / (kappa + u * T))
    w1 = (kappa + u * T) * math.sqrt(d) * least.slope
    lam = least.lam * stopping.correction(stopping.LAM, stopping.lam_features(state))
    delay = stopping.correction(stopping.DELAY, stopping.delay_features(state))
    return _End(w1=w1, lam=lam, t_star=delay * time_of_signal(w1, chi, d, T, kappa, B))


def time_of_signal(w1: float, chi: float, d: int, T: float, kappa: float, B: int) -> float:
    """Return the time at which SGD on fresh samples reaches the signal w1; eq. (11)."""
    t = T * B * np.geomspace(1.0, 10.0, 13)
    while True:
        flow = order_parameter_flow(t, chi=chi, d=d, T=T, kappa=kappa, B=B)
        if flow.w1[-1] >= w1:
            return float(np.exp(np.interp(math.log(w1), np.log(flow.w1), np.log(t))))
        # w_1 grows at least like t^(1/(3+chi)); two decades more than that asks for.
        reach = (w1 / flow.w1[-1]) ** (3.0 + chi) * t[-1] * 10.0
        t = np.geomspace(t[-1], reach, 16 * math.ceil(math.log10(reach / t[-1])) + 1)


def _doubt(chi: float, P: int, d: int, B: int, T: float, test_error: float, w1: float) -> str:
    low, high = _TRUSTED_CHI
    if not low <= chi <= high:
        return f"chi = {chi:g} is outside {low:g}..{high:g}"
    if d < _TRUSTED_D:
        return f"d = {d} is below {_TRUSTED_D}"
    if _TRUSTED_P_OVER_D * d > P:
        return f"P/d = {P / d:g} is below {_TRUSTED_P_OVER_D:g}"
    if B * test_error > _TRUSTED_HITS:
        return f"B = {B} holds {B * test_error:.2g} unfitted samples at the end"
    # In the first step every sample is unfitted.
    first = T * B * mean_abs_x1(chi) / math.sqrt(d)
    if first > 0.5 * w1:
        return f"B = {B}: the first step alone makes {first / w1:.0%} of the signal"
    return ""
