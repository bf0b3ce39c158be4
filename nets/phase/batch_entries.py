"""What the plane of B and eta of nets writes into summary.json."""

from dataclasses import dataclass

from perceptron_sim.analysis.summary import Entry, Positive
from perceptron_sim.phase.entries import Estimate, Interval


@dataclass(frozen=True)
class NetBoundary(Estimate):
    """Where regimes of nets meet, next to what their kernels predict.

    Attributes:
        predicted: geometric mean over seeds of the predictions, or None.
        prediction_error: standard error of its ln, that of u.
        ratio: ln(measured / predicted), of the same seeds; or None.
        agrees: whether that is 0 at 95 %, both errors taken together; or None.
    """

    predicted: Positive | None = None
    prediction_error: float | None = None
    ratio: Interval | None = None
    agrees: bool | None = None


@dataclass(frozen=True)
class PhaseSlope(Interval):
    """Exponent of an observable within one phase.

    Attributes:
        phase: "noise", "first step" or "gradient descent".
        quantity: "dw" for ||w - w_0||, or "test_error".
        on, fixed: the variable, and what is the same along it: "T", "eta" or "B".
        expected: what the phase claims, None where it claims nothing.
        window: range of B and T.
        n_points: cells in the fit.
    """

    phase: str
    quantity: str
    on: str
    fixed: str
    expected: float | None
    window: str
    n_points: int


@dataclass(frozen=True)
class _OfNet(Entry):
    """What maps of a net share: "lazy" or "net", data and net, and alpha."""

    model: str
    data: str
    arch: str
    depth: int
    width: int
    alpha: Positive


@dataclass(frozen=True)
class NetPhases(_OfNet):
    """One (B, eta) map of a net; part ``phases_of_nets``.

    Attributes:
        P: number of samples.
        window: range of B and eta.
        n_seeds: seeds of each cell.
        n_cells: cells in the fit.
        cells_measured, cells_not_fitted: cells, and those of them that did not fit.
        T_c_over_kappa: crossover from gradient descent to noise.
        plateau_over_kappa: ||w - w_0|| / kappa of gradient descent; the kernel predicts omega.
        B_star: where the first step overtakes noise.
        sharpness: m of the corner.
        misfit_ln, scatter_ln: as for perceptrons.
        T_c_systematic, B_star_systematic: largest shift of their ln on leaving out the outer
            third of the window on either side of the crossover, less what chance makes of it.
        slopes: exponents within each phase.
    """

    P: int
    window: str
    n_seeds: int
    n_cells: int
    cells_measured: int
    cells_not_fitted: int
    T_c_over_kappa: NetBoundary
    plateau_over_kappa: NetBoundary
    B_star: NetBoundary
    sharpness: float
    misfit_ln: float
    scatter_ln: float
    T_c_systematic: float | None
    B_star_systematic: float | None
    slopes: tuple[PhaseSlope, ...]


@dataclass(frozen=True)
class NetBStarOnP(_OfNet):
    """B* ~ P^x of a net; part ``B_star_on_P_of_nets``.

    Attributes:
        window: range of P.
        n_points, n_seeds: sizes P, and seeds.
        x: the exponent.
        gamma: exponent of ||w - w_0|| / T where noise dominates, in the same runs.
        difference: x - gamma, which is 0 if the first step does not depend on P.
        predicted: x of the predictions from kernels, or None.
        departure: x less that, of the same seeds, or None.
        agrees: whether the latter is 0 at 95 %, or None.
        systematic: largest shift of x on leaving out such a third of every map.
    """

    window: str
    n_points: int
    n_seeds: int
    x: Interval
    gamma: Interval
    difference: Interval
    predicted: float | None
    departure: Interval | None
    agrees: bool | None
    systematic: float | None
