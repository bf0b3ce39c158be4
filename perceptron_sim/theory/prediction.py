"""What a run of SGD on a finite training set will give: the finite-size prediction."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from perceptron_sim import parameters
from perceptron_sim.arrays import ByValue, FloatArray
from perceptron_sim.errors import InputError
from perceptron_sim.parameters import each, each_of
from perceptron_sim.theory import stopping
from perceptron_sim.theory.asymptotics import constants
from perceptron_sim.theory.exponents import check_chi
from perceptron_sim.theory.flow import LARGEST_RATIO, check_ratio, order_parameter_flow
from perceptron_sim.theory.minimal_signal import CAPACITY, minimal_signal
from perceptron_sim.theory.order_parameters import mean_abs_x1, unfitted_fraction

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

# Where the stopping law was measured and holds.
_TRUSTED_CHI = (-0.5, 4.0)
_TRUSTED_D = 8
_TRUSTED_P_OVER_D = (16.0, 8192.0)
# Where noise dominates (kappa/T up to the second number), runs far beyond that tested the law.
_FAR_P_OVER_D, _FAR_RATIO = 1e9, 1.0 / 512.0
# Largest (P/d)^(1/(1+chi)), which grows as lambda. Below chi = 0.08 runs of larger P/d cost too
# much to be measured.
_TRUSTED_LAM = 4096.0
_TRUSTED_RATIO = 64.0
_TRUSTED_HITS = 0.5
# A grid point at a limit may miss it by rounding.
_ROUNDED = 1.0 + 1e-9
# Step in ln P and ln T of the local exponents.
_LOG_STEP = 0.2
# A margin acts on fresh samples by kappa sqrt(d) / |w_perp|: here by less than half a per cent.
_NEGLIGIBLE_MARGIN = 1e-3
# Corrections to the laws at large lambda are of order 1/lambda^2.
_LARGE_LAM = 1e3


@dataclass(frozen=True, eq=False)
class Prediction(ByValue):
    """Geometric means over training sets and batches: docs/theory.md (22) to (28).

    Every field is a number if all arguments of ``predict`` were numbers. Otherwise it is an array
    of the shape that they broadcast to. ``w1``, ``w_perp``, ``w_norm`` and ``t_star`` scale with T.

    Attributes:
        chi, d, P, B, T, kappa: the arguments.
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
        log_w_error: standard error of the predicted ln ||w|| and ln w_1, where trusted.
        log_t_error: standard error of the predicted ln t*, where trusted.
        log_n_error: standard error of the predicted ln(test error), where trusted.
        trusted: whether the parameters lie where the law was measured.
        doubt: why not, or "".
    """

    chi: Any
    d: Any
    P: Any
    B: Any
    T: Any
    kappa: Any
    w1: Any
    w_perp: Any
    lam: Any
    w_norm: Any
    t_star: Any
    test_error: Any
    delta_loc: Any
    gamma_loc: Any
    b_loc: Any
    t_star_on_T: Any
    log_w_error: Any
    log_t_error: Any
    log_n_error: Any
    trusted: Any
    doubt: Any

    def to_frame(self) -> "pd.DataFrame":
        """Return a table with a row for each set of parameters."""
        import pandas as pd

        return pd.DataFrame({name: np.ravel(value) for name, value in vars(self).items()})

    def plot(self, ax: "Axes | None" = None, y: str = "t_star", x: str | None = None) -> "Axes":
        """Draw one field against another, with the error of the prediction as a band.

        Args:
            ax: Matplotlib axes of your own; None makes a figure.
            y: any field of numbers, for example "t_star" or "w_norm".
            x: "chi", "d", "P", "B", "T" or "kappa"; None takes the one that varies most.

        Raises:
            InputError: if there is no such field.
        """
        from perceptron_sim.drawing.mpl import plot
        from perceptron_sim.theory.figures import prediction_panel

        return plot(prediction_panel(self, y, x), ax)


def predict(
    *,
    chi: ArrayLike,
    P: ArrayLike,
    d: ArrayLike,
    T: ArrayLike | None = None,
    kappa: ArrayLike | None = None,
    B: ArrayLike = 2,
    eta: ArrayLike | None = None,
    alpha: ArrayLike | None = None,
) -> Prediction:
    """Predict the end of training on P samples: docs/theory.md (22) to (28).

    Predictions are trusted for -0.5 <= chi <= 4, d >= 8, kappa/T <= 64 and P/d from 16 to 8192, or
    to 10^9 where T >= 512 kappa, at most 4096^(1+chi). A batch must hold less than half an unfitted
    sample at the end, and the first step must give less than half of the signal. There the median
    error of ln w_1 is 0.03 and that of ln t* is 0.12, up to P/d = 8192. Beyond, they grow.

    Every argument may be a number or an array. Shapes broadcast. One call for many points is much
    faster than many calls.

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
        InputError: if an argument is out of range (chi outside -0.75..10, kappa/T > 1e30), both
            of a pair are given, or shapes do not broadcast.

    >>> from perceptron_sim import predict
    >>> round(predict(chi=1.0, P=4096, d=16).gamma_loc, 2)
    0.42
    >>> predict(chi=1.0, P=[1024, 4096], d=16, T=[[1.0], [2.0]]).t_star.shape
    (2, 2)
    """
    asked = _asked(chi=chi, P=P, d=d, B=B, T=T, eta=eta, kappa=kappa, alpha=alpha)
    found = vars(_predicted(**{name: values.ravel() for name, values in asked.items()}))
    shape = asked["P"].shape
    # Numbers where numbers were asked for.
    return Prediction(**{n: v.reshape(shape) if shape else v.item() for n, v in found.items()})


def _predicted(chi: Any, d: Any, P: Any, B: Any, T: Any, kappa: Any) -> Prediction:
    """Return ``predict`` of checked arrays, all of shape (n,)."""
    up, down = math.exp(0.5 * _LOG_STEP), math.exp(-0.5 * _LOG_STEP)
    # The law ends at the capacity. Near it the slope is taken on one side.
    low = np.maximum(P * down, np.minimum(P, 1.001 * CAPACITY * (d - 1)))
    # In units of T, a higher T is a lower kappa.
    ratio = kappa / T
    samples = np.array([P, P * up, low, P, P])
    ratios = np.array([ratio, ratio, ratio, ratio / up, ratio / down])
    # Near the capacity, fits to measurements far from it overflow. Such predictions are not
    # trusted, and local exponents are infinite.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ends = end_of_training(chi, samples, d, B, ratios)
        grow_w, grow_t = np.log(ends.w_norm), np.log(ends.t_star)
    w1, lam, t_star, w_norm = ends.w1[0], ends.lam[0], ends.t_star[0], ends.w_norm[0]
    on_P = np.log(P * up / low)
    doubt = doubt_about(chi, P, d, B, End(w1, lam, t_star), ratio)
    log_w_error, log_t_error = accuracy(d, P / d)
    return Prediction(
        chi=chi,
        d=d,
        P=P,
        B=B,
        T=T,
        kappa=kappa,
        w1=T * w1,
        w_perp=T * w1 / lam,
        lam=lam,
        w_norm=T * w_norm,
        t_star=T * t_star,
        test_error=unfitted_fraction(lam, chi),
        delta_loc=1.0 + (grow_w[3] - grow_w[4]) / _LOG_STEP,
        gamma_loc=(grow_w[1] - grow_w[2]) / on_P,
        b_loc=(grow_t[1] - grow_t[2]) / on_P,
        t_star_on_T=1.0 + (grow_t[3] - grow_t[4]) / _LOG_STEP,
        log_w_error=log_w_error,
        log_t_error=log_t_error,
        log_n_error=accuracy_of_test_error(chi, d, P / d),
        trusted=doubt == "",
        doubt=doubt,
    )


def _asked(**given: Any) -> dict[str, Any]:
    """Return the arguments of ``predict``, checked and broadcast; T and kappa in any case."""
    B, d, P = (each(partial(parameters.integer, name), given[name]) for name in ("B", "d", "P"))
    if given["eta"] is None or given["T"] is not None:
        T = each_of(lambda v, other: parameters.temperature(v, other, 1), given["T"], given["eta"])
    else:
        T = each(lambda v: parameters.scale("eta", v), given["eta"]) / B
    kappa = each_of(parameters.margin, given["kappa"], given["alpha"])
    values = {"chi": each(check_chi, given["chi"]), "d": d, "P": P, "B": B, "T": T, "kappa": kappa}
    try:
        arrays = np.broadcast_arrays(*values.values())
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise InputError(f"arguments have shapes that do not broadcast: {shapes}") from None
    found = dict(zip(values, arrays, strict=True))
    if np.any(large := found["B"] > found["P"]):
        B, P = found["B"][large][0], found["P"][large][0]
        raise InputError(f"B = {B} is larger than P = {P}: allowed is 1 <= B <= P")
    return found


@dataclass(frozen=True, eq=False)
class End(ByValue):
    """The end of training in units of T, by eqs. (22) to (27): numbers, or arrays of one shape.

    Attributes:
        w1: w_1 / T.
        lam: w_1 / |w_perp|.
        t_star: t* / T.
    """

    w1: Any
    lam: Any
    t_star: Any

    @property
    def w_norm(self) -> Any:
        """||w|| / T."""
        return self.w1 * np.hypot(1.0, 1.0 / self.lam)


def end_of_training(chi: Any, P: Any, d: Any, B: Any, kappa_over_T: Any) -> End:
    """Return the geometric mean of the end of training: docs/theory.md (22) to (27).

    This is ``predict`` without its checks and local exponents. P need not be an integer. Shapes
    broadcast.

    Raises:
        InputError: if there is no minimal signal (see ``minimal_signal``), or kappa/T > 1e30.
    """
    check_ratio(float(np.max(kappa_over_T)))
    least = minimal_signal(chi, P, d)
    chi, d, ratio = np.asarray(chi), np.asarray(d), np.asarray(kappa_over_T)
    u = stopping.overshoot(stopping.State(chi, d, least.lam))
    state = stopping.State(chi, d, least.lam, ratio / (ratio + u))
    w1 = (ratio + u) * np.sqrt(d) * least.slope
    lam = least.lam * stopping.correction(stopping.LAM, stopping.lam_features(state))
    delay = stopping.correction(stopping.DELAY, stopping.delay_features(state))
    time = time_of_signal(w1, chi, d, B, ratio)
    w1, lam, t_star = np.broadcast_arrays(w1, lam, delay * time)
    return End(w1=w1[()], lam=lam[()], t_star=t_star[()])


def _beyond(load: Any) -> Any:
    """Return how far P/d is beyond the points that the law was fitted to, in ln."""
    return np.log(np.maximum(load / _TRUSTED_P_OVER_D[1], 1.0))


def accuracy(d: Any, load: Any = 0.0) -> tuple[Any, Any]:
    """Return the standard errors of predicted ln ||w|| and ln t* inside the trusted range.

    They are chosen so that chi^2 per point is 1 against 1,100 simulated points from d = 8 to 128,
    and about 1 against points beyond P/d = 8192, where the law drifts away from runs.

    Args:
        d: input dimension.
        load: P/d.
    """
    far = _beyond(load)
    return 0.015 + 0.35 / d + 0.007 * far, 0.10 + 1.2 / d + 0.03 * far


def accuracy_of_exponents(chi: float) -> tuple[float, float]:
    """Return the standard errors that all P share, of the predicted exponents of ||w|| and t* on P.

    The law drifts away from runs as P grows, by at most this much.
    """
    return 0.005, 0.06 if chi <= 0.0 else 0.03


def accuracy_of_test_error(chi: Any, d: Any, load: Any = 0.0) -> Any:
    """Return the standard error of ln of the predicted test error inside the trusted range.

    The test error falls as lambda^-(1+chi), docs/theory.md (14). The error of ln lambda is chosen
    so that chi^2 per point is 1 against the points of ``accuracy``, which has the same arguments.
    """
    return (1.0 + chi) * (0.02 + 0.3 / d + 0.003 * _beyond(load))


def trusted_ends(chi: Any, P: Any, d: Any, B: Any, kappa_over_T: Any) -> End:
    """Return ends of training where their predictions are trusted, NaN elsewhere."""
    chi, P, d, B, ratio = np.broadcast_arrays(chi, P, d, B, kappa_over_T)
    low, high = _TRUSTED_CHI
    known = (CAPACITY * (d - 1.0) < P) & (low <= chi) & (chi <= high) & (ratio <= LARGEST_RATIO)
    found = np.full((3, *known.shape), math.nan)
    if known.any():
        some = [values[known] for values in (chi, P, d, B, ratio)]
        with np.errstate(over="ignore"):
            end = end_of_training(*some)
        trusted = doubt_about(some[0], some[1], some[2], some[3], end, some[4]) == ""
        found[:, known] = np.where(trusted, [end.w1, end.lam, end.t_star], math.nan)
    return End(*found)


def trusted_end(chi: float, P: float, d: int, B: int, kappa_over_T: float) -> End | None:
    """Return the end of training where its prediction is trusted, else None."""
    end = trusted_ends(chi, P, d, B, kappa_over_T)
    return None if math.isnan(end.w1) else End(float(end.w1), float(end.lam), float(end.t_star))


def time_of_signal(w1: Any, chi: Any, d: Any, B: Any, kappa_over_T: Any) -> FloatArray:
    """Return the time, in units of T, when fresh samples gave signal w1 T: docs/theory.md (11)."""
    given = (np.asarray(values, dtype=np.float64) for values in (w1, chi, d, B, kappa_over_T))
    w1, chi, d, B, kappa = np.broadcast_arrays(*given)
    kappa = np.where(kappa > _NEGLIGIBLE_MARGIN, kappa, 0.0)
    # A guess from docs/theory.md (16), rounded up to 8 decades so that courses are shared. It goes
    # no further than the law at large lambda needs.
    lam = w1 / ((each(lambda value: constants(value).r_star, chi) + kappa) * np.sqrt(d))
    guess = (3.0 + chi) * np.log10(np.clip(lam, 1.0, 3.0 * _LARGE_LAM)) + np.log10(
        d * (1 + kappa) / B
    )
    decades = 8.0 * np.maximum(1.0, np.ceil(guess / 8.0))
    found = np.empty(w1.shape)
    courses = np.array([values.ravel() for values in (chi, d, B, kappa, decades)])
    known, which = np.unique(courses, axis=1, return_inverse=True)
    for i, (chi_, d_, B_, kappa_, decades_) in enumerate(known.T.tolist()):
        some = which.reshape(w1.shape) == i
        found[some] = _time_on_course(
            np.log(w1[some]), chi_, int(d_), int(B_), kappa_, int(decades_)
        )
    return found


def _time_on_course(
    log_w1: FloatArray, chi: float, d: int, B: int, kappa: float, decades: int
) -> FloatArray:
    while True:
        course = _fresh_course(chi, d, B, kappa, decades)
        time = np.exp(np.interp(log_w1, course.log_w1, course.log_t))
        beyond = log_w1 > course.log_w1[-1]
        if not beyond.any() or course.last_lam > _LARGE_LAM:
            # |w_perp| has settled: w_1 ~ t^(1/(3+chi)) from here on, docs/theory.md (16).
            log_t = course.log_t[-1] + (3.0 + chi) * (log_w1 - course.log_w1[-1])
            return np.where(beyond, np.exp(log_t), time)
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


def doubt_about_size(chi: Any, P: Any, d: Any) -> Any:
    """Return at each point why no law at this chi, P and d is trusted, or ""."""
    return _first_doubt(chi, P, d, ())


def doubt_about(chi: Any, P: Any, d: Any, B: Any, end: End, kappa_over_T: Any) -> Any:
    """Return at each point why a prediction is not trusted, or ""."""
    hits = B * unfitted_fraction(end.lam, chi)
    # In the first step every sample is unfitted.
    first = B * each(mean_abs_x1, chi) / np.sqrt(d) / end.w1
    ratio = np.asarray(kappa_over_T)
    doubts = (
        (ratio > _TRUSTED_RATIO * _ROUNDED, f"kappa/T = {{ratio:g}} is above {_TRUSTED_RATIO:g}"),
        (hits > _TRUSTED_HITS, "B = {B:.0f} holds {hits:.2g} unfitted samples at the end"),
        (first > 0.5, "B = {B:.0f}: the first step alone makes {first:.0%} of the signal"),
    )
    most = np.where(ratio <= _FAR_RATIO * _ROUNDED, _FAR_P_OVER_D, _TRUSTED_P_OVER_D[1])
    return _first_doubt(chi, P, d, doubts, most, B=B, ratio=ratio, hits=hits, first=first)


def _first_doubt(
    chi: Any,
    P: Any,
    d: Any,
    more: Sequence[tuple[Any, str]],
    most: Any = _TRUSTED_P_OVER_D[1],
    **values: Any,
) -> Any:
    """Return the first doubt that holds at each point: about its size, or one of ``more``.

    Args:
        chi, P, d: the size.
        more: further doubts: where they hold, and their text, with ``values`` in it.
        most: largest P/d to be trusted, where chi does not ask for less.
        values: numbers, or arrays that broadcast.
    """
    chi, load = np.asarray(chi), np.divide(P, d)
    (low, high), least = _TRUSTED_CHI, _TRUSTED_P_OVER_D[0]
    most = np.minimum(most, _TRUSTED_LAM ** (1.0 + chi))
    doubts = (
        (~((low <= chi) & (chi <= high)), f"chi = {{chi:g}} is outside {low:g}..{high:g}"),
        (np.less(d, _TRUSTED_D), f"d = {{d:.0f}} is below {_TRUSTED_D}"),
        (load * _ROUNDED < least, f"P/d = {{load:g}} is below {least:g}"),
        (
            load > most * _ROUNDED,
            "P/d = {load:g} is above {most:.4g}, where the law was not measured",
        ),
        *more,
    )
    values |= {"chi": chi, "d": d, "load": load, "most": most}
    shape = np.broadcast_shapes(*map(np.shape, values.values()))
    flat = {name: np.broadcast_to(value, shape).ravel() for name, value in values.items()}
    said = np.full(math.prod(shape), "", dtype=object)
    for doubtful, text in doubts:
        for i in np.flatnonzero(np.broadcast_to(doubtful, shape).ravel() & (said == "")):
            said[i] = text.format(**{name: value[i] for name, value in flat.items()})
    return said.reshape(shape)[()]
