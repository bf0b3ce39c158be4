"""Synthetic runs that obey stated laws, judged through the entry points that real runs take.

``perceptrons`` and ``nets`` make frames, ``verdicts`` analyses and judges them. Departures are
planted as fractions of the exponents. ``python tests/helpers/synthetic.py`` prints the operating
characteristics of docs/compare.md.
"""

import itertools
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import nets.claims  # noqa: F401  (registers the claims about nets)
from perceptron_sim.analysis.exponents import exponent_rows
from perceptron_sim.analysis.limits import limits_of
from perceptron_sim.claims import Judgement, judge
from perceptron_sim.claims.evidence import Evidence, Folder
from perceptron_sim.claims.registry import all_claims
from perceptron_sim.intervals import quantile
from perceptron_sim.theory import exponents, exponents_at_dimension
from perceptron_sim.theory.prediction import accuracy, trusted_end

KAPPA = 2.0**-15
CLAIMS = {claim.key: replace(claim, draw=lambda evidence: ()) for claim in all_claims()}
# Standard deviation of ln ||w|| and ln t* over seeds, and their correlation, as measured at P =
# 1024 and 8192; they hardly depend on P.
SCATTER = {
    (0.0, 16): (0.23, 0.64, 0.97),
    (0.0, 64): (0.13, 0.33, 0.95),
    (1.0, 16): (0.16, 0.60, 0.91),
    (1.0, 64): (0.09, 0.36, 0.83),
    (3.0, 16): (0.135, 0.88, 0.74),
    (3.0, 64): (0.075, 0.54, 0.65),
}
Law = Callable[[float, int, np.ndarray], tuple[np.ndarray, np.ndarray]]


