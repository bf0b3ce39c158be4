"""Claims about the three phases of nets, judged by the plane of B and eta."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from nets.phase.batch_entries import NetBoundary, NetBStarOnP, NetPhases
from perceptron_sim.claims.claim import Claim, Measurement, Table, Whose
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, grouped, means
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text
from perceptron_sim.phase.entries import Interval, dof_of

# Departures that count as agreement: of an exponent, and of ln of a boundary.
_EXPONENT, _BOUNDARY = 0.1, 0.25
_SYMBOLS = {"dw": "||w - w_0||", "test_error": "test error"}


def _name(row: Any) -> str:
    size = f"{row.model} {row.arch} L = {row.depth}, h = {row.width} on {row.data}"
    return f"{size}, alpha = {number_text(row.alpha)}"


def _phases(evidence: Evidence) -> Iterator[tuple[str, NetPhases]]:
    for _, row in evidence.rows("phases_of_nets", NetPhases):
        yield f"{_name(row)}, P = {row.P}", row


def _measured(
    quantity: str, model: str, found: Interval, n_seeds: int, resolution: float, **more: Any
) -> Measurement:
    ends = {"value": found.measured, "ci_low": found.ci_low, "ci_high": found.ci_high}
    dof = dof_of(found, n_seeds - 1.0)
    common: dict[str, Any] = {"n_seeds": n_seeds, "dof": dof, "resolution": resolution, **ends}
    return Measurement(quantity=quantity, model=model, **common, **more)


def _slopes(quantity: str) -> Callable[[Evidence], list[Measurement]]:
    """Return a finder of the exponents of an observable within each phase."""

    def measure(evidence: Evidence) -> list[Measurement]:
        return [
            _measured(
                f"{slope.phase}: exponent of the {_SYMBOLS[quantity]} in {slope.on} at one "
                f"{slope.fixed}".replace("the ||", "||"),
                *(model, slope, row.n_seeds, _EXPONENT),
                window=slope.window,
                expected=slope.expected,
                note="" if slope.expected is not None else "no claim is made of it",
            )
            for model, row in _phases(evidence)
            for slope in row.slopes
            if slope.quantity == quantity
        ]

    return measure


def _boundary(name: str, symbol: str) -> Callable[[Evidence], list[Measurement]]:
    def measure(evidence: Evidence) -> list[Measurement]:
        found = []
        for model, row in _phases(evidence):
            at: NetBoundary = getattr(row, name)
            if at.ratio is not None:
                what = f"ln ({symbol} / that of the kernel)"
                shift = getattr(row, f"{name.removesuffix('_over_kappa')}_systematic")
                more = {"expected_error": at.prediction_error or 0.0, "systematic": shift}
                more |= {"window": row.window, "expected": 0.0, "note": f"{symbol} = {at:.3g}"}
                found.append(_measured(what, model, at.ratio, row.n_seeds, _BOUNDARY, **more))
        return found

    return measure


def _B_star_on_P(evidence: Evidence) -> list[Measurement]:
    return [
        _measured(
            "x - gamma, B* ~ P^x",
            *(_name(row), row.difference, row.n_seeds, _EXPONENT),
            window=row.window,
            expected=0.0,
            systematic=row.systematic,
            note=f"x = {row.x:.3f}, gamma = {row.gamma:.3f}",
        )
        for _, row in evidence.rows("B_star_on_P_of_nets", NetBStarOnP)
    ]


def _draw_boundary(name: str, symbol: str) -> Callable[[Evidence], Sequence[Panel]]:
    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        nets: dict[str, list[NetPhases]] = {}
        for _, row in _phases(evidence):
            nets.setdefault(_name(row), []).append(row)
        series: list[Series] = []
        for net, rows in nets.items():
            found = [(row.P, getattr(row, name)) for row in sorted(rows, key=lambda row: row.P)]
            at = [P for P, _ in found]
            y, low, high = (
                [getattr(each, end) for _, each in found] for end in ("value", "ci_low", "ci_high")
            )
            series.append(Series(net, at, y, low, high))
            known = [(P, each.predicted) for P, each in found if each.predicted is not None]
            if len(known) > 1:
                line = [P for P, _ in known], [value for _, value in known]
                series.append(Series(f"kernel, {net}", *line, line=True, theory=True))
        return drawn([Panel(f"{symbol} over P", "training-set size P", symbol, series)])

    return draw


def _draw_map(column: str) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw a column over the learning rate, a series for each batch size."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for folder, row in evidence.rows("phases_of_nets", NetPhases):
            runs = folder.runs[folder.runs["model"] == row.model]
            for name in ("depth", "width", "P"):
                runs = runs[runs[name] == getattr(row, name)]
            runs = runs[(runs["alpha"] / row.alpha - 1.0).abs() < 1e-9]
            series = []
            for at, members in grouped(runs, ("B",)):
                points = means(members, "eta", column, f"B = {at['B']}")
                if points is not None:
                    series.append(points)
            title = f"{_name(row)}, P = {row.P}"
            panels.append(Panel(title, "learning rate eta", _SYMBOLS[column], series))
        return drawn(panels)

    return draw


_MAPS = "perceptron-sim phase --plane B-eta --data digits --kernel {} -P 256,512,1024 --seeds 24"
_LAW = (
    "fit of ||w - w_0|| = kappa A [(1 + T/T_c)^m + (B T/(T_c B*))^m]^(1/m) to the (B, eta) plane, "
    "T = eta/(B h); jackknife over seeds, with the misfit of the law"
)
_WITHIN = "least squares of the logarithm over cells a factor 8 in T or eta and 4 in B inside"

CLAIMS: Sequence[Claim] = (
    Claim(
        "6",
        "nets-B-star-on-P",
        "Nets: B* ~ P^gamma, with gamma of ||w - w_0|| ~ T P^gamma where noise dominates.",
        Whose.PNAS,
        Table.PAPERS,
        judged="x - gamma over the P measured against 0, both of the same runs",
        refuted=f"one net at which 0 is excluded and x departs by more than {_EXPONENT:g}",
        command=_MAPS.format("lazy"),
        estimator="least squares of ln B* and of ln(||w - w_0||/T) on ln P; jackknife over seeds",
        measure=_B_star_on_P,
        draw=_draw_boundary("B_star", "B*"),
    ),
    Claim(
        "6",
        "nets-phases",
        "Nets have three phases: ||w - w_0|| ~ T where noise dominates, ~ eta beyond B*, and the "
        "same at all B and eta in gradient descent.",
        Whose.PNAS,
        Table.PAPERS,
        judged="exponents of ||w - w_0|| within each phase against 1 and 0",
        refuted="one net and phase at which a prediction is excluded and departs by more than "
        f"{_EXPONENT:g}",
        command=_MAPS.format("auto"),
        estimator=_WITHIN,
        measure=_slopes("dw"),
        draw=_draw_map("dw"),
    ),
    Claim(
        "6",
        "nets-phases-of-error",
        "The phases of nets are regimes of the test error: it depends on T alone where noise "
        "dominates, on eta alone beyond B*, and on neither in gradient descent.",
        Whose.PNAS,
        Table.PAPERS,
        judged="exponents of the test error in B at one T, in B at one eta, and in both, against 0",
        refuted="one net and phase at which 0 is excluded and an exponent departs by more than "
        f"{_EXPONENT:g}",
        command=_MAPS.format("auto"),
        estimator=_WITHIN,
        measure=_slopes("test_error"),
        draw=_draw_map("test_error"),
    ),
    Claim(
        "6",
        "nets-law-T-c",
        "Noise takes over from gradient descent at T_c = kappa/(u h <K>), u = 1/2, of the kernel.",
        Whose.OURS,
        Table.OURS,
        judged="ln (T_c / predicted), seed by seed, against 0; the range of u is its error",
        refuted=f"one net at which 0 is excluded by more than {_BOUNDARY:g}",
        command=_MAPS.format("lazy"),
        estimator=_LAW,
        measure=_boundary("T_c_over_kappa", "T_c/kappa"),
        draw=_draw_boundary("T_c_over_kappa", "T_c / kappa"),
    ),
    Claim(
        "6",
        "nets-law-B-star",
        "The first step takes over from noise at the B* at which the first step of the kernel is "
        "as long as what noise makes of ||w - w_0||.",
        Whose.OURS,
        Table.OURS,
        judged="ln (B* / predicted), seed by seed, against 0; the range of u is its error",
        refuted=f"one net at which 0 is excluded by more than {_BOUNDARY:g}",
        command=_MAPS.format("lazy"),
        estimator=_LAW,
        measure=_boundary("B_star", "B*"),
        draw=_draw_boundary("B_star", "B*"),
    ),
)
