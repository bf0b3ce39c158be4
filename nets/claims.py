"""Claims about nets, judged by the summaries of ``nets scan``, ``nets lazy`` and net planes."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd

from perceptron_sim.claims.claim import Claim, Measurement
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn, grouped, means, power_law, with_laws
from perceptron_sim.claims.registry import register
from perceptron_sim.drawing.panels import Panel, Series
from perceptron_sim.names import number_text

_PAPER = "Sclocchi, Geiger, Wyart (2023)"
NET, LAZY = "net", "lazy"
_KIND = ("data", "arch", "depth", "width", "B")
_RESOLUTION = {"delta": 0.05, "t_star_on_T": 0.1, "gamma": 0.05, "b": 0.1, "b - 1 - 2 gamma": 0.1}
_SYMBOL = {
    "delta": "delta",
    "t_star_on_T": "slope of ln t* on ln T",
    "gamma": "gamma",
    "b": "b",
    "b - 1 - 2 gamma": "b - 1 - 2 gamma",
}
_LAZY_RATIO, _A, _K = 0.2, 0.1, 0.1
_LAZY_FACTOR = 2.0
# k is fitted at alpha so far below the lazy boundary, as nets.phase.alpha_temperature does.
_FAR_BELOW = 16.0
# Departures are fitted with |beta| up to 3: an end there is no result.
_LARGEST_BETA = 2.99
_LABELS = {"P": "training-set size P", "T": "temperature T = eta / (B h)"}
_MOVED = "||w - w_0|| / ||w_0||"
_WORDS = {NET: "trained", LAZY: "linearised"}


def _name(row: dict[str, Any], kind: str | None = None) -> str:
    size = f" L = {row['depth']}, h = {row['width']}" if row["depth"] else ""
    arch = f"{row['arch']}" if "arch" in row else "mlp"
    kind = row["model"] if kind is None else kind
    return f"{kind} {arch}{size} on {row.get('data', 'data')}".replace("  ", " ").strip()


def _rows(evidence: Evidence, quantity: str, models: Sequence[str]) -> Iterator[dict[str, Any]]:
    for _, row in evidence.rows("exponents"):
        if row["model"] in models and row["quantity"] == quantity and row["ci_low"] is not None:
            yield row


def _measurement(row: dict[str, Any], expected: float) -> Measurement:
    return Measurement(
        quantity=_SYMBOL[row["quantity"]],
        model=_name(row),
        value=row["measured"],
        ci_low=row["ci_low"],
        ci_high=row["ci_high"],
        window=row["window"],
        n_seeds=row["n_seeds"],
        resolution=_RESOLUTION[row["quantity"]],
        expected=expected,
        systematic=row["systematic"],
        note="" if row["chi2_per_dof"] is None else f"chi2/dof = {row['chi2_per_dof']:.1f}",
    )


def _one(quantity: str, expected: float) -> Callable[[Evidence], list[Measurement]]:
    def measure(evidence: Evidence) -> list[Measurement]:
        return [_measurement(row, expected) for row in _rows(evidence, quantity, (NET, LAZY))]

    return measure


def _trained_less_lazy(evidence: Evidence) -> list[Measurement]:
    """gamma and b of trained nets less those of their linearisation, where both are at hand."""
    found = []
    for quantity in ("gamma", "b"):
        lazy = {tuple(r[n] for n in _KIND): r for r in _rows(evidence, quantity, (LAZY,))}
        for row in _rows(evidence, quantity, (NET,)):
            other = lazy.get(tuple(row[n] for n in _KIND))
            if other is None:
                continue
            half = math.hypot(*(0.5 * (r["ci_high"] - r["ci_low"]) for r in (row, other)))
            value = row["measured"] - other["measured"]
            shifts = [r["systematic"] or 0.0 for r in (row, other)]
            found.append(
                Measurement(
                    quantity=f"{quantity} trained less {quantity} lazy",
                    model=_name(row, ""),
                    value=value,
                    ci_low=value - half,
                    ci_high=value + half,
                    window=f"trained: {row['window']}; lazy: {other['window']}",
                    n_seeds=min(row["n_seeds"], other["n_seeds"]),
                    resolution=_RESOLUTION[quantity],
                    expected=0.0,
                    systematic=math.hypot(*shifts),
                )
            )
    return found


def _regimes(evidence: Evidence) -> Iterator[dict[str, Any]]:
    for folder, row in evidence.rows("regimes"):
        yield {"data": folder.summary.get("data", "data"), "model": NET, **row}


def _k(name: str) -> Callable[[Evidence], list[Measurement]]:
    def measure(evidence: Evidence) -> list[Measurement]:
        return [
            Measurement(
                quantity=f"k of {name} ~ alpha^k",
                model=_name(row),
                value=row[f"k_of_{name}"]["measured"],
                ci_low=row[f"k_of_{name}"]["ci_low"],
                ci_high=row[f"k_of_{name}"]["ci_high"],
                window=row[f"k_of_{name}"]["window"],
                n_seeds=row["n_seeds"],
                resolution=_K,
                expected=row["k_predicted"],
                systematic=row[f"k_of_{name}"].get("systematic"),
            )
            for row in _regimes(evidence)
            if row[f"k_of_{name}"] is not None
        ]

    return measure


def _slopes(evidence: Evidence, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in _regimes(evidence):
        if row["opposition"] is not None and row["opposition"][name] is not None:
            yield row, row["opposition"][name]


def _opposite(evidence: Evidence) -> list[Measurement]:
    """Slope of ln(error) on ln T, counted positive where it opposes that on ln(1/alpha)."""
    found = []
    for row, on_T in _slopes(evidence, "raise_T"):
        on_alpha = row["opposition"]["lower_alpha"]
        if on_alpha is None or on_alpha["ci_low"] <= 0.0 <= on_alpha["ci_high"]:
            continue
        sign = -1.0 if on_alpha["measured"] > 0.0 else 1.0
        ends = sorted((sign * on_T["ci_low"], sign * on_T["ci_high"]))
        value = sign * on_T["measured"]
        found.append(
            Measurement(
                quantity="d ln(test error)/d ln T, positive if against that of 1/alpha",
                model=_name(row),
                value=value,
                ci_low=ends[0],
                ci_high=ends[1],
                window=on_T["window"],
                n_seeds=row["n_seeds"],
                # Decided where the interval leaves 0 out.
                resolution=max(abs(value), 1e-9),
                expected=0.0,
                expected_high=math.inf,
                note=f"d ln(test error)/d ln(1/alpha) = {on_alpha['measured']:.3f} "
                f"[{on_alpha['ci_low']:.3f}, {on_alpha['ci_high']:.3f}]",
            )
        )
    return found


def _lazy_boundary(evidence: Evidence) -> list[Measurement]:
    found = []
    for row in _regimes(evidence):
        at = row["lazy_boundary"]["T_at_large_alpha"]
        predicted = row["lazy_boundary"]["T_predicted"]
        if at is None or predicted is None:
            continue
        found.append(
            Measurement(
                quantity="ln (T of the lazy boundary / T predicted by linearised nets)",
                model=_name(row),
                value=math.log(at["value"] / predicted),
                ci_low=math.log(at["ci_low"] / predicted),
                ci_high=math.log(at["ci_high"] / predicted),
                window=at["window"],
                n_seeds=row["n_seeds"],
                resolution=_LAZY_RATIO,
                # Nets that have moved by a tenth are no longer linear: agreement is up to O(1).
                expected=-math.log(_LAZY_FACTOR),
                expected_high=math.log(_LAZY_FACTOR),
                note=f"predicted within a factor {_LAZY_FACTOR:g}",
            )
        )
    return found


def _a(evidence: Evidence) -> list[Measurement]:
    found = []
    for _, net in evidence.rows("nets"):
        for onset in net["onsets"]:
            difference = onset["difference"]
            if difference is None or abs(onset.get("beta", 0.0)) > _LARGEST_BETA:
                continue
            level = f" at {onset['level']:g}" if "level" in onset else ""
            found.append(
                Measurement(
                    quantity=f"a - gamma/delta, T_c by {onset['quantity']}{level}",
                    model=_name({**net, "model": onset["by"]}),
                    value=difference["measured"],
                    ci_low=difference["ci_low"],
                    ci_high=difference["ci_high"],
                    window=onset["window"],
                    n_seeds=net["n_seeds"],
                    resolution=_A,
                    expected=0.0,
                    note=f"a = {onset['a']['measured']:.3f} "
                    f"[{onset['a']['ci_low']:.3f}, {onset['a']['ci_high']:.3f}]",
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
            title = _name(at)
            panels.append(Panel(title, _LABELS[on], symbol, with_laws(series, slope, law)))
        return drawn(panels)

    return draw


def _scanned(evidence: Evidence) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (net, its runs) of scans, with how far its weights moved and what grows as b - 2 gamma.

    A net started at 0 has no scale to refer to.
    """
    for folder in evidence.folders:
        rows = folder.summary.get("exponents") or []
        if any(row.get("model") in (NET, LAZY) for row in rows):
            for at, runs in grouped(folder.runs, ("model", *_KIND)):
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
        title = _name(dict(zip(_KIND, kind, strict=True)), "")
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


