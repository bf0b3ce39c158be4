"""A claim: its statement and source, its measurements, and its verdict."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import TYPE_CHECKING

from perceptron_sim.drawing.panels import Panel
from perceptron_sim.intervals import quantile

if TYPE_CHECKING:
    from perceptron_sim.claims.evidence import Evidence


class Verdict(enum.Enum):
    """The verdict on a claim or a measurement."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    # For claims of existence.
    NOT_SEEN = "not seen here"
    # There is no run, or no trusted prediction, for it.
    UNTESTED = "not tested here"


class Quantifier(enum.Enum):
    """Whether a claim is about all cases or about one."""

    FOR_ALL = "for all"
    EXISTS = "exists"


class Whose(enum.Enum):
    """Who states a claim; the values are the sources that reports give."""

    PAPER = "Sclocchi, Geiger, Wyart (2023), ICML, arXiv 2301.13703"
    PNAS = "Sclocchi, Wyart (2024), PNAS 121 e2316301121"
    OURS = "ours: derived or inferred for this software, in neither paper"

    @property
    def tag(self) -> str:
        """One word for tables."""
        return {"PAPER": "paper", "PNAS": "PNAS", "OURS": "ours"}[self.name]


class Table(enum.Enum):
    """The kind of statement of a claim. Reports have one table per kind, in this order."""

    PAPERS = "claims of the papers"
    OURS = "our own inferences"
    LAW = "agreement with our finite-size law"
    SYMMETRY = "checks by symmetry"


# Descriptions of the tables for readers.
ABOUT = {
    Table.PAPERS: "What the papers state, for P -> infinity where they state it so.",
    Table.OURS: "What we derive or infer from the papers. None of it is in them.",
    Table.LAW: "Whether measurements agree with predictions for the sizes measured. The law was "
    "calibrated on this simulator, so agreement shows consistency, not the papers' exponents.",
    Table.SYMMETRY: "Exact consequences of the scale invariance (w, kappa, eta) -> c (w, kappa, "
    "eta). They check the code and can confirm no claim.",
}


@dataclass(frozen=True)
class Measurement:
    """One number that tests a claim, with its interval and its prediction.

    Attributes:
        quantity: the quantity in symbols, such as "gamma".
        model: the model, such as "perceptron chi = 1, d = 16" or "lazy mlp on digits".
        value: the estimate.
        ci_low, ci_high: its 95 % interval, Student's t.
        window: range of sizes, temperatures or times of the measurement.
        n_seeds: number of independent replicas.
        dof: degrees of freedom of the interval.
        resolution: departure from the prediction that counts as agreement; 0 where the prediction
            is a range.
        expected: the prediction it is judged by; None where none is trusted.
        expected_error: standard error of that prediction; 0 for an exact one.
        expected_high: for a prediction that is a range, its upper end; ``expected`` is the lower.
        asymptotic: the prediction for P -> infinity, where it differs.
        systematic: systematic error in addition to the interval, if one was estimated.
        note: one line more, if needed.
    """

    quantity: str
    model: str
    value: float
    ci_low: float
    ci_high: float
    window: str
    n_seeds: int
    dof: float
    resolution: float
    expected: float | None = None
    expected_error: float = 0.0
    expected_high: float | None = None
    asymptotic: float | None = None
    systematic: float | None = None
    note: str = ""

    @property
    def std_error(self) -> float:
        """Statistical standard error: the half-width of the interval over Student's quantile."""
        return 0.5 * (self.ci_high - self.ci_low) / quantile(self.dof)


@dataclass(frozen=True)
class Finding:
    """A measurement with its verdict.

    Attributes:
        measurement: the measurement.
        verdict: its verdict.
        distance: departure from the prediction in standard errors, all errors together; None
            without a prediction.
        dof: degrees of freedom of that error (Satterthwaite); None without a prediction.
        p_value: of that departure or a larger one, Student's t; None without a prediction.
        p_within: of the departure being as large as the resolution, one-sided; None likewise.
        seeds_to_decide: where undecided, the number of seeds on the same grid that would decide if
            the estimate stayed; None where seeds alone would not.
        cost_to_decide: what those seeds take in addition to the runs that are there, such as "1.3
            core-hours"; empty where this is not known.
    """

    measurement: Measurement
    verdict: Verdict
    distance: float | None = None
    dof: float | None = None
    p_value: float | None = None
    p_within: float | None = None
    seeds_to_decide: int | None = None
    cost_to_decide: str = ""


@dataclass(frozen=True)
class Claim:
    """A statement that can be put to the test.

    Attributes:
        number: number of the group of claims it belongs to, as on docs/claims.md, "1" to "6".
        key: short name, stable: "perceptron-gamma".
        statement: what is claimed, one sentence with symbols.
        whose: who states it.
        table: what kind of statement it is.
        quantifier: whether one exception refutes it or one instance shows it.
        judged: which number is compared with which prediction, one sentence.
        refuted: what would refute it, one sentence.
        command: the full command whose folder decides it.
        estimator: how the number is estimated, one sentence.
        measure: finds the measurements in run folders; none if the folders do not bear on it.
        draw: the data behind the measurements, as panels, from the same folders.
    """

    number: str
    key: str
    statement: str
    whose: Whose = Whose.PAPER
    table: Table = Table.PAPERS
    _: KW_ONLY
    quantifier: Quantifier = Quantifier.FOR_ALL
    judged: str
    refuted: str
    command: str
    estimator: str
    measure: Callable[["Evidence"], Sequence[Measurement]]
    draw: Callable[["Evidence"], Sequence[Panel]] = field(default=lambda evidence: ())


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict.

    Attributes:
        claim: the claim.
        verdict: its verdict.
        findings: its measurements, each with its own verdict.
        reason: the verdict in one sentence.
        panels: panels of its figure: judged measurements, then the data behind them.
        folders: folders of its runs.
    """

    claim: Claim
    verdict: Verdict
    findings: Sequence[Finding]
    reason: str
    panels: Sequence[Panel] = ()
    folders: Sequence[str] = ()

    @property
    def telling(self) -> list[Finding]:
        """The findings; first those that decide the verdict, farthest from prediction first."""
        return sorted(
            self.findings, key=lambda f: (f.verdict is not self.verdict, -(f.distance or 0.0))
        )


def without_panels(judgement: Judgement) -> Judgement:
    """Return the judgement without its figure, for tables."""
    return replace(judgement, panels=())
