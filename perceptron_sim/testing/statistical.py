"""Laws that hold in distribution, and predictions of how means depend on a parameter."""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy import stats

from perceptron_sim.arrays import FloatArray
from perceptron_sim.kernels.dynamics import REFERENCE
from perceptron_sim.runs.config import PerceptronConfig
from perceptron_sim.runs.simulate import simulate
from perceptron_sim.testing.law import MAX_STEPS, Broken, Kind, Law
from perceptron_sim.testing.subject import Subject, scalars
from perceptron_sim.theory import Prediction, predict, unfitted_fraction

# Of all statistical laws of one check together.
FALSE_ALARM = 1e-6
# Seeds of our own runs; those of simulators under test count from the seed of the setting.
_OUR_SEEDS = 10**9
#        chi   d   P   B   kappa/T   from few samples on, so that the first that fails is small
_SMALL = (
    (1.0, 2, 3, 2, 0.0),
    (0.0, 2, 5, 4, 2.0**-15),
    (1.0, 3, 8, 3, 0.5),
    (-0.5, 3, 8, 2, 2.0**-15),
    (3.0, 3, 16, 1, 4.0),
    (1.0, 4, 20, 16, 16.0),
    (0.0, 4, 60, 2, 2.0**-15),
    (1.0, 16, 12, 3, 1.0),
)
SETTINGS = tuple(
    PerceptronConfig(chi=chi, d=d, P=P, B=B, T=1.0, kappa=kappa, max_steps=MAX_STEPS)
    for chi, d, P, B, kappa in _SMALL
)
QUANTITIES = ("t_star", "w1", "w_perp", "updates", "hits")
_SYMBOLS = {"t_star": "t*", "w1": "w_1", "w_perp": "|w_perp|"}
# Half of it for the tests of Kolmogorov and Smirnov, half for means.
_P_VALUE = 0.5 * FALSE_ALARM / (len(SETTINGS) * (len(QUANTITIES) + 1))
# In standard errors; a dozen comparisons of means, with Student's t of 31 degrees or more.
_SEEDS = 64
_ERRORS = float(stats.t.isf(0.25 * FALSE_ALARM / 12, _SEEDS - 1))


@lru_cache(maxsize=64)
def own_runs(config: PerceptronConfig, runs: int) -> dict[str, FloatArray]:
    """Return scalars of our obvious loop, each of shape (runs,), at seeds that nobody uses."""
    seeds = range(_OUR_SEEDS, _OUR_SEEDS + runs)
    return scalars([simulate(replace(config, seed=s), REFERENCE, None) for s in seeds])


def _same(found: FloatArray, expected: FloatArray, name: str, against: str) -> None:
    """Raise Broken if two samples are of different distributions."""
    p = float(stats.ks_2samp(found, expected, method="asymp").pvalue)
    if p < _P_VALUE:
        raise Broken(
            f"{name}: median {np.median(found):.4g} of {len(found)} runs, {against} "
            f"{np.median(expected):.4g}; Kolmogorov-Smirnov p = {p:.1g}"
        )


def _distribution(quantity: str) -> Law:
    symbol = _SYMBOLS.get(quantity, quantity)

    def look(subject: Subject, config: PerceptronConfig) -> None:
        ours = own_runs(config, subject.runs)
        _same(subject.samples(config)[quantity], ours[quantity], symbol, "exact SGD")

    return Law(
        name=f"distribution-of-{quantity.replace('_', '-')}",
        kind=Kind.DISTRIBUTION,
        statement=f"{symbol} has the distribution that exact SGD gives it.",
        source="docs/theory.md (M1); two samples by Kolmogorov and Smirnov",
        needs=(("w" if quantity.startswith("w") else quantity,),),
        bound=f"false alarm {FALSE_ALARM:g} for all statistical laws of a check together",
        fault="batches drawn with replacement; samples of another density",
        look=look,
        cases=SETTINGS,
    )


def _collapse(subject: Subject, config: PerceptronConfig) -> None:
    c = 50.0
    hotter = replace(config, T=c * config.T, kappa=c * config.kappa, seed=config.seed + 10**6)
    one, other = subject.samples(config), subject.samples(hotter)
    _same(other["w1"] / c, one["w1"], f"w_1/T at T = {hotter.T:g}", f"at T = {config.T:g}")


def _means(
    subject: Subject, configs: list[PerceptronConfig], quantity: str
) -> tuple[FloatArray, FloatArray]:
    """Return means of ln ``quantity`` and their variances, each of shape (n,)."""
    logs = np.log([subject.samples(config, _SEEDS)[quantity] for config in configs])
    return logs.mean(axis=1), logs.var(axis=1, ddof=1) / _SEEDS


_SIZES = (128, 512, 2048)
_GROWING = PerceptronConfig(chi=3.0, d=8, P=128, B=2, T=1.0, kappa=2.0**-15, max_steps=20_000)
_FIELD = {"w1": "w_1", "t_star": "t*"}
# How far exponents over a window may be off what finite-size theory says.
_SLOPE_ERROR = {"w1": 0.06, "t_star": 0.2}


def _slope(quantity: str, subject: Subject, config: PerceptronConfig) -> None:
    configs = [replace(config, P=P) for P in _SIZES]
    means, variances = _means(subject, configs, quantity)
    x = np.log(_SIZES) - np.mean(np.log(_SIZES))
    weights = x / np.sum(x * x)
    predicted = np.log([getattr(_predicted(c), quantity) for c in configs])
    slope, expected = float(weights @ means), float(weights @ predicted)
    error = math.sqrt(float(weights**2 @ variances))
    if abs(slope - expected) > _SLOPE_ERROR[quantity] + _ERRORS * error:
        raise Broken(
            f"d ln {_FIELD[quantity]}/d ln P = {slope:.3f} +- {error:.3f} over P/d = "
            f"{_SIZES[0] // config.d}..{_SIZES[-1] // config.d}: finite-size theory {expected:.3f}"
        )