def _maps(evidence: Evidence) -> Iterator[tuple[dict[str, Any], dict[str, Any], pd.DataFrame]]:
    """Yield (regime, its lazy boundary, its trained runs) where both ends of it are known."""
    for folder, regime in evidence.rows("regimes"):
        ends = regime["lazy_boundary"]
        if ends["T_at_large_alpha"] is None or ends["alpha_at_small_T"] is None:
            continue
        runs = folder.runs[folder.runs["model"] == NET]
        for name in ("depth", "width", "B", "P"):
            runs = runs[runs[name] == regime[name]]
        yield {"data": folder.summary.get("data", "data"), "model": NET, **regime}, ends, runs


def _ends(values: pd.Series) -> list[float]:
    """Return the least and the largest of some values, each once."""
    return sorted({float(values.min()), float(values.max())}) if len(values) else []


def _draw_opposition(evidence: Evidence) -> tuple[Panel, ...]:
    """Test error on either way out of the lazy regime, as far as slopes are fitted."""
    panels = []
    for regime, ends, runs in _maps(evidence):
        T, alpha = (ends[name]["value"] for name in ("T_at_large_alpha", "alpha_at_small_T"))
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
                _name(regime),
                "T / T_lazy or alpha_lazy / alpha",
                "test error",
                [points for points in series if points is not None],
            )
        )
    return drawn(panels)


