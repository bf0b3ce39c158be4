"""What planes of perceptrons write into summary.json, and claims and figures read from it."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from perceptron_sim.analysis.summary import Entry, Positive
from perceptron_sim.arrays import FloatArray
from perceptron_sim.intervals import half_width, mixed_dof, quantile
from perceptron_sim.theory.prediction import accuracy, doubt_about_size


@dataclass(frozen=True)
class Interval(Entry):
    """A measured number with its 95 % interval.

    Attributes:
        measured: the number.
        ci_low, ci_high: the interval.
        dof: its degrees of freedom, Student's t; None in summaries of earlier versions.
    """

    measured: float
    ci_low: float
    ci_high: float
    dof: float | None = field(default=None, kw_only=True)

    def __format__(self, spec: str) -> str:
        """Return "number [low, high]", each as ``spec`` says."""
        return f"{self.measured:{spec}} [{self.ci_low:{spec}}, {self.ci_high:{spec}}]"


@dataclass(frozen=True)
class Estimate(Entry):
    """A fitted positive number.

    Attributes:
        value: the number.
        error: standard error of its ln, from the misfit where that exceeds the scatter of seeds.
        ci_low, ci_high: 95 % interval.
        dof: degrees of freedom of the error, Student's t; None in summaries of earlier versions.
    """

    value: Positive
    error: float
    ci_low: Positive
    ci_high: Positive
    dof: float | None = field(default=None, kw_only=True)

    def __format__(self, spec: str) -> str:
        """Return "number [low, high]", each as ``spec`` says."""
        return f"{self.value:{spec}} [{self.ci_low:{spec}}, {self.ci_high:{spec}}]"


def dof_of(number: "Interval | Estimate", older: float) -> float:
    """Return the degrees of freedom of a number, ``older`` where its summary does not say."""
    return older if number.dof is None else number.dof


def near(departure: float, error: float, dof: float | None, of_theory: float) -> bool:
    """Return whether a departure is within 95 % of both errors, the measured one of ``dof``."""
    both = mixed_dof([(error**2, dof or math.inf), (of_theory**2, math.inf)])
    return abs(departure) <= quantile(both) * math.hypot(error, of_theory)


def largest_shift(shifts: Sequence[tuple[float, float]], error: float) -> float | None:
    """Return the largest shift of a number in parts of its data, less what chance makes of it.

    The variance of a shift is that of the part less that of the whole, which has ``error``
    (Hausman 1978).

    Args:
        shifts: the shift in each part, and the standard error of the number there.
        error: standard error of the number in the whole.
    """
    beyond = [shift**2 - max(0.0, part**2 - error**2) for shift, part in shifts]
    return math.sqrt(max(0.0, *beyond)) if beyond else None


def systematic(measured: Estimate, parts: Sequence[Estimate | None]) -> float | None:
    """Return the largest shift of ln of an estimate in parts of its window; None without any."""
    logs = [(math.log(part.value / measured.value), part.error) for part in parts if part]
    return largest_shift(logs, measured.error)


@dataclass(frozen=True)
class Boundary(Estimate):
    """Where regimes meet, next to its prediction if there is one.

    Attributes:
        predicted: the prediction.
        prediction_error: standard error of its ln, taken to be that of predicted ln ||w||.
        agrees: whether the two agree at 95 %, both errors taken together.
    """

    predicted: Positive | None = None
    prediction_error: float | None = None
    agrees: bool | None = None

    @classmethod
    def of(cls, measured: Estimate, predicted: float | None, d: int) -> "Boundary":
        """Put a measurement next to its prediction at dimension ``d``."""
        if predicted is None:
            return cls(**asdict(measured))
        error = accuracy(d)[0]
        agrees = near(math.log(measured.value / predicted), measured.error, measured.dof, error)
        return cls(**asdict(measured), predicted=predicted, prediction_error=error, agrees=agrees)


@dataclass(frozen=True)
class _Series(Entry):
    """Attributes common to fits of the law of the crossovers.

    Attributes:
        chi, d, P: what the cells share.
        window: the cells that entered, in words.
        n_seeds: fewest seeds of a cell.
        n_cells: cells in the fit.
        T_c_over_kappa, plateau_over_kappa: fitted crossover and plateau.
        misfit_ln: root mean square misfit in ln ||w||.
        scatter_ln: standard error of a cell in ln ||w||, root mean square.
        trusted: whether predictions are to be trusted at this chi, d and P; None in summaries of
            earlier versions.
        T_c_systematic, plateau_systematic: largest shift of their ln on leaving out the outer
            third of the window on either side of the crossover, less what chance makes of it.
    """

    chi: float
    d: int
    P: int
    window: str
    n_seeds: int
    n_cells: int
    T_c_over_kappa: Boundary
    plateau_over_kappa: Boundary
    misfit_ln: float
    scatter_ln: float
    trusted: bool | None = field(default=None, kw_only=True)
    T_c_systematic: float | None = field(default=None, kw_only=True)
    plateau_systematic: float | None = field(default=None, kw_only=True)

    @property
    def doubt(self) -> str:
        """Why predictions are not to be trusted here, or ""."""
        return str(doubt_about_size(self.chi, self.P, self.d))

    @property
    def agrees(self) -> bool | None:
        """Whether the crossover agrees with its prediction; None where that is not trusted."""
        return None if self.doubt else self.T_c_over_kappa.agrees


@dataclass(frozen=True)
class ThreePhases(_Series):
    """The boundaries of one (B, eta) map; part ``boundaries``.

    Attributes:
        kappa: margin of its runs.
        cells_measured, cells_over_budget: cells, and those of them that did not fit.
        B_star: where the first step overtakes noise.
        sharpness: m of the corner.
        B_star_systematic: as ``T_c_systematic``.
    """

    kappa: float
    cells_measured: int
    cells_over_budget: int
    B_star: Boundary
    sharpness: float
    B_star_systematic: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class BStarOnP(Interval):
    """B* ~ P^x at one chi, d and kappa; part ``B_star_on_P``.

    Attributes:
        quantity, variable: "x" and "P".
        chi, d, kappa: what the points share.
        window: range of P/d.
        n_points, n_seeds: sizes P, and fewest seeds of a cell.
        asymptotic: 1/(1 + chi).
        limit_at_d: the limit P -> infinity at this d.
        finite_size: the same fit to the predicted B*, or None.
        finite_size_error: its standard error.
        agrees: whether the two agree at 95 %.
        systematic: largest shift of x on leaving out such a third of every map, less what chance
            makes of it.
    """

    quantity: str
    variable: str
    chi: float
    d: int
    kappa: float
    window: str
    n_points: int
    n_seeds: int
    asymptotic: float
    limit_at_d: float | None
    finite_size: float | None
    finite_size_error: float | None
    agrees: bool | None
    systematic: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class NoiseSlope(Interval):
    """Exponent of ||w|| on T where noise dominates.

    Attributes:
        asymptotic: 1.
        window: range of T/kappa.
        n_points: cells in the fit.
        agrees: whether the interval holds 1.
    """

    asymptotic: float
    window: str
    n_points: int
    agrees: bool


@dataclass(frozen=True)
class OfKappa(Estimate):
    """T_c/kappa from the runs of one kappa.

    Attributes:
        kappa: their margin.
    """

    kappa: Positive


@dataclass(frozen=True)
class Crossover(_Series):
    """The crossover of one (T, kappa) map; part ``crossovers``.

    Attributes:
        B: batch size of its runs.
        noise_slope: exponent of the noise-dominated branch, or None.
        by_kappa: T_c/kappa of each kappa that determines it.
    """

    B: int
    noise_slope: NoiseSlope | None
    by_kappa: tuple[OfKappa, ...]


@dataclass(frozen=True)
class Constancy(Entry):
    """By how much T_c/kappa departs from its mean at one chi; part ``constancy``.

    Attributes:
        chi: of the series.
        n_series: how many there are.
        range_P, range_d: over which they range.
        largest_error_ln: largest standard error of ln T_c.
        spread: largest departure from the geometric mean, as a fraction.
        spread_over_kappa: the same of each kappa from all kappa together, or None.
        predicted_spread: the same of the predictions, or None.
        constant_within_15_percent: whether ``spread`` is below that.
        drift_predicted: whether every series agrees with its prediction, or None.
    """

    chi: float
    n_series: int
    range_P: tuple[int, ...]
    range_d: tuple[int, ...]
    largest_error_ln: float
    spread: float
    spread_over_kappa: float | None
    predicted_spread: float | None
    constant_within_15_percent: bool
    drift_predicted: bool | None


@dataclass(frozen=True)
class Delay(Interval):
    """Mean of ln t over what noise adds to the weights, less that over the weights themselves.

    Attributes:
        after_t_star: the former less ln t* for T -> 0.
        t_noise: exp of the former.
        T_c: crossover temperature, up to which runs enter.
        window: range of T/T_c.
        n_T, n_seeds: temperatures, and runs of each.
    """

    after_t_star: Interval
    t_noise: Positive
    T_c: Positive
    window: str
    n_T: int
    n_seeds: int


@dataclass(frozen=True)
class NoiseDelay(Delay):
    """The delay of noise in perceptrons; part ``noise_delay``.

    Attributes:
        chi, d, P, B, kappa: what the runs share.
    """

    chi: float
    d: int
    P: int
    B: int
    kappa: Positive


@dataclass(frozen=True)
class Paired(Entry):
    """A mean over seeds, of differences from SGD in ln or of a number; one seed has no interval.

    Attributes:
        measured: the mean.
        ci_low, ci_high: its 95 % interval.
    """

    measured: float
    ci_low: float | None
    ci_high: float | None

    @classmethod
    def of(cls, values: FloatArray) -> "Paired":
        """Return the mean of independent values, shape (seeds,), with its interval, Student's t."""
        mean = float(values.mean())
        if len(values) < 2:
            return cls(mean, None, None)
        half = half_width(values)
        return cls(mean, mean - half, mean + half)

    def __format__(self, spec: str) -> str:
        """Return "number +- half of the interval"."""
        if self.ci_low is None or self.ci_high is None:
            return f"{self.measured:+.3f} +- ?"
        return f"{self.measured:+.3f} +- {0.5 * (self.ci_high - self.ci_low):.3f}"


