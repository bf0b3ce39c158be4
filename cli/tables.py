"""The tables that scans end with."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from perceptron_sim.words import counted

if TYPE_CHECKING:
    from perceptron_sim.analysis.exponents import ExponentRow
    from perceptron_sim.analysis.limits import Limit
    from perceptron_sim.analysis.local import Local

_NAMES = {
    "delta": "delta: {} on T",
    "t_star_on_T": "t* on T",
    "gamma": "gamma: {} on P",
    "b": "b: t* on P",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
    "chi_eff": "chi_eff = 1/gamma - 1",
}
# Parameters that runs may share, in the order of the columns.
_SHARED = ("data", "arch", "chi", "d", "depth", "width", "act", "B", "shared_seeds")
_LEGEND = {
    "P/d -> inf": "P/d -> inf: asymptotic prediction, which exponents measured at finite P/d "
    "approach slowly.",
    "finite P/d": "finite P/d: the same fit to the means that theory predicts at the same points, "
    "+- one standard error; agree: at 95 %, both errors together; -: outside what is predicted "
    "(docs/theory.md).",
    "kernel": "kernel: the same fit to the max-margin law of these kernels with u = 1/2, +- one "
    "standard error; agree: at 95 %, both errors together (docs/lazy.md).",
}

_INTERVALS = (
    "95 % interval: statistical, Student t over seeds. syst.: largest shift when a third "
    "of the window is left out."
)
_NOTHING_TO_FIT = (
    "nothing to fit: a fit needs two values of T or of P, each with two seeds and every run fitted"
)


def print_exponents(rows: "Sequence[ExponentRow]", left_out: int, copies: int = 0) -> None:
    """Print rows of exponents, one table per model, with their windows, and what was left out."""
    if not rows:
        click.echo(_NOTHING_TO_FIT)
    for model in dict.fromkeys(row.model for row in rows):
        _print_model(model, [row for row in rows if row.model == model])
    if left_out:
        click.echo(f"{left_out} grid points left out of the fits: some run there was not fitted.")
    if copies:
        click.echo(
            f"{counted(copies, 'run')} left out of the fits: the trajectory of another run in "
            "other units (same seed, same kappa/T), which counts once."
        )


def print_limits(found: "Sequence[Limit]") -> None:
    """Print exponents extrapolated to P -> infinity, and from two d on to d -> infinity."""
    from cli.output import number, print_table

    if not found:
        return
    rows = [
        [
            row.quantity,
            f"{row.chi:g}",
            "-> inf" if row.d is None else str(row.d),
            f"{row.measured:.3f}",
            f"[{_end(row.ci_low)}, {_end(row.ci_high)}]",
            number(row.systematic, 2),
            _end(row.predicted),
        ]
        for row in found
    ]
    print_table(
        "limits P -> infinity: exponents fitted with a correction P^(-1/(1+chi))",
        ["exponent", "chi", "d", "limit", "95 % interval", "syst.", "theory"],
        rows,
    )
    click.echo(
        "theory: at fixed d equation (26) of docs/theory.md; for d -> inf the paper's exponents. "
        "syst.: largest shift with a steeper correction or without the lower third of P."
    )


def print_local(found: "Sequence[Local]") -> None:
    """Print exponents between neighbouring P next to predictions, and both limits."""
    from cli.output import print_table
    from perceptron_sim.theory import exponents, exponents_at_dimension

    if not found:
        return
    points: dict[tuple[Any, ...], list[Local]] = {}
    for row in found:
        points.setdefault((row.chi, row.d, row.B, row.P_over_d), []).append(row)
    rows = []
    for (chi, d, B, P_over_d), two in points.items():
        cells = [f"{chi:g}", str(d), str(B), f"{P_over_d:.3g}"]
        for row in two:
            limits = exponents_at_dimension(chi, d), exponents(chi)
            cells += [
                f"{row.measured:.3f} [{_end(row.ci_low)}, {_end(row.ci_high)}]",
                _end(row.predicted),
                ", ".join(f"{getattr(limit, row.quantity):.3f}" for limit in limits),
            ]
        rows.append(cells)
    gamma, b = (
        [f"{name} [95 % interval]", "predicted", "limits"] for name in ("local gamma", "local b")
    )
    print_table(
        "local exponents, between neighbouring P",
        ["chi", "d", "B", "P/d", *gamma, *b],
        rows,
    )
    click.echo(
        "limits: P -> infinity at this d, equation (26) of docs/theory.md; d -> infinity after it, "
        "the paper's exponents."
    )


def _print_model(model: str, rows: "Sequence[ExponentRow]") -> None:
    from cli.output import number, print_table
    from perceptron_sim.analysis.exponents import AGREES
    from perceptron_sim.store.schema import PERCEPTRON

    perceptron = model == PERCEPTRON
    size = "||w||" if perceptron else "||dw||/||w0||"
    windows = sorted({row.window for row in rows})
    mark = {window: chr(ord("a") + i) if i < 26 else str(i) for i, window in enumerate(windows)}
    columns: dict[str, list[str]] = {
        "exponent": [_NAMES[row.quantity].format(size) for row in rows]
    }
    for name in _SHARED:
        values = [getattr(row, name) for row in rows]
        if len(set(values)) > 1 or (perceptron and name == "chi"):
            columns[name] = [number(v) if isinstance(v, float) else str(v) for v in values]
    columns["measured"] = [f"{row.measured:.3f}" for row in rows]
    columns["95 % interval"] = [f"[{_end(row.ci_low)}, {_end(row.ci_high)}]" for row in rows]
    columns["syst."] = [number(row.systematic, 2) for row in rows]
    if perceptron:
        columns["P/d -> inf"] = [_end(row.asymptotic) for row in rows]
        columns["finite P/d"] = [_finite_size(row) for row in rows]
        columns["agree"] = [AGREES[row.agrees] for row in rows]
    else:
        columns["paper"] = [number(row.asymptotic, 2) for row in rows]
        columns["chi2/dof"] = [number(row.chi2_per_dof, 2) for row in rows]
        if any(row.finite_size is not None for row in rows):
            columns["kernel"] = [_finite_size(row) for row in rows]
            columns["agree"] = [AGREES[row.agrees] for row in rows]
    columns["seeds"] = [str(row.n_seeds) for row in rows]
    columns["window"] = [mark[row.window] for row in rows]
    laws = "||w|| ~ T^delta P^gamma" if perceptron else "||w - w0||/||w0|| ~ T^delta P^gamma"
    print_table(
        f"{laws},  t* ~ T P^b",
        list(columns),
        [list(cells) for cells in zip(*columns.values(), strict=True)],
    )
    for window in windows:
        click.echo(f"window {mark[window]}: {window}")
    legend = [text for name, text in _LEGEND.items() if name in columns]
    click.echo("\n".join([_INTERVALS, *legend]))


def _end(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def print_collapses(found: list[Any]) -> None:
    """Print how well series of different d collapse."""
    from cli.output import print_table

    if found:
        print_table(
            "collapse of ||w||/(T sqrt d) and t*/(T d) over d: S = 1 within errors",
            ["observable", "chi", "against", "S", "spread in ln", "points"],
            [
                [
                    {"w_norm": "||w||", "t_star": "t*"}[c.observable],
                    f"{c.chi:g}",
                    c.abscissa,
                    f"{c.quality:.2f} +- {c.error:.2f}",
                    f"{c.rms:.3f}",
                    str(c.n_points),
                ]
                for c in found
            ],
        )


def _finite_size(row: Any) -> str:
    if row.finite_size is None:
        return "-"
    error = f" +- {row.finite_size_error:.3f}" if row.finite_size_error else ""
    return f"{row.finite_size:.3f}{error}"


def print_parting(rows: list[Any]) -> None:
    """Print the rows of ``nets.lazy.parting``: the T at which nets depart from linearisation."""
    from cli.output import number, print_table

    def shown(T: float | None) -> str:
        if T is None:
            return "beyond"
        return "below" if T == 0.0 else f"{T:.3g}"

    named = ("data", "arch", "chi", "d", "depth", "width", "act", "B", "kappa")
    extra = [name for name in named if len({getattr(row, name) for row in rows}) > 1]
    print_table(
        "T at which ||dw|| is 20 % off that of the net linearised at w0",
        ["P", *extra, "T", "95 % interval", "linearised ||dw||/||w0|| there", "seeds"],
        [
            [
                str(row.P),
                *(str(getattr(row, name)) for name in extra),
                shown(row.T),
                f"[{shown(row.ci_low)}, {shown(row.ci_high)}]",
                number(row.dw_rel, 3),
                str(row.n_seeds),
            ]
            for row in rows
        ],
    )
    for window in sorted({row.window for row in rows}):
        click.echo(f"T scanned: {window}; beyond and below: no such T in this range")


def print_averages(rows: list[Any]) -> None:
    """Print the rows of ``nets.averages``: the gain of the average over seeds."""
    from cli.output import number, print_table

    if not rows:
        return
    named = ("data", "arch", "chi", "d", "depth", "width", "act", "B", "kappa")
    extra = [name for name in named if len({getattr(row, name) for row in rows}) > 1]
    print_table(
        "test error of single runs (mean) and of the average of their outputs over seeds",
        ["P", "T", *extra, "single runs", "average", "95 % interval", "seeds"],
        [
            [
                *(str(row.P), number(row.T, 4), *(str(getattr(row, name)) for name in extra)),
                *(number(row.mean_error, 4), number(row.average_error, 4)),
                f"[{number(row.ci_low, 3)}, {number(row.ci_high, 3)}]",
                str(row.n_seeds),
            ]
            for row in rows
        ],
    )


def print_density(density: Any, rows: list[Any]) -> None:
    """Print chi_density next to chi from gamma and from b, as lines."""
    from cli.output import number

    about = (
        f"margins of the first gradient step at P = {density.P}, {density.n_seeds} seeds: "
        f"error {density.error:.3g}, smear {density.smear:.2g} of their spread"
    )
    if density.measured is None:
        click.echo(f"chi_density: not determined, Gaussian within the errors ({about})")
    else:
        interval = f"[{number(density.ci_low, 3)}, {number(density.ci_high, 3)}]"
        click.echo(f"chi_density = {density.measured:.3f} {interval} ({about})")
    for row in rows:
        if row.quantity == "b":
            ends = ", ".join(number(0.5 * (end - 1.0), 3) for end in (row.ci_low, row.ci_high))
            click.echo(f"(b - 1)/2 = {0.5 * (row.measured - 1.0):.3f} [{ends}], gamma in the paper")


def print_law(law: Any) -> None:
    """Print the max-margin law: its table at each P, and its exponents."""
    from cli.output import number, print_table

    def cell(value: Any) -> str:
        if value is None:
            return "-"
        ends = "" if value.ci_low is None else f" [{value.ci_low:.3g}, {value.ci_high:.3g}]"
        return f"{value.measured:.3g}{ends}"

    def net(row: Any) -> str:
        trained = "" if row.model == "lazy" else "trained "
        return f"{trained}{row.data} {row.arch} L {row.depth} h {row.width} B {row.B}"

    columns = ("net", "P", "omega", "support", "u", "n_hit", "cold", "hits hot", "hits cold")
    print_table(
        "max-margin law ||w - w0|| = (kappa + u kick) omega, kick = T h mean diag K",
        (*columns, "T_c", "T_lazy"),
        [
            (
                *(net(row), str(row.P), number(row.omega), number(row.n_support)),
                *(cell(row.u), number(row.batch_hits and row.batch_hits.measured, 3)),
                *map(cell, (row.cold, row.hits_hot, row.hits_cold)),
                *(number(row.T_c, 3), number(row.T_lazy, 3)),
            )
            for row in law.rows
        ],
    )
    click.echo(
        "cold: ||w - w0||/(kappa omega) at kick <= kappa/20, 1 by the law. hits: H T h over "
        "||w - w0|| omega, at most 1. T_lazy: up to there ||w - w0|| <= 0.1 ||w0||."
    )
    for fit in law.fits:
        parts = (fit.gamma, fit.gamma_omega, fit.hits, fit.nu)
        gamma, omega, hits, nu = map(cell, parts)
        click.echo(
            f"{net(fit)}: u {cell(fit.u)} over P, ~ P^ {cell(fit.drift)}; cold {cell(fit.cold)}; "
            f"residual {fit.residual:.2g}, worst {fit.worst:.2g}\n"
            f"  b {cell(fit.b)} = gamma {gamma} + gamma_omega {omega} + hits {hits} + nu {nu}; "
            f"support {cell(fit.support)}"
        )