def _draw_boundary(evidence: Evidence) -> tuple[Panel, ...]:
    """Movement of the weights on T in the lazy regime, and where linearised nets reach a tenth."""
    panels = []
    for regime, ends, runs in _maps(evidence):
        far = runs[runs["alpha"] >= 4.0 * ends["alpha_at_small_T"]["value"]]
        series = [
            points
            for alpha in _ends(far["alpha"])
            if (
                points := means(
                    far[far["alpha"] == alpha], "T", "dw_rel", f"alpha = {number_text(alpha)}"
                )
            )
        ]
        if series and ends["T_predicted"] is not None:
            heights = [y for points in series for y in points.y]
            at, bottom, top = ends["T_predicted"], min(heights), max(heights)
            label = "linearised nets reach 0.1"
            series.append(Series(label, [at, at], [bottom, top], line=True, theory=True))
        panels.append(Panel(_name(regime), _LABELS["T"], _MOVED, series))
    return drawn(panels)


def _draw_rows(
    column: str, symbol: str, ends: tuple[str, str]
) -> Callable[[Evidence], Sequence[Panel]]:
    """Draw a column of the rows over alpha, bars between ``ends``, theory where k is fitted."""

    def draw(evidence: Evidence) -> tuple[Panel, ...]:
        panels = []
        for regime in _regimes(evidence):
            rows = [row for row in regime["rows"] if row[column] is not None]
            if len(rows) < 2:
                continue
            names = ("alpha", column, *ends)
            x, y, low, high = ([row[name] for row in rows] for name in names)
            series = [Series(symbol, x, y, low, high)]
            alpha_lazy = (regime["lazy_boundary"]["alpha_at_small_T"] or {"value": 0.0})["value"]
            fitted = [i for i in range(len(x)) if x[i] <= alpha_lazy / _FAR_BELOW]
            if len(fitted) > 1:
                window = Series("", [x[i] for i in fitted], [y[i] for i in fitted])
                k = regime["k_predicted"]
                series.append(power_law(window, k, f"theory, alpha^{k:.2g}"))
            panels.append(Panel(_name(regime), "alpha", symbol, series))
        return drawn(panels)

    return draw


def _draw_onset(evidence: Evidence) -> tuple[Panel, ...]:
    panels = []
    for _, net in evidence.rows("nets"):
        series: list[Series] = []
        for onset in net["onsets"]:
            if onset["quantity"] != "dw_rel" or onset["gamma_over_delta"] is None:
                continue
            points = Series(
                f"{onset['by']}, ||w - w_0|| = {onset['level']:g} ||w_0||",
                [at["P"] for at in onset["T_c"]],
                [at["value"] for at in onset["T_c"]],
                [at["ci_low"] for at in onset["T_c"]],
                [at["ci_high"] for at in onset["T_c"]],
            )
            ratio = onset["gamma_over_delta"]["measured"]
            series += [points, power_law(points, -ratio, f"P^-{ratio:.2f}, gamma/delta")]
        title = _name(net, "")
        panels.append(Panel(title, _LABELS["P"], "T_c", series))
    return drawn(panels)


def _claim(number: str, key: str, statement: str, where: str, **rest: Any) -> Claim:
    return Claim(key=key, number=number, statement=statement, source=f"{_PAPER}, {where}", **rest)