def _level(quantity: str, subject: Subject, config: PerceptronConfig) -> None:
    means, variances = _means(subject, [config], quantity)
    theory = _predicted(config)
    theirs = theory.log_w_error if quantity == "w1" else theory.log_t_error
    expected, error = math.log(getattr(theory, quantity)), math.sqrt(float(variances[0]))
    if abs(means[0] - expected) > 4.0 * theirs + _ERRORS * error:
        raise Broken(
            f"{_FIELD[quantity]} = {math.exp(means[0]):.4g} (geometric mean, +- {error:.0%}): "
            f"finite-size theory {math.exp(expected):.4g} (+- {theirs:.0%})"
        )


def _predicted(config: PerceptronConfig) -> Prediction:
    return predict(
        chi=config.chi, P=config.P, d=config.d, B=config.B, T=config.T, kappa=config.kappa
    )


def _crossover(subject: Subject, config: PerceptronConfig) -> None:
    for heat, slope, where in ((2.0**-4, 0.0, "<<"), (2.0**8, 1.0, ">>")):
        configs = [replace(config, kappa=1.0, T=T) for T in (heat, 2.0 * heat)]
        means, variances = _means(subject, configs, "w1")
        found = float(means[1] - means[0]) / math.log(2.0)
        error = math.sqrt(float(variances.sum())) / math.log(2.0)
        if abs(found - slope) > 0.05 + _ERRORS * error:
            raise Broken(
                f"d ln w_1/d ln T = {found:.3f} +- {error:.3f} at T {where} kappa: expected "
                f"{slope:g}"
            )


def _test_error(subject: Subject, config: PerceptronConfig) -> None:
    found = subject.samples(config)
    expected = unfitted_fraction(found["w1"] / found["w_perp"], config.chi)
    ratio = float(found["test_error"].mean() / np.mean(expected))
    if abs(ratio - 1.0) > 0.1:
        raise Broken(
            f"test_error is {ratio:.3f} times F_t(-lambda sqrt(1+chi); 1+chi) on average of "
            f"{len(expected)} runs"
        )


_PREDICTED = "6 standard errors of the mean, and what finite-size theory is good to"
DISTRIBUTION = tuple(_distribution(quantity) for quantity in QUANTITIES)
SCALING = (
    Law(
        name="collapse",
        kind=Kind.SCALING,
        statement="w_1/T depends on T and kappa through kappa/T alone.",
        source="docs/theory.md (M2)",
        needs=(("w",),),
        bound=DISTRIBUTION[0].bound,
        fault="a margin that is not scaled with the output",
        look=_collapse,
        cases=(SETTINGS[2], SETTINGS[5]),
    ),
    Law(
        name="gamma",
        kind=Kind.SCALING,
        statement="w_1 grows with P as finite-size theory says (gamma -> 1/(1+chi)).",
        source="docs/theory.md (22)",
        needs=(("w",),),
        bound=f"{_SLOPE_ERROR['w1']} and 6 standard errors of the slope",
        fault="x_1 drawn from another density",
        look=lambda subject, config: _slope("w1", subject, config),
        cases=(_GROWING,),
    ),
    Law(
        name="b",
        kind=Kind.SCALING,
        statement="t* grows with P as finite-size theory says (b -> 1 + 2/(1+chi)).",
        source="docs/theory.md (28)",
        needs=(("t_star",),),
        bound=f"{_SLOPE_ERROR['t_star']} and 6 standard errors of the slope",
        fault="time counted in epochs",
        look=lambda subject, config: _slope("t_star", subject, config),
        cases=(_GROWING,),
    ),
    Law(
        name="size-of-w1",
        kind=Kind.SCALING,
        statement="w_1 at the end is what finite-size theory says.",
        source="docs/theory.md (22)",
        needs=(("w",),),
        bound=_PREDICTED,
        fault="rate not divided by B",
        look=lambda subject, config: _level("w1", subject, config),
        cases=(replace(_GROWING, P=512),),
    ),
    Law(
        name="size-of-t-star",
        kind=Kind.SCALING,
        statement="t* is what finite-size theory says.",
        source="docs/theory.md (28)",
        needs=(("t_star",),),
        bound=_PREDICTED,
        fault="time counted in epochs",
        look=lambda subject, config: _level("t_star", subject, config),
        cases=(replace(_GROWING, P=512),),
    ),
    Law(
        name="crossover",
        kind=Kind.SCALING,
        statement="w_1 is flat in T at T << kappa and grows as T at T >> kappa: T_c ~ kappa.",
        source="docs/theory.md, Where the regimes meet",
        needs=(("w",),),
        bound="0.05 and 6 standard errors of the mean",
        fault="a margin that is not compared with y f",
        look=_crossover,
        cases=(replace(_GROWING, P=32),),
    ),
    Law(
        name="test-error",
        kind=Kind.SCALING,
        statement="test_error is F_t(-lambda sqrt(1+chi); 1+chi), the fraction of fresh samples on "
        "the wrong side.",
        source="docs/theory.md (3)",
        needs=(("w",), ("test_error",)),
        bound="10 % on average",
        fault="an error on the training set",
        look=_test_error,
        cases=(SETTINGS[2],),
    ),
)
