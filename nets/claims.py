"""Claims about nets, judged by the summaries of ``nets scan``, ``nets lazy`` and net planes."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from nets.max_margin.claims import CLAIMS as MAX_MARGIN
from nets.phase.claims import CLAIMS as PHASES
from nets.phase.entries import NetDelay, NetOnsets, Regime
from perceptron_sim.analysis.exponents import ExponentRow
from perceptron_sim.claims.claim import Claim, Measurement, Quantifier, Table, Whose
from perceptron_sim.claims.evidence import Evidence, Folder
from perceptron_sim.claims.panels import drawn, grouped, means, power_law, with_laws
from perceptron_sim.claims.perceptron import TENTH, measured_exponent
from perceptron_sim.claims.regimes import delays, growth_panel
from perceptron_sim.claims.registry import register
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.intervals import mixed_dof, quantile
from perceptron_sim.names import number_text
from perceptron_sim.phase.entries import dof_of

NET, LAZY = "net", "lazy"
_KIND = ("data", "arch", "depth", "width", "B")
# Departures that count as agreement.
_ON_T = {"delta": 0.05, "t_star_on_T": 0.1}
_ON_P = {"gamma": 0.05, "b": 0.1}
_A, _K = 0.1, 0.1
_LAZY_FACTOR = 2.0
# k is fitted at alpha so far below the lazy boundary, as nets.phase.alpha_temperature does.
_FAR_BELOW = 16.0
# Departures are fitted with |beta| up to 3: an end there is no result.
_LARGEST_BETA = 2.99
# Movement within this factor of ||w_0|| is O(1).
_ORDER_ONE = 10.0
_OF = {"t_star": "t* of trained nets", "test_error": "test error of trained nets"}
_LABELS = {"P": "training-set size P", "T": "temperature T = eta / (B h)"}
_MOVED = "||w - w_0|| / ||w_0||"
_WORDS = {NET: "trained", LAZY: "linearised"}


def _name(net: Any, kind: str, data: str | None = None) -> str:
    """Return a name for what has depth and width, and maybe arch and data."""
    size = f" L = {net.depth}, h = {net.width}" if net.depth else ""
    data = data or getattr(net, "data", "data")
    return f"{kind} {getattr(net, 'arch', 'mlp')}{size} on {data}".strip()


def _rows(evidence: Evidence, quantity: str, models: Sequence[str]) -> Iterator[ExponentRow]:
    for _, row in evidence.rows("exponents", ExponentRow):
        if row.model in models and row.quantity == quantity:
            yield row


def _exponents(
    models: Sequence[str], claimed: Mapping[str, tuple[float, float]]
) -> Callable[[Evidence], list[Measurement]]:
    """Return a finder of exponents of some models.

    Args:
        models: NET, LAZY or both.
        claimed: what is expected of each quantity, and what counts as agreement.
    """

    def measure(evidence: Evidence) -> list[Measurement]:
        found = []
        for quantity, (expected, resolution) in claimed.items():
            for row in _rows(evidence, quantity, models):
                misfit = row.chi2_per_dof
                measured = measured_exponent(
                    row,
                    _name(row, row.model),
                    resolution=resolution,
                    expected=expected,
                    systematic=row.systematic,
                    note="" if misfit is None else f"chi2/dof = {misfit:.1f}",
                )
                found += [] if measured is None else [measured]
        return found

    return measure


def _trained_less_lazy(evidence: Evidence) -> list[Measurement]:
    """gamma and b of trained nets less those of their linearisation, where both are at hand."""
    found = []
    for quantity, resolution in _ON_P.items():
        lazy = {_kind(row): row for row in _rows(evidence, quantity, (LAZY,))}
        for row in _rows(evidence, quantity, (NET,)):
            other = lazy.get(_kind(row))
            if other is None:
                continue
            both = [measured_exponent(each, "", resolution=resolution) for each in (row, other)]
            known = [each for each in both if each is not None]
            variances = [(each.std_error**2, each.dof) for each in known]
            dof = mixed_dof(variances)
            half = quantile(dof) * math.sqrt(sum(variance for variance, _ in variances))
            value = row.measured - other.measured
            found.append(
                Measurement(
                    quantity=f"{quantity} trained less {quantity} lazy",
                    model=_name(row, ""),
                    value=value,
                    ci_low=value - half,
                    ci_high=value + half,
                    window=f"trained: {row.window}; lazy: {other.window}",
                    n_seeds=min(row.n_seeds, other.n_seeds),
                    dof=dof,
                    resolution=resolution,
                    expected=0.0,
                    systematic=math.hypot(row.systematic or 0.0, other.systematic or 0.0),
                )
            )
    return found


def _kind(row: ExponentRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _KIND)


def _regimes(evidence: Evidence) -> Iterator[tuple[str, Regime]]:
    """Yield (name of the net, what its map says)."""
    for folder, row in evidence.rows("regimes", Regime):
        yield _name(row, NET, str(folder.summary.get("data", "data"))), row


def _k(name: str) -> Callable[[Evidence], list[Measurement]]:
    def measure(evidence: Evidence) -> list[Measurement]:
        rows = [(net, row, getattr(row, f"k_of_{name}")) for net, row in _regimes(evidence)]
        return [
            Measurement(
                quantity=f"k of {name} ~ alpha^k",
                model=net,
                value=k.measured,
                ci_low=k.ci_low,
                ci_high=k.ci_high,
                window=k.window,
                n_seeds=row.n_seeds,
                dof=dof_of(k, k.n_points - 2),
                resolution=_K,
                expected=row.k_predicted,
                systematic=k.systematic,
            )
            for net, row, k in rows
            if k is not None
        ]

    return measure


def _opposite(evidence: Evidence) -> list[Measurement]:
    """The weaker of the two slopes of ln(test error), positive if they have opposite signs.

    Both must be told from 0 for an instance, so the one that is less certain is judged.
    """
    found = []
    ways_of = (
        (f"{net}{of}", row, ways)
        for net, row in _regimes(evidence)
        for of, ways in (("", row.opposition), (", average", row.opposition_of_average))
    )
    for net, row, ways in ways_of:
        if ways is None or ways.raise_T is None or ways.lower_alpha is None:
            continue
        both = (ways.raise_T, ways.lower_alpha)
        weaker = min(both, key=lambda s: abs(s.measured) / (s.ci_high - s.ci_low))
        opposite = both[0].measured * both[1].measured < 0.0
        value = abs(weaker.measured) * (1.0 if opposite else -1.0)
        half = 0.5 * (weaker.ci_high - weaker.ci_low)
        found.append(
            Measurement(
                quantity="weaker slope of ln(test error), positive if T and 1/alpha oppose",
                model=net,
                value=value,
                ci_low=value - half,
                ci_high=value + half,
                window=ways.raise_T.window,
                n_seeds=row.n_seeds,
                dof=dof_of(weaker, row.n_seeds - 1),
                resolution=0.0,
                expected=0.0,
                expected_high=math.inf,
                note=f"on ln T {both[0]:.3f}, on ln(1/alpha) {both[1]:.3f}",
            )
        )
    return found


def _lazy_boundary(evidence: Evidence) -> list[Measurement]:
    found = []
    for net, row in _regimes(evidence):
        at, predicted = row.lazy_boundary.T_at_large_alpha, row.lazy_boundary.T_predicted
        if at is None or predicted is None:
            continue
        found.append(
            Measurement(
                quantity="ln (T of the lazy boundary / T predicted by linearised nets)",
                model=net,
                value=math.log(at.value / predicted),
                ci_low=math.log(at.ci_low / predicted),
                ci_high=math.log(at.ci_high / predicted),
                window=at.window,
                n_seeds=row.n_seeds,
                dof=dof_of(at, math.inf),
                resolution=0.0,
                # Nets that have moved by a tenth are no longer linear: agreement is up to O(1).
                expected=-math.log(_LAZY_FACTOR),
                expected_high=math.log(_LAZY_FACTOR),
                note=f"predicted within a factor {_LAZY_FACTOR:g}",
            )
        )
    return found


def _a(evidence: Evidence) -> list[Measurement]:
    """a - gamma/delta, T_c where the test error of trained nets begins to change.

    A level that the weights of linearised nets pass has a = gamma/delta by construction, so it is
    no evidence. Nor is a T_c at which the weights have not moved by O(1).
    """
    found = []
    for _, net in evidence.rows("nets", NetOnsets):
        for onset in net.onsets:
            difference = onset.difference
            if onset.quantity != "test_error" or difference is None:
                continue
            moved = all(1.0 / _ORDER_ONE <= each <= _ORDER_ONE for each in onset.moved)
            if abs(onset.beta or 0.0) > _LARGEST_BETA or not onset.moved:
                continue
            reach = f"{min(onset.moved):.2g} to {max(onset.moved):.2g} ||w_0||"
            found.append(
                Measurement(
                    quantity="a - gamma/delta, T_c by the test error",
                    model=_name(net, onset.by),
                    value=difference.measured,
                    ci_low=difference.ci_low,
                    ci_high=difference.ci_high,
                    window=onset.window,
                    n_seeds=net.n_seeds,
                    dof=dof_of(difference, net.n_seeds - 1),
                    resolution=_A,
                    expected=0.0 if moved else None,
                    note=f"a = {onset.a:.3f}; at T_c weights have moved by {reach}",
                )
            )
    return found


def _draw_scan(
    on: str, column: str, symbol: str, slope: float, law: str
) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw a column of runs on T or P, a power law that is claimed through each series."""
    other = "T" if on == "P" else "P"

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for at, runs in _scanned(evidence):
            series: list[Series] = []
            for fixed, members in grouped(runs, (other,)):
                points = means(members, on, column, f"{other} = {number_text(fixed[other])}")
                if points is not None:
                    series.append(points)
            panels.append(
                Panel(_net(at, at["model"]), _LABELS[on], symbol, with_laws(series, slope, law))
            )
        return drawn(panels)

    return draw