_LAZY_SCAN = (
    "perceptron-sim nets lazy --data mnist --depth 5 --width 128 "
    "-P 256,512,1024,2048,4096,8192,16384 -T 2^-13:4:16 --seeds 8"
)
_NET_SCAN = (
    "perceptron-sim nets scan --data mnist --depth 5 --width 128 "
    "-P 256,512,1024,2048,4096,8192,16384 -T 2^-12,2^-10 --seeds 10"
)
_ALPHA_T = "perceptron-sim phase --plane alpha-T --data mnist -P 512 --width 64 --depth 1,3,5"
_P_T = (
    "perceptron-sim phase --plane P-T --data mnist --depth 5 --width 128 -B 16 "
    "-P 256,512,1024,2048,4096,8192 -T 2^-8:4:11 --seeds 8 --kernel lazy"
)
_SLOPE = "weighted least squares of the mean log over seeds"

CLAIMS: Sequence[Claim] = (
    _claim(
        "1",
        "noise-against-alpha",
        "Raising T and lowering alpha both leave the lazy regime, and can act on the test error "
        "in opposite ways.",
        "section 2",
        command=_ALPHA_T,
        estimator=f"{_SLOPE} of the test error on T beyond the lazy boundary, its sign against "
        "that of the slope on 1/alpha",
        measure=_opposite,
        draw=_draw_opposition,
    ),
    _claim(
        "1",
        "lazy-boundary",
        "Nets are lazy for alpha >> 1 up to about the T that their linearisation predicts.",
        "section 2",
        command=_ALPHA_T,
        estimator="T at which ||w - w_0|| = 0.1 ||w_0||, over that of linearised nets",
        measure=_lazy_boundary,
        draw=_draw_boundary,
    ),
    _claim(
        "2",
        "T-max",
        "Training fails above T_max(alpha) ~ alpha^k for alpha << 1, k = (D-1)/(D+1).",
        "section 2",
        command=_ALPHA_T,
        estimator="least squares of ln T_max on ln alpha, alpha up to 1/16 of the lazy boundary",
        measure=_k("T_max"),
        draw=_draw_rows("T_max", "T_max", ("T_max_fits", "T_max_fails")),
    ),
    _claim(
        "2",
        "T-opt",
        "The test error is least at T_opt ~ alpha^k for alpha << 1, k = (D-1)/(D+1).",
        "section 2",
        command=_ALPHA_T,
        estimator="least squares of ln T_opt on ln alpha, alpha up to 1/16 of the lazy boundary",
        measure=_k("T_opt"),
        draw=_draw_rows("T_opt", "T_opt", ("T_opt_ci_low", "T_opt_ci_high")),
    ),
    _claim(
        "3",
        "nets-delta",
        "Lazy regime: ||w - w_0||/||w_0|| ~ T^delta with delta = 1.",
        "section 3",
        command=_LAZY_SCAN,
        estimator=_SLOPE,
        measure=_one("delta", 1.0),
        draw=_draw_scan("T", "moved", _MOVED, 1.0, "slope 1"),
    ),
    _claim(
        "3",
        "nets-t-star-on-T",
        "Lazy regime: t* ~ T.",
        "section 3",
        command=_LAZY_SCAN,
        estimator=_SLOPE,
        measure=_one("t_star_on_T", 1.0),
        draw=_draw_scan("T", "t_star", "t*", 1.0, "slope 1"),
    ),
    _claim(
        "3",
        "trained-as-lazy",
        "Trained nets at alpha >> 1 have the exponents gamma and b of their linearisation.",
        "section 3",
        command=f"{_LAZY_SCAN} --out lazy; {_NET_SCAN} --out net; perceptron-sim report lazy net",
        estimator=f"{_SLOPE}; difference of the two, errors together",
        measure=_trained_less_lazy,
        draw=_draw_side_by_side,
    ),
    _claim(
        "3",
        "T-c-on-P",
        "Nets leave the lazy regime at T_c ~ P^-a with a = gamma/delta.",
        "section 3",
        command=_P_T,
        estimator="least squares of ln T_c on ln P, less gamma/delta of the same runs; jackknife "
        "over seeds",
        measure=_a,
        draw=_draw_onset,
    ),
    _claim(
        "5",
        "nets-b-gamma",
        "Nets too obey b = 1 + 2 gamma, whatever their chi.",
        "section 4",
        command=_LAZY_SCAN,
        estimator=f"{_SLOPE} of t*/||w - w_0||^2",
        measure=_one("b - 1 - 2 gamma", 0.0),
        draw=_draw_scan("P", "ratio", "t* (||w_0|| / ||w - w_0||)^2", 1.0, "predicted, P^1"),
    ),
)

register(CLAIMS)
