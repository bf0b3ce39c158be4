"""What a run of SGD on a finite training set will give: the finite-size prediction."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from perceptron_sim import parameters
from perceptron_sim.arrays import FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.theory import stopping
from perceptron_sim.theory.asymptotics import constants
from perceptron_sim.theory.exponents import check_chi
from perceptron_sim.theory.flow import LARGEST_RATIO, check_ratio, order_parameter_flow
from perceptron_sim.theory.minimal_signal import CAPACITY, minimal_signal
from perceptron_sim.theory.order_parameters import mean_abs_x1, unfitted_fraction

# Where the stopping law was measured and holds.
_TRUSTED_CHI = (-0.5, 4.0)
_TRUSTED_D = 8
_TRUSTED_P_OVER_D = (16.0, 8192.0)
# Below chi = 0.08 runs of larger P/d cost too much to be measured: (P/d)^(1/(1+chi)), which grows
# as lambda, is at most this.
_TRUSTED_LAM = 4096.0
_TRUSTED_RATIO = 64.0
_TRUSTED_HITS = 0.5
# Step in ln P and ln T of the local exponents.
_LOG_STEP = 0.2
# Fresh samples notice a margin by kappa / |w_perp| sqrt(d): here by less than half a per cent.
_NEGLIGIBLE_MARGIN = 1e-3
# Corrections to the laws at large lambda are of order 1/lambda^2.
_LARGE_LAM = 1e3


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
        log_w_error: standard error of ln ||w|| (and ln w_1) as predicted, where trusted.
        log_t_error: standard error of ln t* as predicted, where trusted.
        log_n_error: standard error of ln of the test error as predicted, where trusted.
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
    log_w_error: float
    log_t_error: float
    log_n_error: float
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

    Inside the trusted range (chi from -0.5 to 4, d >= 8, P/d from 16 to 8192 and to
    4096^(1+chi), kappa/T <= 64, batches that hold less than half an unfitted sample at the end, a
    first step that does not already fit) the median error
    of ln w_1 is 0.03 and that of ln t* 0.12; ``accuracy`` and docs/theory.md have more.

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
        InputError: if an argument is out of range (chi outside -0.75..10, kappa/T > 1e30) or both
            of a pair are given.
    """
    B = parameters.integer("B", B, 1, "a batch holds at least one sample")
    d = parameters.integer("d", d, 2, "the boundary needs a direction along it")
    P = parameters.integer("P", P, 1, "there must be a sample to fit")
    if B > P:
        raise InputError(f"B = {B} is larger than P = {P}: allowed is 1 <= B <= P")
    T = parameters.temperature(T, eta, B)
    kappa = parameters.margin(kappa, alpha)
    check_chi(chi)
    end = end_of_training(chi, P, d, B, kappa / T)
    up, down = math.exp(0.5 * _LOG_STEP), math.exp(-0.5 * _LOG_STEP)
    # The law ends at the capacity; next to it the slope is taken on one side.
    low = max(P * down, min(P, 1.001 * CAPACITY * (d - 1)))
    more, less = (end_of_training(chi, samples, d, B, kappa / T) for samples in (P * up, low))
    # In units of T, a higher T is a lower kappa.
    hot, cold = (end_of_training(chi, P, d, B, kappa / T / heat) for heat in (up, down))
    on_P = math.log(P * up / low)
    doubt = doubt_about(chi, P, d, B, end, kappa / T)
    log_w_error, log_t_error = accuracy(d)
    return Prediction(
        chi=float(chi),
        d=d,
        P=P,
        B=B,
        T=T,
        kappa=kappa,
        w1=T * end.w1,
        w_perp=T * end.w1 / end.lam,
        lam=end.lam,
        w_norm=T * end.w_norm,
        t_star=T * end.t_star,
        test_error=float(unfitted_fraction(end.lam, chi)),
        delta_loc=1.0 + math.log(hot.w_norm / cold.w_norm) / _LOG_STEP,
        gamma_loc=math.log(more.w_norm / less.w_norm) / on_P,
        b_loc=math.log(more.t_star / less.t_star) / on_P,
        t_star_on_T=1.0 + math.log(hot.t_star / cold.t_star) / _LOG_STEP,
        log_w_error=log_w_error,
        log_t_error=log_t_error,
        log_n_error=accuracy_of_test_error(chi, d),
        trusted=not doubt,
        doubt=doubt,
    )


@dataclass(frozen=True)
class End:
    """The end of training in units of T, by eqs. (22) to (27).

    Attributes:
        w1: w_1 / T.
        lam: w_1 / |w_perp|.
        t_star: t* / T.
    """

    w1: float
    lam: float
    t_star: float

    @property
    def w_norm(self) -> float:
        """||w|| / T."""
        return self.w1 * math.hypot(1.0, 1.0 / self.lam)


@lru_cache(maxsize=4096)
def end_of_training(chi: float, P: float, d: int, B: int, kappa_over_T: float) -> End:
    """Return the geometric mean of the end of training; eqs. (22) to (27).

    ``predict`` without its checks and local exponents; P need not be an integer.

    Raises:
        InputError: if there is no minimal signal (see ``minimal_signal``), or kappa/T > 1e30.
    """
    check_ratio(kappa_over_T)
    least = minimal_signal(chi, P, d)
    u = stopping.overshoot(stopping.State(chi, d, least.lam))
    state = stopping.State(chi, d, least.lam, kappa_over_T / (kappa_over_T + u))
    w1 = (kappa_over_T + u) * math.sqrt(d) * least.slope
    lam = least.lam * stopping.correction(stopping.LAM, stopping.lam_features(state))
    delay = stopping.correction(stopping.DELAY, stopping.delay_features(state))
    return End(w1=w1, lam=lam, t_star=delay * time_of_signal(w1, chi, d, B, kappa_over_T))