def _net(at: dict[str, Any], kind: str) -> str:
    return _name(SimpleNamespace(**at), kind)


def _scanned(evidence: Evidence) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (net, its runs) of scans, with how far its weights moved and what grows as b - 2 gamma.

    A net started at 0 has no scale to refer to.
    """
    rows = evidence.rows("exponents", ExponentRow)
    for folder in dict.fromkeys(folder for folder, row in rows if row.model in (NET, LAZY)):
        for at, runs in grouped(folder.runs, ("model", "shared_seeds", *_KIND)):
            moved = runs["dw" if runs["dw_rel"].isna().any() else "dw_rel"]
            yield at, runs.assign(moved=moved, ratio=runs["t_star"] / moved**2)


def _draw_side_by_side(evidence: Evidence) -> tuple[Panel, ...]:
    """Trained nets and their linearisation, over T, where both are at hand."""
    found: dict[tuple[Any, ...], list[tuple[str, pd.DataFrame]]] = {}
    for at, runs in _scanned(evidence):
        found.setdefault(tuple(at[name] for name in _KIND), []).append((at["model"], runs))
    panels = []
    for kind, members in found.items():
        if {model for model, _ in members} != {NET, LAZY}:
            continue
        title = _net(dict(zip(_KIND, kind, strict=True)), "")
        for column, symbol in (("moved", f"{_MOVED} / T"), ("t_star", "t* / T")):
            series = []
            for model, runs in members:
                for T, same in grouped(runs, ("T",)):
                    label = f"{_WORDS[model]}, T = {number_text(T['T'])}"
                    scaled = same.assign(y=same[column] / same["T"])
                    points = means(scaled, "P", "y", label)
                    if points is not None:
                        series.append(points)
            panels.append(Panel(title, _LABELS["P"], symbol, series))
    return drawn(panels)


def _maps(evidence: Evidence) -> Iterator[tuple[str, float, float, Regime, pd.DataFrame]]:
    """Yield (net, T and alpha of its lazy boundary, what its map says, its trained runs)."""
    for folder, regime in evidence.rows("regimes", Regime):
        ends = regime.lazy_boundary
        if ends.T_at_large_alpha is None or ends.alpha_at_small_T is None:
            continue
        runs = folder.runs[folder.runs["model"] == NET]
        for name in ("depth", "width", "B", "P"):
            runs = runs[runs[name] == getattr(regime, name)]
        net = _name(regime, NET, str(folder.summary.get("data", "data")))
        yield net, ends.T_at_large_alpha.value, ends.alpha_at_small_T.value, regime, runs


def _ends(values: pd.Series) -> list[float]:
    """Return the least and the largest of some values, each once."""
    return sorted({float(values.min()), float(values.max())}) if len(values) else []


def _draw_opposition(evidence: Evidence) -> tuple[Panel, ...]:
    """Test error on either way out of the lazy regime, as far as slopes are fitted."""
    panels = []
    for net, T, alpha, _, runs in _maps(evidence):
        series: list[Series | None] = []
        for fixed, beyond, held, label in (
            ("alpha", runs["T"] / T, runs["alpha"] >= 4.0 * alpha, "raising T at alpha"),
            ("T", alpha / runs["alpha"], runs["T"] <= T / 4.0, "lowering alpha at T"),
        ):
            window = held & (beyond >= 0.25) & (beyond <= 64.0)
            chosen = runs.assign(beyond=beyond)[window]
            for value in _ends(chosen[fixed]):
                members = chosen[chosen[fixed] == value]
                series.append(
                    means(members, "beyond", "test_error", f"{label} = {number_text(value)}")
                )
        panels.append(
            Panel(
                net,
                "T / T_lazy or alpha_lazy / alpha",
                "test error",
                [points for points in series if points is not None],
            )
        )
    return drawn(panels)


def _draw_boundary(evidence: Evidence) -> tuple[Panel, ...]:
    """Movement of the weights on T in the lazy regime, and where linearised nets reach a tenth."""
    panels = []
    for net, _, alpha_lazy, regime, runs in _maps(evidence):
        far = runs[runs["alpha"] >= 4.0 * alpha_lazy]
        series = [
            points
            for alpha in _ends(far["alpha"])
            if (
                points := means(
                    far[far["alpha"] == alpha], "T", "dw_rel", f"alpha = {number_text(alpha)}"
                )
            )
        ]
        at = regime.lazy_boundary.T_predicted
        if series and at is not None:
            heights = [y for points in series for y in points.y]
            bottom, top = min(heights), max(heights)
            label = "linearised nets reach 0.1"
            series.append(Series(label, [at, at], [bottom, top], line=True, theory=True))
        panels.append(Panel(net, _LABELS["T"], _MOVED, series))
    return drawn(panels)


def _draw_rows(
    column: str, symbol: str, ends: tuple[str, str]
) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw a column of the rows over alpha, bars between ``ends``, theory where k is fitted."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for net, regime in _regimes(evidence):
            rows = [row for row in regime.rows if getattr(row, column) is not None]
            if len(rows) < 2:
                continue
            names = ("alpha", column, *ends)
            x, y, low, high = ([getattr(row, name) for row in rows] for name in names)
            series = [Series(symbol, x, y, low, high)]
            end = regime.lazy_boundary.alpha_at_small_T
            alpha_lazy = 0.0 if end is None else end.value
            fitted = [i for i in range(len(x)) if x[i] <= alpha_lazy / _FAR_BELOW]
            k = regime.k_predicted
            if len(fitted) > 1 and k is not None:
                window = Series("", [x[i] for i in fitted], [y[i] for i in fitted])
                series.append(power_law(window, k, f"theory, alpha^{k:.2g}"))
            panels.append(Panel(net, "alpha", symbol, series))
        return drawn(panels)

    return draw


def _draw_late(evidence: Evidence) -> tuple[Panel, ...]:
    panels = []
    for folder, row in evidence.rows("noise_delay_of_nets", NetDelay):
        runs = folder.runs[folder.runs["model"] == row.model]
        for name in ("depth", "width", "B", "P", "alpha"):
            runs = runs[np.isclose(runs[name].astype(float), getattr(row, name))]
        panels.append(growth_panel(_late_name(folder, row), runs, row))
    return drawn(panels)


def _late_name(folder: Folder, row: NetDelay) -> str:
    data = row.data or str(folder.summary.get("data", "data"))
    return f"{_name(row, row.model, data)}, alpha = {number_text(row.alpha)}"


def _late(evidence: Evidence) -> list[Measurement]:
    rows = evidence.rows("noise_delay_of_nets", NetDelay)
    return delays([(_late_name(folder, row), row) for folder, row in rows])


def _draw_onset(evidence: Evidence) -> tuple[Panel, ...]:
    panels = []
    for _, net in evidence.rows("nets", NetOnsets):
        series: list[Series] = []
        for onset in net.onsets:
            if onset.by != NET or onset.gamma_over_delta is None:
                continue
            points = Series(
                _OF.get(onset.quantity) or f"||w - w_0|| = {onset.level:g} ||w_0||",
                [at.P for at in onset.T_c],
                [at.value for at in onset.T_c],
                [at.ci_low for at in onset.T_c],
                [at.ci_high for at in onset.T_c],
            )
            ratio = onset.gamma_over_delta.measured
            series += [points, power_law(points, -ratio, f"P^-{ratio:.2f}, gamma/delta")]
        title = _name(net, "")
        panels.append(Panel(title, _LABELS["P"], "T_c", series))
    return drawn(panels)


_LAZY_SCAN = (
    "perceptron-sim nets lazy --data mnist --depth 5 --width 128 "
    "-P 256,512,1024,2048,4096,8192,16384 -T 2^-13:4:16 --seeds 8"
)
_NET_SCAN = (
    "perceptron-sim nets scan --data mnist --depth 5 --width 128 "
    "-P 256,512,1024,2048,4096,8192,16384 -T 2^-12,2^-10 --seeds 10"
)
_ALPHA_T = "perceptron-sim phase --plane alpha-T --data mnist -P 512 --width 64 --depth 1,3,5"
_LATE = (
    "perceptron-sim phase --plane alpha-T --depth 1,3 --alpha 4,16,64 -T 2^-9:2^-3:7 --seeds 8 "
    "--uniform"
)
_P_T = (
    "perceptron-sim phase --plane P-T --data mnist --depth 5 --width 128 -B 16 "
    "-P 256,512,1024,2048 -T 2^-9:2^-2:15 --seeds 6"
)
_SLOPE = "weighted least squares of the mean log over seeds"
_K_OF = "least squares of ln {} on ln alpha, alpha up to 1/16 of the lazy boundary"

CLAIMS: Sequence[Claim] = (
    Claim(
        "1",
        "noise-against-alpha",
        "Raising T and lowering alpha both leave the lazy regime, and can act on the test error "
        "in opposite ways.",
        quantifier=Quantifier.EXISTS,
        judged="slopes of ln(test error) on ln T and on ln(1/alpha) beyond the lazy boundary: "
        "whether both differ from 0 and their signs are opposite",
        refuted="nothing here: nets in which both act in the same way do not refute it, and the "
        "claim is then not seen",
        command=_ALPHA_T,
        estimator=f"{_SLOPE} of the test error, on either way; the less certain slope is judged",
        measure=_opposite,
        draw=_draw_opposition,
    ),
    Claim(
        "1",
        "lazy-boundary",
        "Nets are lazy for alpha >> 1 up to about the T that their linearisation predicts.",
        Whose.OURS,
        Table.OURS,
        judged=f"T at which ||w - w_0|| = 0.1 ||w_0|| over that of linearised nets, against 1 "
        f"within a factor {_LAZY_FACTOR:g}",
        refuted=f"one net in which the two differ by more than a factor {_LAZY_FACTOR:g}",
        command=_ALPHA_T,
        estimator="crossing of the level on lines of cells, mean over the outermost",
        measure=_lazy_boundary,
        draw=_draw_boundary,
    ),
    Claim(
        "2",
        "T-opt",
        "The test error is least at T_opt ~ alpha^k for alpha << 1, k = (D-1)/(D+1).",
        judged="k of T_opt ~ alpha^k against (D-1)/(D+1)",
        refuted=f"one net at which the prediction is excluded and k departs by more than {_K:g}",
        command=_ALPHA_T,
        estimator=_K_OF.format("T_opt"),
        measure=_k("T_opt"),
        draw=_draw_rows("T_opt", "T_opt", ("T_opt_ci_low", "T_opt_ci_high")),
    ),
    Claim(
        "2",
        "T-max",
        "Training fails above T_max(alpha) ~ alpha^k for alpha << 1, k = (D-1)/(D+1).",
        Whose.OURS,
        Table.OURS,
        judged="k of T_max ~ alpha^k against (D-1)/(D+1)",
        refuted=f"one net at which the prediction is excluded and k departs by more than {_K:g}",
        command=_ALPHA_T,
        estimator=_K_OF.format("T_max"),
        measure=_k("T_max"),
        draw=_draw_rows("T_max", "T_max", ("T_max_fits", "T_max_fails")),
    ),
    Claim(
        "3",
        "nets-t-star-on-T",
        "Trained nets in the lazy regime: t* ~ T.",
        judged="slope of ln t* on ln T against 1",
        refuted=f"one net at which 1 is excluded and the slope departs by more than "
        f"{_ON_T['t_star_on_T']:g}",
        command=_NET_SCAN,
        estimator=_SLOPE,
        measure=_exponents((NET,), {"t_star_on_T": (1.0, _ON_T["t_star_on_T"])}),
        draw=_draw_scan("T", "t_star", "t*", 1.0, "slope 1"),
    ),
    Claim(
        "3",
        "T-c-on-P",
        "Nets leave the lazy regime at T_c ~ P^-a with a = gamma/delta.",
        judged="a - gamma/delta against 0, T_c by the test error of trained nets, where weights "
        "have moved by O(1)",
        refuted=f"one net at which 0 is excluded by more than {_A:g}",
        command=_P_T,
        estimator="T_c at which the test error of trained nets departs from that of linearised "
        "ones; least squares of ln T_c on ln P, less gamma/delta of the same seeds, linearised; "
        "jackknife over seeds",
        measure=_a,
        draw=_draw_onset,
    ),
    Claim(
        "3",
        "nets-delta",
        "Trained nets in the lazy regime: ||w - w_0||/||w_0|| ~ T^delta with delta = 1.",
        Whose.OURS,
        Table.OURS,
        judged="delta against 1; the papers leave delta of nets open",
        refuted=f"one net at which 1 is excluded and delta departs by more than {_ON_T['delta']:g}",
        command=_NET_SCAN,
        estimator=_SLOPE,
        measure=_exponents((NET,), {"delta": (1.0, _ON_T["delta"])}),
        draw=_draw_scan("T", "moved", _MOVED, 1.0, "slope 1"),
    ),
    Claim(
        "3",
        "trained-as-lazy",
        "Trained nets at alpha >> 1 have the exponents gamma and b of their linearisation.",
        Whose.OURS,
        Table.OURS,
        judged="gamma and b of trained nets less those of their linearisation against 0",
        refuted=f"one net at which 0 is excluded by more than {_ON_P['gamma']:g} in gamma or "
        f"{_ON_P['b']:g} in b",
        command=f"{_LAZY_SCAN} --out lazy; {_NET_SCAN} --out net; perceptron-sim report lazy net",
        estimator=f"{_SLOPE}; difference of the two, errors together",
        measure=_trained_less_lazy,
        draw=_draw_side_by_side,
    ),
    Claim(
        "3",
        "lazy-on-T",
        "Linearised nets at kappa << T: ||w - w_0|| ~ T and t* ~ T.",
        Whose.OURS,
        Table.SYMMETRY,
        judged="slopes of ln ||w - w_0|| and ln t* on ln T against 1, exact for kappa/T -> 0",
        refuted=f"one net at which 1 is excluded by more than {_ON_T['delta']:g} or "
        f"{_ON_T['t_star_on_T']:g}: a fault of the program, or T too near kappa",
        command=_LAZY_SCAN,
        estimator=_SLOPE,
        measure=_exponents((LAZY,), {name: (1.0, width) for name, width in _ON_T.items()}),
        draw=_draw_scan("T", "moved", _MOVED, 1.0, "slope 1"),
    ),
    Claim(
        "4",
        "nets-late-noise",
        "Noise acts late in nets: what T adds to the weights comes later than their own movement.",
        judged="delay in ln t of what noise adds to the weights after their movement, against > 0",
        refuted="one net and alpha at which the delay is below 0",
        command=_LATE,
        estimator="mean of ln t over the growth of d||w - w_0||/dT, less that over the growth of "
        "||w - w_0||, both for T -> 0 by lines in T up to T_c; jackknife over seeds",
        measure=_late,
        draw=_draw_late,
    ),
    Claim(
        "5",
        "nets-b-gamma",
        "Nets too obey b = 1 + 2 gamma, whatever their chi.",
        Whose.OURS,
        Table.OURS,
        judged="b - 1 - 2 gamma measured over a window of P against 0, as for perceptrons",
        refuted=f"one net at which 0 is excluded and b - 1 - 2 gamma departs by more than "
        f"{TENTH:g}",
        command=_LAZY_SCAN,
        estimator=f"{_SLOPE} of t*/||w - w_0||^2",
        measure=_exponents((NET, LAZY), {"b - 1 - 2 gamma": (0.0, TENTH)}),
        draw=_draw_scan("P", "ratio", "t* (||w_0|| / ||w - w_0||)^2", 1.0, "predicted, P^1"),
    ),
)

register((*CLAIMS, *PHASES, *MAX_MARGIN))
