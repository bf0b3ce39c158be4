"""What planes of nets write into summary.json, and claims and figures read from it."""

from dataclasses import dataclass

from perceptron_sim.analysis.summary import Entry, Positive
from perceptron_sim.phase.entries import Delay, Estimate, Interval, Paired


@dataclass(frozen=True)
class Exponent(Interval):
    """k of T_opt or T_max ~ alpha^k.

    Attributes:
        window: range of alpha.
        systematic: largest shift on leaving out a third of the rows at either end, or None.
        n_points: rows in the fit.
        n_at_T_max: rows whose optimum is at the edge of what can be trained.
        agrees: whether the interval holds the prediction, or None without one.
    """

    window: str
    systematic: float | None
    n_points: int
    n_at_T_max: int
    agrees: bool | None


@dataclass(frozen=True)
class End(Estimate):
    """An end of the lazy regime.

    Attributes:
        n_points: crossings in the mean.
        window: range of what is fixed along them.
    """

    n_points: int
    window: str


@dataclass(frozen=True)
class LazyBoundary(Entry):
    """Where ||w - w_0|| / ||w_0|| passes the level.

    Attributes:
        T_at_large_alpha, alpha_at_small_T: its two ends, or None.
        T_predicted, alpha_predicted: the same of the linearised net, or None.
    """

    T_at_large_alpha: End | None
    alpha_at_small_T: End | None
    T_predicted: Positive | None
    alpha_predicted: Positive | None


@dataclass(frozen=True)
class ErrorSlope(Interval):
    """Slope of ln(test error) on a way out of the lazy regime.

    Attributes:
        window: range of T and of alpha.
        n_points: cells in the fit.
        chi2_per_dof: misfit of the power law, or None without spare cells.
    """

    window: str
    n_points: int
    chi2_per_dof: float | None


@dataclass(frozen=True)
class Opposition(Entry):
    """What the two ways out of the lazy regime do to the test error.

    Attributes:
        raise_T: slope on ln T, or None.
        lower_alpha: slope on ln(1/alpha), or None.
        verdict: ``opposite``, ``alike`` or ``undecided``.
    """

    raise_T: ErrorSlope | None
    lower_alpha: ErrorSlope | None
    verdict: str


@dataclass(frozen=True)
class Row(Entry):
    """Cells at one alpha.

    Attributes:
        alpha: their alpha.
        T_max, T_max_fits, T_max_fails: above which training fails, between two cells; or None.
        fails_as: how it does.
        T_opt, T_opt_ci_low, T_opt_ci_high, T_opt_error: least test error, 95 % interval, and
            standard error of ln T_opt; or None.
        T_opt_at_T_max: whether it is the hottest cell that fits, or None.
        cells_partly_fitted: cells in which some seed did not fit.
    """

    alpha: Positive
    T_max: Positive | None
    T_max_fits: Positive | None
    T_max_fails: Positive | None
    fails_as: str | None
    T_opt: Positive | None
    T_opt_ci_low: Positive | None
    T_opt_ci_high: Positive | None
    T_opt_error: float | None
    T_opt_at_T_max: bool | None
    cells_partly_fitted: int


@dataclass(frozen=True)
class Crossing(Entry):
    """A point at which ||w - w_0|| / ||w_0|| passes the level.

    Attributes:
        along: "T" or "alpha", what changes on the line of cells.
        T, alpha: the point.
        error: standard error of the logarithm of what changes.
        T_ci_low, T_ci_high, alpha_ci_low, alpha_ci_high: 95 % interval of what changes.
    """

    along: str
    T: Positive
    alpha: Positive
    error: float
    T_ci_low: float | None = None
    T_ci_high: float | None = None
    alpha_ci_low: float | None = None
    alpha_ci_high: float | None = None


@dataclass(frozen=True)
class Regime(Entry):
    """What the (alpha, T) map of one net says; part ``regimes``.

    Attributes:
        depth, width, B, P: what its runs share.
        window_T: range of T.
        n_seeds: fewest seeds of a cell.
        status: how many cells ended in each way.
        k_predicted: (D - 1)/(D + 1), D + 1 the degree of homogeneity; None where there is none.
        k_of_T_opt, k_of_T_max: measured exponents, or None.
        lazy_boundary: where the lazy regime ends.
        opposition: what the ways out of it do, or None where it has no end.
        opposition_of_average: the same of the test error of the output averaged over seeds; None
            unless outputs were kept.
        rows: T_max and T_opt at each alpha.
        boundary: points of the lazy boundary.
        arch: architecture.
    """

    depth: int
    width: int
    B: int
    P: int
    window_T: str
    n_seeds: int
    status: dict[str, int]
    k_predicted: float | None
    k_of_T_opt: Exponent | None
    k_of_T_max: Exponent | None
    lazy_boundary: LazyBoundary
    opposition: Opposition | None
    rows: tuple[Row, ...]
    boundary: tuple[Crossing, ...]
    arch: str = "mlp"
    opposition_of_average: Opposition | None = None


@dataclass(frozen=True)
class NetDelay(Delay):
    """The delay of noise in the nets of one alpha; part ``noise_delay_of_nets``.

    Attributes:
        depth, width, B, P, alpha: what the runs share.
        model, data, arch: likewise; earlier versions had trained mlps, on the data of the folder.
    """

    depth: int
    width: int
    B: int
    P: int
    alpha: Positive
    model: str = "net"
    data: str | None = None
    arch: str = "mlp"


@dataclass(frozen=True)
class NetDynamicsEnd(Entry):
    """The end of training of linearised nets by a dynamics, less SGD's; part ``ends_of_nets``.

    Attributes:
        data, arch, depth, width, P, alpha, T, B: what the runs share.
        dynamics: its label.
        n_seeds: pairs of runs, on the same kernels.
        dw, t_star, test_error: differences of the logarithms; dw is ||w - w_0||.
    """

    data: str
    arch: str
    depth: int
    width: int
    P: int
    alpha: Positive
    T: Positive
    B: int
    dynamics: str
    n_seeds: int
    dw: Paired
    t_star: Paired
    test_error: Paired


@dataclass(frozen=True)
class AtP(Estimate):
    """T_c at one training-set size.

    Attributes:
        P: the size.
    """

    P: Positive


@dataclass(frozen=True)
class OnsetRow(Entry):
    """T_c ~ P^-a by one observable.

    Attributes:
        quantity: "dw_rel", "t_star" or "test_error".
        by: "net" or "lazy".
        a: the exponent.
        gamma_over_delta: gamma/delta of the same runs where they are lazy, or None.
        difference: a - gamma/delta with the error of the difference, or None.
        agrees: whether its interval holds 0, or None.
        T_c: at each P.
        window: range of P and T.
        level: fraction of ||w_0|| that is passed; of "dw_rel" alone.
        beta: exponent of the departure from the linearised net; of the others.
        moved: ||w - w_0|| / ||w_0|| of trained nets at each T_c; of "t_star" and "test_error".
    """

    quantity: str
    by: str
    a: Interval
    gamma_over_delta: Interval | None
    difference: Interval | None
    agrees: bool | None
    T_c: tuple[AtP, ...]
    window: str
    level: float | None = None
    beta: float | None = None
    moved: tuple[Positive, ...] = ()


@dataclass(frozen=True)
class NetOnsets(Entry):
    """T_c(P) of one net; part ``nets``.

    Attributes:
        depth, width, B, alpha, data: what its runs share.
        n_seeds: fewest seeds of a cell.
        onsets: by each observable.
    """

    depth: int
    width: int
    B: int
    alpha: float
    data: str
    n_seeds: int
    onsets: tuple[OnsetRow, ...]