def our_law(chi: float, d: int, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ln(||w||/T) and ln(t*/T) by equations (22) to (27) at the sizes P."""
    ends = [trusted_end(chi, float(size), d, 2, KAPPA) for size in P]
    assert all(end is not None for end in ends)
    w, t = zip(*((math.log(end.w_norm), math.log(end.t_star)) for end in ends if end), strict=True)
    return np.array(w), np.array(t)


def paper_law(chi: float, d: int, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same by the paper's exponents at every size, equation (17)."""
    theory = exponents(chi)
    return theory.gamma * np.log(P), theory.b * np.log(P)


def limit_law(chi: float, d: int, P: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the same by the exponents of the limit at fixed d, equation (26), at every size."""
    theory = exponents_at_dimension(chi, d)
    return theory.gamma * np.log(P), theory.b * np.log(P)


def perceptrons(
    rng: np.random.Generator,
    n_seeds: int,
    law: Law,
    *,
    chi: Sequence[float] = (0.0, 1.0, 3.0),
    d: Sequence[int] = (16, 64),
    P: Sequence[int] = tuple(1024 * 2**i for i in range(7)),
    T: Sequence[float] = (0.25, 1.0, 4.0),
    planted: float = 0.0,
    law_error: bool = True,
) -> pd.DataFrame:
    """Return runs of a scan.

    Args:
        rng: random numbers.
        n_seeds: seeds at each point.
        law: means of ln(||w||/T) and ln(t*/T).
        chi, d, P, T: the grid.
        planted: fraction by which gamma, b, delta and the slope of t* on T depart.
        law_error: whether the means scatter about the law by the error that it is said to have.
    """
    size = np.asarray(P, dtype=np.float64)
    lever = np.log(size / np.exp(np.log(size).mean()))
    parts = []
    for one_chi, one_d in itertools.product(chi, d):
        w, t = law(one_chi, one_d, size)
        theory = exponents(one_chi)
        w = w + planted * theory.gamma * lever
        t = t + planted * theory.b * lever
        if law_error:
            of_w, of_t = accuracy(one_d)
            w, t = w + of_w * rng.standard_normal(len(w)), t + of_t * rng.standard_normal(len(t))
        sd_w, sd_t, along = SCATTER[one_chi, one_d]
        shape = (len(size), len(T), n_seeds)
        first, second = rng.standard_normal(shape), rng.standard_normal(shape)
        log_T = np.log(T)[None, :, None] * (1.0 + planted)
        log_w = w[:, None, None] + log_T + sd_w * first
        log_t = t[:, None, None] + log_T + sd_t * (along * first + math.sqrt(1 - along**2) * second)
        at = np.indices(shape).reshape(3, -1)
        parts.append(
            pd.DataFrame(
                {
                    **{
                        "model": "perceptron",
                        "dynamics": "sgd",
                        "kernel": "event",
                        "shared_seeds": False,
                        "chi": one_chi,
                        "d": one_d,
                    },
                    **{"B": 2, "kappa": KAPPA, "status": "fitted", "seed": at[2]},
                    **{"P": np.asarray(P)[at[0]], "T": np.asarray(T)[at[1]]},
                    **{"w_norm": np.exp(log_w).ravel(), "t_star": np.exp(log_t).ravel()},
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def lazy_nets(
    rng: np.random.Generator,
    n_seeds: int,
    *,
    n_nets: int = 6,
    P: Sequence[int] = (256, 1024, 4096),
    T: Sequence[float] = (2.0**-6, 2.0**-4, 2.0**-2),
    gamma: float = 0.4,
    planted: float = 0.0,
) -> pd.DataFrame:
    """Return runs of linearised nets that share data within a seed and obey b = 1 + 2 gamma.

    Args:
        rng: random numbers.
        n_seeds: seeds at each point.
        n_nets: how many nets.
        P, T: the grid.
        gamma: exponent of the weights.
        planted: by how much delta, the slope of t* on T, and b - 1 - 2 gamma depart.
    """
    shape = (n_nets, len(P), len(T), n_seeds)
    log_P = np.log(np.asarray(P) / P[0])[None, :, None, None]
    log_T = np.log(T)[None, None, :, None]

    def of_seed(scale: float) -> np.ndarray:
        return scale * rng.standard_normal((n_nets, 1, 1, n_seeds))

    level = of_seed(0.15)
    log_w = (1.0 + planted + of_seed(0.02)) * log_T + (gamma + of_seed(0.02)) * log_P + level
    b = 1.0 + 2.0 * gamma + planted
    log_t = (1.0 + planted + of_seed(0.02)) * log_T + (b + of_seed(0.04)) * log_P + level
    log_w = log_w + 0.05 * rng.standard_normal(shape)
    log_t = log_t + 0.15 * rng.standard_normal(shape)
    at = np.indices(shape).reshape(4, -1)
    return pd.DataFrame(
        {
            **{
                "model": "lazy",
                "dynamics": "sgd",
                "kernel": "lazy",
                "shared_seeds": True,
                "data": "digits",
                "d": 64,
                "arch": "mlp",
            },
            **{"depth": 3, "act": "relu", "B": 16, "kappa": KAPPA, "status": "fitted"},
            **{"width": 32 * (1 + at[0]), "seed": at[3], "chi": math.nan},
            **{"P": np.asarray(P)[at[1]], "T": np.asarray(T)[at[2]]},
            **{"dw": np.exp(log_w).ravel(), "dw_rel": np.exp(log_w).ravel() / 30.0},
            **{"w_norm": math.nan, "t_star": np.exp(log_t).ravel()},
        }
    )


def verdicts(frame: pd.DataFrame, keys: Sequence[str]) -> dict[str, Judgement]:
    """Return the judgements of some claims by the fits to a frame."""
    summary = {"exponents": [row.to_json() for row in exponent_rows(frame)]}
    if not {"perceptron-gamma", "perceptron-b", "limit-at-fixed-d"}.isdisjoint(keys):
        summary["limits"] = [row.to_json() for row in limits_of(frame)]
    folder = Folder(Path("synthetic"))
    # As if it had been read.
    folder.__dict__["summary"] = summary
    return {key: judge(CLAIMS[key], Evidence([folder])) for key in keys}


@dataclass
class Rates:
    """How often intervals covered, measurements and claims failed and held.

    Attributes:
        claims, findings: verdicts of whole claims and of their measurements.
        covered, of: intervals with the truth in them, and all.
    """

    claims: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    covered: int = 0
    of: int = 0

    def add(self, judgement: Judgement, planted: float) -> None:
        """Count a judgement of runs in which exponents depart by a fraction."""
        self.claims[judgement.verdict.value] += 1
        for finding in judgement.findings:
            m = finding.measurement
            self.findings[finding.verdict.value] += 1
            if m.expected is not None:
                unit = 1.0 if " - " in m.quantity else abs(m.asymptotic or m.expected)
                truth = m.expected + planted * unit
                error = math.hypot(m.std_error, m.expected_error, m.systematic or 0.0)
                self.covered += abs(m.value - truth) <= error * quantile(finding.dof or 0.0)
                self.of += 1

    def share(self, verdict: str) -> float:
        """Return the share of claims with a verdict."""
        return self.claims[verdict] / self.claims.total()


def rates(
    frames: Callable[[], pd.DataFrame], keys: Sequence[str], draws: int, planted: float = 0.0
) -> dict[str, Rates]:
    """Return how often each verdict was reached over some draws of a frame."""
    found = {key: Rates() for key in keys}
    for _ in range(draws):
        for key, judgement in verdicts(frames(), keys).items():
            found[key].add(judgement, planted)
    return found


# Claims by the runs that decide them, with the law that these obey and the grid.
_GRID: dict[str, Any] = {"T": (1.0, 4.0), "law_error": False}
STUDIES: dict[str, tuple[Sequence[str], Callable[..., pd.DataFrame], dict[str, Any]]] = {
    "nets": (("lazy-on-T", "nets-b-gamma"), lazy_nets, {"n_nets": 3}),
    "law": (
        ("law-gamma", "law-b", "perceptron-delta"),
        perceptrons,
        {"law": our_law, "chi": (1.0,), "T": (1.0, 4.0)},
    ),
    "limit": (
        ("perceptron-gamma", "perceptron-b", "limit-at-fixed-d"),
        perceptrons,
        {"law": limit_law, "chi": (0.0,)} | _GRID,
    ),
}


def main(studies: Sequence[str], draws: int) -> None:
    """Print a table of rates of each study, a row for each claim, seeds and departure."""
    for name in studies:
        keys, made, grid = STUDIES[name]
        for planted, n in itertools.product((0.0, 0.03, 0.05, 0.1, 0.2), (2, 3, 5, 8, 12)):
            rng = np.random.default_rng(n)
            some = draws * (4 if planted == 0.0 else 1)
            draw = partial(made, rng, n, planted=planted, **grid)
            found = rates(draw, keys, some, planted)
            for key, rate in found.items():
                shares = " ".join(f"{rate.share(v):6.3f}" for v in ("holds", "fails", "undecided"))
                cover = rate.covered / rate.of
                print(f"{name} {key} {n} {planted:g} {some} {shares} {cover:.3f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1].split(","), int(sys.argv[2]))
