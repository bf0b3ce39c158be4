"""Claims about the max-margin law, judged by the summaries of ``nets lazy`` and ``nets scan``."""

from collections.abc import Callable, Sequence

from nets.max_margin.figure import collapse, name_of
from nets.max_margin.law import COLD, HOT, LawFit, LawPoint
from perceptron_sim.claims.claim import Claim, Measurement, Table, Whose
from perceptron_sim.claims.evidence import Evidence
from perceptron_sim.claims.panels import drawn
from perceptron_sim.drawing.panels import Panel
from perceptron_sim.phase.entries import Paired
from perceptron_sim.store.schema import LAZY

# Departures that count as agreement: of an exponent, and of ||w - w_0||/(kappa omega).
_DRIFT, _COLD = 0.05, 0.1
# From here on a trained net counts as alpha >> 1.
_LARGE_ALPHA = 1024.0
_DRIFT_OF = "exponent of u in P", 0.0, _DRIFT, "drift"
_COLD_OF = "||w - w_0||/(kappa omega), kick << kappa", 1.0, _COLD, "cold"


def _fits(
    of: Callable[[LawFit], bool], *judged: tuple[str, float, float, str]
) -> Callable[[Evidence], list[Measurement]]:
    """Return a finder of numbers of fits: what each is, its prediction, resolution and field."""

    def measure(evidence: Evidence) -> list[Measurement]:
        found = []
        for _, fit in evidence.rows("max_margin_fits", LawFit):
            for quantity, expected, resolution, field in judged:
                interval: Paired | None = getattr(fit, field)
                if interval is None or interval.ci_low is None or not of(fit):
                    continue
                assert interval.ci_high is not None
                found.append(
                    Measurement(
                        quantity=quantity,
                        model=name_of(fit),
                        value=interval.measured,
                        ci_low=interval.ci_low,
                        ci_high=interval.ci_high,
                        window=fit.window,
                        n_seeds=fit.n_seeds,
                        dof=fit.n_seeds - 1,
                        resolution=resolution,
                        expected=expected,
                        note="" if fit.u is None else f"u = {fit.u.measured:.2f}",
                    )
                )
        return found

    return measure


def _lazy(fit: LawFit) -> bool:
    return fit.model == LAZY


def _trained(fit: LawFit) -> bool:
    return fit.model != LAZY and fit.kappa * _LARGE_ALPHA <= 1.0 and fit.B == 1


def _draw(evidence: Evidence) -> Sequence[Panel]:
    """All nets and perceptrons on one curve."""
    return drawn(collapse([p for _, p in evidence.rows("max_margin_points", LawPoint)]))


_SCAN = (
    "perceptron-sim nets lazy --data mnist --depth 5 --width 128 -B {} -P 256:4096:5 "
    "-T 2^-22,2^-15,2^-9,2^-5 --seeds 4"
)
_EXPONENT = (
    "weighted least squares of the mean ln u over seeds on ln P, "
    f"u = (||w - w_0||/omega - kappa)/kick of runs at kick >= {HOT:g} kappa"
)
_MEAN = f"mean over seeds of runs at kick <= {COLD:g} kappa, all P"

CLAIMS: Sequence[Claim] = (
    Claim(
        "5",
        "max-margin",
        "Lazy nets at one sample per step end at ||w - w_0|| = (kappa + u kick) omega, omega the "
        "hard-margin norm of their kernel, with one u for all P.",
        Whose.OURS,
        Table.OURS,
        judged="exponent of u in P against 0 at B = 1, so that gamma is that of omega",
        refuted=f"one net at which 0 is excluded and u departs by more than P^{_DRIFT:g}",
        command=_SCAN.format(1),
        estimator=_EXPONENT,
        measure=_fits(lambda fit: _lazy(fit) and fit.B == 1, _DRIFT_OF),
        draw=_draw,
    ),
    Claim(
        "5",
        "max-margin-batches",
        "Lazy nets at batches of any size end at ||w - w_0|| = (kappa + u kick) omega with one u "
        "for all P.",
        Whose.OURS,
        Table.OURS,
        judged="exponent of u in P against 0 at B > 1",
        refuted=f"one net at which 0 is excluded and u departs by more than P^{_DRIFT:g}",
        command=_SCAN.format(16),
        estimator=_EXPONENT,
        measure=_fits(lambda fit: _lazy(fit) and fit.B > 1, _DRIFT_OF),
        draw=_draw,
    ),
    Claim(
        "5",
        "max-margin-cold",
        "Lazy nets at kick << kappa end at ||w - w_0|| = kappa omega, without a parameter.",
        Whose.OURS,
        Table.OURS,
        judged="||w - w_0||/(kappa omega) against 1; it cannot be below",
        refuted=f"one net at which 1 is excluded and the ratio departs by more than {_COLD:g}",
        command=_SCAN.format(1),
        estimator=_MEAN,
        measure=_fits(_lazy, _COLD_OF),
        draw=_draw,
    ),
    Claim(
        "5",
        "max-margin-trained",
        "Trained nets at alpha >> 1 and one sample per step obey the max-margin law of their "
        "kernel at the start.",
        Whose.OURS,
        Table.OURS,
        judged="exponent of u in P against 0, and ||w - w_0||/(kappa omega) against 1 at "
        f"kick << kappa, alpha >= {_LARGE_ALPHA:g}",
        refuted=f"one net at which the prediction is excluded, and u departs by more than "
        f"P^{_DRIFT:g} or the ratio by more than {_COLD:g}",
        command="perceptron-sim nets scan -B 1 --kappa 2^-10 -P 64,128,256 -T 2^-17,2^-7 "
        "--seeds 12 --max-steps 1000000 --with-lazy --no-checkpoints",
        estimator=f"{_EXPONENT}; {_MEAN}",
        measure=_fits(_trained, _DRIFT_OF, _COLD_OF),
        draw=_draw,
    ),
)