@dataclass(frozen=True)
class LoadAtEnd(Entry):
    """P/d times the test error at the end, eq. (21) of docs/theory.md.

    Attributes:
        measured: of the dynamics.
        of_SGD: of SGD.
    """

    measured: float
    of_SGD: float


@dataclass(frozen=True)
class _Dynamics(Entry):
    """Attributes common to comparisons of a dynamics with SGD on the same data.

    Attributes:
        chi, d, P, kappa, T, B: what the runs share.
        dynamics: its name.
        w_norm: difference of ln ||w||.
    """

    chi: float
    d: int
    P: int
    kappa: float
    T: float
    B: int
    dynamics: str
    w_norm: Paired


@dataclass(frozen=True)
class DynamicsEnd(_Dynamics):
    """The end of training of a dynamics, less SGD's; part ``ends``.

    Attributes:
        B_over_B_star: in units of the predicted B*, or None.
        n_seeds: pairs of runs.
        t_star, test_error: differences of the logarithms.
        P_n_over_d: test error at the end.
    """

    B_over_B_star: float | None
    n_seeds: int
    t_star: Paired
    test_error: Paired
    P_n_over_d: LoadAtEnd


@dataclass(frozen=True)
class EndRatio(Interval):
    """The end of a dynamics over SGD's on the same data.

    Attributes:
        dynamics: label of the dynamics.
        chi, d, P, kappa, T, B: where.
        n_seeds: pairs of runs; the interval has n_seeds - 1 degrees of freedom, in ln.
        quantity: "w_norm", "t_star" or "test_error".
    """

    dynamics: str
    chi: float
    d: int
    P: int
    kappa: float
    T: float
    B: int
    n_seeds: int
    quantity: str


@dataclass(frozen=True)
class DynamicsCourse(_Dynamics):
    """A dynamics on its way, less SGD at equal times; part ``courses``.

    Attributes:
        unfitted_over_d: samples in units of d that fresh ones would leave unfitted.
        t: the time at which they would.
        unfitted: difference of the logarithms of the numbers of unfitted samples.
        ended: fraction of the runs that are over by then.
    """

    unfitted_over_d: float
    t: float
    unfitted: Paired
    ended: float
