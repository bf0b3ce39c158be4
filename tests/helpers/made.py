"""Judgements and run folders made up for tests of reports."""

import json
from pathlib import Path

from perceptron_sim.claims import (
    Claim,
    Finding,
    Judgement,
    Measurement,
    Panel,
    Quantifier,
    Series,
    Table,
    Verdict,
    Whose,
)
from perceptron_sim.claims.evidence import Folder
from perceptron_sim.store.schema import SCHEMA
from perceptron_sim.store.store import ParquetStore

# What a hostile run folder could try in a name.
HOSTILE = '<img src=x onerror="document.title=1"></script><script>document.title=2</script>`|$'


def judgement(
    key: str, verdict: Verdict, model: str = "perceptron chi = 1, d = 16", with_runs: bool = True
) -> Judgement:
    """Return a claim about gamma with two measurements and two panels, or with nothing."""
    claim = Claim(
        key=key,
        number="5",
        statement="||w|| ~ P^gamma with gamma = 1/(1 + chi), approached as P/d grows.",
        whose=Whose.PAPER,
        quantifier=Quantifier.FOR_ALL,
        table=Table.PAPERS,
        judged="gamma against 1/(1 + chi)",
        refuted="one chi at which it departs",
        command="perceptron-sim scan --chi 0,1,3 -d 16,64 -P 1024:65536:7 --seeds 12",
        estimator="weighted least squares of the mean log over seeds",
        measure=lambda evidence: [],
    )
    if not with_runs:
        return Judgement(claim, Verdict.UNTESTED, [], "no run here determines it")
    first = Measurement(
        quantity="gamma",
        model=model,
        value=0.8636,
        ci_low=0.7672,
        ci_high=0.96,
        window="P/d 64..1024, T/kappa 3.277e+04",
        n_seeds=6,
        dof=29.0,
        resolution=0.1,
        expected=0.8479,
        expected_error=0.016,
        asymptotic=1.0,
        systematic=0.0326,
    )
    second = Measurement(
        *("ln (t_sep / t*)", model, -0.5, -0.9, -0.1, "T <= T_c/2", 24, 23.0),
        *(0.0, -2.3, 0.0, float("inf")),
    )
    panels = [
        Panel(
            f"chi = 1, {name}",
            "training-set size P",
            "||w|| / T",
            [
                Series("T = 1", (128, 256, 512), (3.0, 4.4, 6.1), (2.7, 4.0, 5.6), (3.3, 4.8, 6.6)),
                Series(f"T = 4 {model}", (128, 256, 512), (3.2, 4.1, 6.4)),
                Series("theory", (128, 512), (3.1, 6.2), line=True, theory=True),
            ],
        )
        for name in ("d = 16", "d = 64")
    ]
    findings = [
        Finding(first, verdict, 0.3, 29.0, 0.76, 0.02),
        Finding(second, Verdict.UNDECIDED, 0.0, 23.0, 1.0, 0.1, 96),
    ]
    return Judgement(claim, verdict, findings, f"2 of 2 by {model}", panels, ("scan",))


def judgements(model: str = "perceptron chi = 1, d = 16") -> list[Judgement]:
    """Return one claim of each verdict and one without runs."""
    return [
        judgement("gamma-holds", Verdict.HOLDS, model),
        judgement("gamma-fails", Verdict.FAILS, model),
        judgement("gamma-open", Verdict.UNDECIDED, model),
        judgement("gamma-bare", Verdict.UNTESTED, with_runs=False),
    ]


def folder(
    path: Path,
    made_with: dict[str, int],
    command: str = "perceptron-sim scan",
    *,
    name: str = "run",
) -> Folder:
    """Found a folder of runs, so many for each line of versions; keys begin with ``name``."""
    store = ParquetStore(path)
    for i, (versions, n) in enumerate(made_with.items()):
        rows = [
            {
                "key": f"{name}-{i}-{j}",
                "model": "perceptron",
                "status": "fitted",
                "versions": versions,
            }
            for j in range(n)
        ]
        store.append([dict.fromkeys(SCHEMA.names) | row for row in rows])
    summary = {"command": command, "exponents": []}
    (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return Folder(path)
