"""Every claim is measured by small runs; planted failures flip its verdict."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from legible import faults

import nets.claims  # noqa: F401  (registers the claims about nets)
from cli.main import root, run
from perceptron_sim.analysis.exponents import exponent_rows
from perceptron_sim.claims import Judgement, Verdict, judge
from perceptron_sim.claims.evidence import Evidence, Folder, evidence_in
from perceptron_sim.claims.registry import all_claims, judge_all
from perceptron_sim.drawing.layout import draw
from perceptron_sim.errors import InputError
from perceptron_sim.report.static import figure_of
from perceptron_sim.store.store import ParquetStore

# Tests of each command look at its figures.
pytestmark = pytest.mark.usefixtures("sketches_only")

CLAIMS = all_claims()

BY_KEY = {claim.key: claim for claim in CLAIMS}

NET = "--depth 1 --width 16 --test-samples 64"
# Small, so that all take half a minute; every claim is borne on by one of them at least.
COMMANDS = {
    "scan": "scan --chi 1 -d 16 -P 256,512,1024,4096 -T 2^-4,1,2^4 --seeds 12",
    "B-eta": "phase --chi 1 -d 16 -P 256,1024 --budget 500runs",
    "T-kappa": "phase --plane T-kappa --chi 1 -P 256 --budget 300runs",
    "late": "phase --plane late-noise --chi 1 -d 16 -P 256 --seeds 8",
    "dynamics": "phase --plane dynamics --chi 1 -d 16 -P 256 -B 1 --seeds 8",
    "lazy": f"nets lazy {NET} -P 64,128,256 --seeds 8 --no-checkpoints",
    "nets": f"nets scan {NET} -P 64,128,256 --seeds 8 --no-checkpoints",
    "max-margin": f"nets scan {NET} -B 1 --kappa 2^-10 -P 32,64,128 -T 2^-17,2^-7 --seeds 4 "
    "--with-lazy --no-checkpoints",
    "alpha-T": f"phase --plane alpha-T {NET} -P 64 --alpha 2^-8:2^8:9 -T 2^-9:2:11 "
    "--max-steps 1000 --seeds 3 --uniform",
    "B-eta-nets": f"phase --data digits {NET} -P 64,128 -B 1:128:8 --seeds 3 --eta 2^-12:2^4:9 "
    "--alpha 1024",
    "P-T": f"phase --plane P-T {NET} -P 16,64,256 -T 2^-7:2^2:10 --seeds 3 --max-steps 2000",
}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    base = tmp_path_factory.mktemp("evidence")
    for name, command in COMMANDS.items():
        assert run([*command.split(), "--out", str(base / name)]) == 0
    return evidence_in([base])


def test_the_list_covers_the_papers() -> None:
    assert len(BY_KEY) == len(CLAIMS)
    # The six groups of claims.
    assert {claim.number for claim in CLAIMS} == set("123456")


@pytest.fixture(scope="module")
def judged(evidence: Evidence) -> dict[str, Judgement]:
    return {judgement.claim.key: judgement for judgement in judge_all(evidence)}


@pytest.mark.parametrize("key", BY_KEY)
def test_each_claim_is_measured_and_drawn(key: str, judged: dict[str, Judgement]) -> None:
    found = judged[key]
    if key not in ("noise-against-alpha", "T-opt", "T-c-on-P"):
        # These want test errors better known than small runs know them.
        assert found.findings
    for finding in found.findings:
        measured = finding.measurement
        assert math.isfinite(measured.value)
        assert measured.ci_low <= measured.value <= measured.ci_high
        assert measured.window
        assert measured.n_seeds > 1
        assert finding.verdict in Verdict
    if found.findings:
        # What is judged, a row for each measurement, and the data behind it.
        rows, *data = found.panels
        assert data
        assert len(rows.rows) == len(rows.series[0].x) == len(found.findings)
        expected = [f.measurement.expected for f in found.findings]
        predicted = [s for s in rows.series if s.label == "predicted"]
        assert sum(len(s.x) for s in predicted) == sum(e is not None for e in expected)
        assert faults(draw(figure_of(found))) == []
    for panel in found.panels:
        assert panel.x_label
        assert panel.y_label or panel.rows
        for series in panel.series:
            values = [*series.x, *series.y, *series.y_low, *series.y_high]
            assert np.all(np.isfinite(values))
            assert len(series.x) == len(series.y)


def test_the_perceptron_passes(judged: dict[str, Judgement]) -> None:
    # Each fails with probability FALSE_ALARMS at most; the seeds are fixed.
    for judgement in judged.values():
        if judgement.claim.key == "perceptron-b-gamma":
            # b = 1 + 2 gamma is the limit of large d alone, and d is 16 here.
            continue
        if judgement.claim.key.startswith(("perceptron", "law", "limit", "noise-branch")):
            assert judgement.verdict is not Verdict.FAILS, judgement.reason


@pytest.mark.parametrize("key", BY_KEY)
def test_the_command_of_each_claim_is_understood(key: str) -> None:
    for line in BY_KEY[key].command.split(";"):
        arguments = line.split()
        assert arguments.pop(0) == "perceptron-sim"
        command, ctx = root, root.make_context("perceptron-sim", [], resilient_parsing=True)
        while hasattr(command, "resolve_command"):
            _, command, arguments = command.resolve_command(ctx, arguments)
            assert command is not None
        command.make_context(command.name, arguments)


# --- planted failures ------------------------------------------------------------------------


def folder_of(path: Path, **summary) -> Folder:
    path.mkdir()
    (path / "summary.json").write_text(json.dumps(summary))
    return Folder(path)


def verdict_of(key: str, *folders: Folder) -> Verdict:
    return judge(replace(BY_KEY[key], draw=lambda evidence: ()), Evidence(folders)).verdict


@pytest.fixture(scope="module")
def scanned(evidence: Evidence) -> pd.DataFrame:
    (folder,) = (f for f in evidence.folders if f.path.name == "scan")
    return ParquetStore.existing(folder.path).frame()


def exponents(frame: pd.DataFrame) -> list[dict]:
    return [row.to_json() for row in exponent_rows(frame)]


@pytest.mark.parametrize("chi", [0.0, 3.0])
def test_a_wrong_chi_is_noticed(chi: float, scanned: pd.DataFrame, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", exponents=exponents(scanned.assign(chi=chi)))
    assert verdict_of("law-gamma", folder) is Verdict.FAILS
    assert verdict_of("law-b", folder) is Verdict.FAILS


def test_a_kernel_that_stops_early_is_noticed(scanned: pd.DataFrame, tmp_path: Path) -> None:
    def ended(row: pd.Series) -> pd.Series:
        at = int(np.argmax(np.asarray(row["checkpoint_unfitted"])[1:] <= 0.1)) + 1
        w = math.hypot(row["checkpoint_w1"][at], row["checkpoint_w_perp"][at])
        return pd.Series({"w_norm": w, "t_star": row["checkpoint_t"][at]})

    biased = scanned.copy()
    biased[["w_norm", "t_star"]] = scanned.apply(ended, axis=1)
    folder = folder_of(tmp_path / "x", exponents=exponents(biased))
    assert verdict_of("law-gamma", folder) is Verdict.FAILS
    assert verdict_of("law-b", folder) is Verdict.FAILS


def test_runs_under_the_wrong_P_are_noticed(scanned: pd.DataFrame, tmp_path: Path) -> None:
    # Labels of runs permuted: P no longer belongs to the run.
    rng = np.random.default_rng(1)
    mixed = scanned.copy()
    for _, index in scanned.groupby("T").groups.items():
        mixed.loc[index, ["w_norm", "t_star"]] = scanned.loc[
            rng.permutation(index), ["w_norm", "t_star"]
        ].to_numpy()
    folder = folder_of(tmp_path / "x", exponents=exponents(mixed))
    assert verdict_of("law-b", folder) is Verdict.FAILS


def test_nets_trained_on_permuted_labels_are_noticed(
    evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nets.lazy import kernel as lazy_kernel

    def permuted(run, data_dir):
        data = true(run, data_dir)
        rng = np.random.default_rng(run.config.seed)
        return replace(data, y=rng.permutation(data.y))

    true = lazy_kernel._data
    monkeypatch.setattr(lazy_kernel, "_data", permuted)
    out = tmp_path / "permuted"
    assert run([*COMMANDS["lazy"].split(), "--out", str(out)]) == 0
    frame = ParquetStore.existing(out).frame().assign(model="net")
    planted = folder_of(tmp_path / "x", exponents=[row.to_json() for row in exponent_rows(frame)])
    (lazy,) = (f for f in evidence.folders if f.path.name == "lazy")
    assert verdict_of("trained-as-lazy", planted, lazy) is Verdict.FAILS


def test_folders_that_are_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no run folder here"):
        evidence_in([tmp_path])
    (tmp_path / "runs").mkdir()
    (tmp_path / "summary.json").write_text("[1")
    with pytest.raises(InputError, match=r"no readable summary\.json"):
        judge_all(evidence_in([tmp_path]))


def test_a_summary_of_another_version_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "x", crossovers=[{"chi": 1.0}])
    with pytest.raises(InputError, match=r"x/summary\.json: crossovers\[0\] has no d: .*repeat"):
        judge_all(Evidence((folder,)))


@pytest.mark.parametrize("error", [KeyError("d"), TypeError("no"), ValueError("log of 0")])
def test_a_fault_of_ours_is_not_said_to_be_the_users(error: Exception) -> None:
    def broken(evidence: Evidence):
        raise error

    with pytest.raises(type(error)):
        judge(replace(CLAIMS[0], measure=broken), Evidence(()))


@pytest.mark.parametrize(
    ("size", "verdict"),
    [
        ({"d": 64, "P": 8192}, Verdict.FAILS),
        ({"d": 2, "P": 1024}, Verdict.UNTESTED),
        ({"d": 64, "P": 512}, Verdict.UNTESTED),
        ({"d": 16, "P": 2**18}, Verdict.UNTESTED),
    ],
)
def test_a_prediction_that_is_not_trusted_judges_nothing(size, verdict, tmp_path: Path) -> None:
    # The crossover is off by a factor 2, thirty of its errors; the row is one of version 0.1.
    at = {"value": 4.0, "error": 0.02, "ci_low": 3.9, "ci_high": 4.1}
    row = {"chi": 1.0, "B": 2, "window": "T/kappa 1..2", "n_seeds": 8, "n_cells": 20, **size}
    row |= {"T_c_over_kappa": at | {"predicted": 2.0, "prediction_error": 0.02, "agrees": False}}
    row |= {"plateau_over_kappa": at, "misfit_ln": 0.1, "scatter_ln": 0.1, "by_kappa": []}
    folder = folder_of(tmp_path / "x", crossovers=[row])
    assert verdict_of("law-T-c", folder) is verdict
    (finding,) = judge(
        replace(BY_KEY["law-T-c"], draw=lambda evidence: ()), Evidence((folder,))
    ).findings
    assert ("no prediction is trusted here" in finding.measurement.note) == (size["P"] != 8192)


@pytest.mark.parametrize(
    ("onset", "verdict"),
    [
        ({}, Verdict.HOLDS),
        ({"difference": {"measured": 0.4, "ci_low": 0.35, "ci_high": 0.45}}, Verdict.FAILS),
        # Runs compared with themselves, and weights that have hardly moved, are no evidence.
        ({"quantity": "dw_rel", "by": "lazy", "level": 0.3, "moved": []}, Verdict.UNTESTED),
        ({"quantity": "dw_rel", "level": 0.1, "moved": []}, Verdict.UNTESTED),
        ({"moved": [0.003, 0.2]}, Verdict.UNTESTED),
    ],
)
def test_T_c_is_where_the_test_error_of_trained_nets_changes(onset, verdict, tmp_path) -> None:
    interval = {"measured": 0.01, "ci_low": -0.03, "ci_high": 0.05}
    row = {"quantity": "test_error", "by": "net", "a": interval, "difference": interval}
    row |= {"T_c": [], "window": "P 1..2", "beta": -0.3, "moved": [0.4, 0.7]}
    net = {"depth": 3, "width": 64, "B": 4, "alpha": 1.0, "data": "digits", "n_seeds": 8}
    folder = folder_of(tmp_path / "x", nets=[{**net, "onsets": [row | onset]}])
    assert verdict_of("T-c-on-P", folder) is verdict


def test_sizes_below_capacity_are_judged_and_drawn_without_theory(tmp_path: Path) -> None:
    # P up to 16 at d = 16: no signal is needed, so none is predicted.
    grid = ["scan", "--chi", "1,12", "-P", "4,8,16", "--seeds", "3"]
    assert run([*grid, "--out", str(tmp_path / "scan")]) == 0
    found = judge(BY_KEY["law-gamma"], evidence_in([tmp_path]))
    assert found.findings
    assert found.verdict is Verdict.UNTESTED
    judged, *data = found.panels
    assert not any(series.label == "predicted" for series in judged.series)
    assert not any(series.theory for panel in data for series in panel.series)


def test_a_scan_at_other_kappa_T_of_the_same_trajectories_decides_nothing_more(
    tmp_path: Path,
) -> None:
    grid = ["scan", "--chi", "1", "-d", "8", "-P", "128:1024:4", "--kappa", "0", "--seeds", "3"]
    one, eight = tmp_path / "one", tmp_path / "eight"
    assert run([*grid, "-T", "1", "--out", str(one)]) == 0
    assert run([*grid, "-T", "1,2,4,8,16,32,64,128", "--out", str(eight)]) == 0
    found = [json.loads((path / "summary.json").read_text()) for path in (one, eight)]
    assert [summary["copies"] for summary in found] == [0, 84]
    assert found[0]["exponents"] == found[1]["exponents"]
    assert found[0]["limits"] == found[1]["limits"]