def accuracy(d: int) -> tuple[float, float]:
    """Return the standard errors of predicted ln ||w|| and ln t* inside the trusted range.

    Chosen so that chi^2 per point is 1 against 1,100 simulated points from d = 8 to 128.
    """
    return 0.015 + 0.35 / d, 0.10 + 1.2 / d


def accuracy_of_test_error(chi: float, d: int) -> float:
    """Return the standard error of ln of the predicted test error inside the trusted range.

    The test error falls as lambda^-(1+chi), eq. (14) of docs/theory.md. The error of ln lambda is
    chosen so that chi^2 per point is 1 against the points of ``accuracy``.
    """
    return (1.0 + chi) * (0.02 + 0.3 / d)


def trusted_end(chi: float, P: float, d: int, B: int, kappa_over_T: float) -> End | None:
    """Return the end of training where its prediction is to be trusted, else None."""
    low, high = _TRUSTED_CHI
    if CAPACITY * (d - 1) >= P or not low <= chi <= high or kappa_over_T > LARGEST_RATIO:
        return None
    end = end_of_training(chi, P, d, B, kappa_over_T)
    return None if doubt_about(chi, P, d, B, end, kappa_over_T) else end


def time_of_signal(w1: float, chi: float, d: int, B: int, kappa_over_T: float) -> float:
    """Return the time, in units of T, at which SGD on fresh samples has the signal w1 T; (11)."""
    kappa = kappa_over_T if kappa_over_T > _NEGLIGIBLE_MARGIN else 0.0
    log_w1 = math.log(w1)
    # A guess from eq. (16), in steps of 8 decades so that courses are shared, no further than
    # the law at large lambda asks for.
    lam = w1 / ((constants(chi).r_star + kappa) * math.sqrt(d))
    guess = (3.0 + chi) * math.log10(min(max(lam, 1.0), 3.0 * _LARGE_LAM)) + math.log10(
        d * (1.0 + kappa) / B
    )
    decades = 8 * max(1, math.ceil(guess / 8))
    while True:
        course = _fresh_course(chi, d, B, kappa, decades)
        if course.log_w1[-1] >= log_w1:
            return math.exp(float(np.interp(log_w1, course.log_w1, course.log_t)))
        if course.last_lam > _LARGE_LAM:
            # |w_perp| has settled: w_1 ~ t^(1/(3+chi)) from here on, eq. (16).
            log_t = course.log_t[-1] + (3.0 + chi) * (log_w1 - course.log_w1[-1])
            return math.exp(float(log_t))
        decades += 8


@dataclass(frozen=True, eq=False)
class _Course:
    log_t: FloatArray
    log_w1: FloatArray
    last_lam: float


@lru_cache(maxsize=256)
def _fresh_course(chi: float, d: int, B: int, kappa: float, decades: int) -> _Course:
    """Return the course of w_1 on fresh samples at T = 1, from the first step on."""
    t = B * np.geomspace(1.0, 10.0**decades, 12 * decades + 1)
    flow = order_parameter_flow(t, chi=chi, d=d, T=1.0, kappa=kappa, B=B)
    return _Course(np.log(t), np.log(flow.w1), float(flow.lam[-1]))


def doubt_about_size(chi: float, P: float, d: int) -> str:
    """Return why no law at this chi, P and d is to be trusted, or ""."""
    low, high = _TRUSTED_CHI
    if not low <= chi <= high:
        return f"chi = {chi:g} is outside {low:g}..{high:g}"
    if d < _TRUSTED_D:
        return f"d = {d} is below {_TRUSTED_D}"
    least, most = _TRUSTED_P_OVER_D[0], min(_TRUSTED_P_OVER_D[1], _TRUSTED_LAM ** (1.0 + chi))
    # A grid point at a limit may miss it by rounding.
    if least * d * (1.0 - 1e-9) > P:
        return f"P/d = {P / d:g} is below {least:g}"
    if most * d * (1.0 + 1e-9) < P:
        return f"P/d = {P / d:g} is above {most:.4g}, where the law was not measured"
    return ""


def doubt_about(chi: float, P: float, d: int, B: int, end: End, kappa_over_T: float = 0.0) -> str:
    """Return why a prediction is not to be trusted, or ""."""
    doubt = doubt_about_size(chi, P, d)
    if doubt:
        return doubt
    if kappa_over_T > _TRUSTED_RATIO * (1.0 + 1e-9):
        return f"kappa/T = {kappa_over_T:g} is above {_TRUSTED_RATIO:g}"
    hits = B * float(unfitted_fraction(end.lam, chi))
    if hits > _TRUSTED_HITS:
        return f"B = {B} holds {hits:.2g} unfitted samples at the end"
    # In the first step every sample is unfitted.
    first = B * mean_abs_x1(chi) / math.sqrt(d)
    if first > 0.5 * end.w1:
        return f"B = {B}: the first step alone makes {first / end.w1:.0%} of the signal"
    return ""
