"""``perceptron-sim import``: round trips, and what strangers' files can be wrong in."""

import gzip
import json
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.main import run
from perceptron_sim.claims.evidence import evidence_in
from perceptron_sim.claims.registry import judge_all

SCAN = ["--chi", "0,1", "-d", "4", "-P", "16:64:3", "-T", "1,4", "--seeds", "3"]
NETS = ["--depth", "1", "--width", "8", "-P", "32,64", "-T", "2^-9,2^-7", "--seeds", "3"]

HEADER = "model,chi,d,P,B,T,kappa,seed,status,t_star,w_norm"
ROW = "perceptron,1,16,64,2,1,0.001,0,fitted,100,5.5"
NET_HEADER = "model,data,d,arch,depth,width,act,P,B,eta,alpha,seed,status,steps,dw,w0_norm"
NET_ROW = "net,mnist,784,mlp,5,128,gelu,64,16,2,4096,0,fitted,30,0.5,400"


def _exponents(folder: Path) -> list[dict]:
    rows = json.loads((folder / "summary.json").read_text())["exponents"]
    return sorted(rows, key=str)


def test_runs_that_were_exported_give_the_same_exponents_again(tmp_path: Path, capsys) -> None:
    assert run(["scan", *SCAN, "--out", str(tmp_path / "ours")]) == 0
    assert run(["export", str(tmp_path / "ours"), "-o", str(tmp_path / "runs.csv")]) == 0
    capsys.readouterr()
    command = ["import", str(tmp_path / "runs.csv"), "--out", str(tmp_path / "again")]
    assert run(command) == 0
    assert "delta: ||w|| on T" in capsys.readouterr().out
    assert len(_exponents(tmp_path / "ours")) == 10
    assert _exponents(tmp_path / "again") == _exponents(tmp_path / "ours")
    frame = pd.read_parquet(tmp_path / "again" / "runs")
    assert set(frame["kernel"]) == {"imported"}
    summary = json.loads((tmp_path / "again" / "summary.json").read_text())
    digest = subprocess.run(
        ["sha256sum", tmp_path / "runs.csv"], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    assert summary["imported"] == [{"file": "runs.csv", "sha256": digest, "runs": 36}]
    assert all(f"sha256={digest} source=runs.csv" in text for text in frame["versions"])
    assert (tmp_path / "again" / "scan_on_P.png").stat().st_size > 10_000
    # The same command finds the same runs; the JSON of the same runs is the same too.
    before = (tmp_path / "again" / "summary.json").read_bytes()
    assert run([*command, "--json"]) == 0
    assert (tmp_path / "again" / "summary.json").read_bytes() == before
    assert len(list((tmp_path / "again" / "runs").iterdir())) == 1
    pd.read_csv(tmp_path / "runs.csv").to_json(tmp_path / "runs.json", orient="records")
    target = tmp_path / "json"
    assert run(["import", str(tmp_path / "runs.json"), "--out", str(target)]) == 0
    for one, other in zip(_exponents(target), _exponents(tmp_path / "ours"), strict=True):
        # pandas writes 10 digits into JSON.
        assert one["measured"] == pytest.approx(other["measured"], abs=1e-8)


@pytest.mark.usefixtures("sketches")
def test_imported_runs_are_judged_like_ours(tmp_path: Path) -> None:
    grid = ["--chi", "1", "-P", "256,512,1024", "-T", "1,4", "--seeds", "4"]
    assert run(["scan", *grid, "--out", str(tmp_path / "ours")]) == 0
    assert run(["export", str(tmp_path / "ours"), "-o", str(tmp_path / "runs.csv")]) == 0
    assert run(["import", str(tmp_path / "runs.csv"), "--out", str(tmp_path / "theirs")]) == 0
    ours, theirs = (judge_all(evidence_in([tmp_path / name])) for name in ("ours", "theirs"))
    assert [each.findings for each in theirs] == [each.findings for each in ours]
    assert sum(bool(each.findings) for each in theirs) >= 4


@pytest.mark.usefixtures("sketches")
def test_nets_and_lazy_nets_come_back_with_their_intervals(tmp_path: Path, capsys) -> None:
    files = []
    for kind in ("scan", "lazy"):
        out = tmp_path / kind
        assert run(["nets", kind, *NETS, "--out", str(out)]) == 0
        files.append(str(tmp_path / f"{kind}.csv"))
        assert run(["export", str(out), "-o", files[-1]]) == 0
    target = tmp_path / "imported"
    assert run(["import", *files, "--out", str(target)]) == 0
    # What kernels predict is not in a table of runs.
    predicted = dict.fromkeys(["agrees", *(f"finite_size{s}" for s in ("", "_error", "_chi2"))])
    ours = [row | predicted for kind in ("scan", "lazy") for row in _exponents(tmp_path / kind)]
    # The intervals of lazy runs, which share their data by seed, are over seeds here too.
    assert _exponents(target) == sorted(ours, key=str)
    assert {p.stem for p in target.glob("*.png")} == {
        f"{kind}_on_{x}" for kind in ("nets", "lazy") for x in "PT"
    }


@pytest.mark.usefixtures("sketches")
def test_other_names_and_constants(tmp_path: Path, capsys) -> None:
    rng = np.random.default_rng(0)
    rows = [
        f"{P},{2 * T},{seed},{P**2 * T * rng.lognormal(0.0, 0.1)},{P**0.5 * T},note"
        for P in (64, 128, 256)
        for T in (1, 2)
        for seed in range(4)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["ptr,dt,s,time,norm,remark", *rows]) + "\n")
    names = ["ptr=P", "dt=eta", "s=seed", "time=t_star", "norm=w_norm"]
    values = ["model=perceptron", "chi=1", "d=16", "B=2", "alpha=32768", "status=fitted"]
    command = ["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]
    command += [word for name in names for word in ("--column", name)]
    command += [word for value in values for word in ("--set", value)]
    assert run(command) == 0
    assert "columns not imported: 'remark'" in capsys.readouterr().err
    found = {row["quantity"]: row for row in _exponents(tmp_path / "out")}
    assert found["gamma"]["measured"] == pytest.approx(0.5, abs=1e-9)
    assert found["delta"]["measured"] == pytest.approx(1.0, abs=1e-9)
    assert found["b"]["ci_low"] < 2.0 < found["b"]["ci_high"]
    frame = pd.read_parquet(tmp_path / "out" / "runs")
    assert set(frame["T"]) == {1.0, 2.0}
    assert set(frame["kappa"]) == {2.0**-15}


@pytest.mark.usefixtures("sketches")
def test_shared_seeds_widen_nothing_but_the_unit(tmp_path: Path) -> None:
    """A common factor of a seed leaves slopes alone, so intervals by seed are narrower."""
    rng = np.random.default_rng(1)
    of_seed = rng.lognormal(0.0, 1.0, 6)
    rows = [
        f"perceptron,1,16,{P},2,1,0.001,{s},fitted,{f * P**2 * rng.lognormal(0.0, 0.01)},{P**0.5}"
        for P in (64, 128, 256)
        for s, f in enumerate(of_seed)
    ]
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    width = {}
    for name, flags in (("runs", []), ("seeds", ["--shared-seeds"])):
        assert run(["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / name), *flags]) == 0
        b = next(row for row in _exponents(tmp_path / name) if row["quantity"] == "b")
        width[name] = b["ci_high"] - b["ci_low"]
        assert b["ci_low"] < 2.0 < b["ci_high"]
    assert width["seeds"] < 0.1 * width["runs"]


def _spoilt(name: str, value: str, header: str = HEADER, row: str = ROW) -> str:
    cells = dict(zip(header.split(","), row.split(","), strict=True)) | {name: value}
    return f"{header}\n{','.join(cells.values())}\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            _spoilt("P", "64.5"),
            "row 1, column P: '64.5' is not an integer: allowed is an integer >= 1",
        ),
        (_spoilt("P", "-64"), "column P: '-64' is out of range: allowed is an integer >= 1"),
        (_spoilt("P", "1e400"), "column P: '1e400' is not finite"),
        (_spoilt("P", "9" * 5000), "is out of range"),
        (_spoilt("P", "1_000"), "column P: '1_000' is not a number"),
        (_spoilt("T", "0"), "column T: '0' is out of range: allowed is a number > 0"),
        (_spoilt("T", "__import__('os')"), "is not a number"),
        (_spoilt("T", "2^-5"), "column T: '2^-5' is not a number"),
        (_spoilt("chi", "-1"), "column chi: '-1' is out of range: allowed is a number > -1"),
        (_spoilt("seed", "-3"), "column seed: '-3' is out of range"),
        (_spoilt("d", "1"), "column d: 1 is out of range: allowed is d >= 2"),
        (_spoilt("B", "65"), "column B: 65 is larger than P = 64: allowed is 1 <= B <= P"),
        (_spoilt("t_star", "nan"), "'nan' is not a value, leave the cell empty"),
        (_spoilt("w_norm", "inf"), "'inf' is not a value"),
        (_spoilt("w_norm", "-1"), "column w_norm: '-1' is out of range"),
        (_spoilt("w_norm", ""), "column w_norm: is empty: allowed is a number > 0 (or w1 and"),
        (_spoilt("t_star", ""), "column t_star: is empty"),
        (
            _spoilt("status", "done"),
            "allowed is one of fitted, max_steps, max_updates, max_memory, diverged",
        ),
        (_spoilt("model", "net"), "no column data: name the file's by --column THEIRS=data"),
        (_spoilt("model", "a\x1b[31m"), "column model: 'a\\x1b[31m' is out of range"),
        (_spoilt("model", "$x^{"), "is out of range: allowed is letters, digits"),
        (f"{HEADER},eta\n{ROW},3\n", "column eta: 3 does not go with T = 1: allowed is eta = T B"),
        (f"{HEADER},alpha\n{ROW},3\n", "3 does not go with kappa = 0.001"),
        (f"{HEADER},w1,w_perp\n{ROW},3,4\n", "column w_norm: 5.5 is not 5: allowed is the norm of"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", "row 2 is the same run as"),
        (f"{HEADER}\n", "has a header and no runs"),
        ("", "is empty"),
        (f"{HEADER}\n{ROW[:20]}", "row 1 has 5 cells and the header 11"),
        (f"{HEADER},P\n{ROW},3\n", "more than one column 'P'"),
        (HEADER.replace(",", ";") + "\n", "is not separated by commas"),
        (f'{HEADER}\n"{ROW}\n', "is not CSV"),
        ("P,T\n64,1\n", "no column status (say how each run ended"),
        ('[{"P": [1, 2]}]', "column 'P' is nested"),
        ('[{"P": 1, "P": 2}]', "a name stands twice"),
        ('[{"P": 1}', "is not a JSON table"),
        ("[" * 10**5, "nested too deeply"),
        ("[1, 2]", "row 1 is not an object"),
        ('[{"status": "fitted", "model": "perceptron", "P": true}]', "True is not a number"),
        ('[{"status": "fitted", "model": "perceptron", "P": NaN}]', "nan is not a value"),
        ('[{"status": "fitted", "model": 3}]', "3 is not a name"),
        (_spoilt("alpha", "0", NET_HEADER, NET_ROW), "column alpha: '0' is out of range"),
        (_spoilt("width", "", NET_HEADER, NET_ROW), "column width: is empty"),
        (_spoilt("dw", "", NET_HEADER, NET_ROW), "no column dw_rel"),
        (f"{NET_HEADER},dw_rel\n{NET_ROW},1\n", "1 is not 0.00125: allowed is dw / w0_norm"),
        (
            f"{NET_HEADER},T\n{NET_ROW},0.125\n",
            "2 does not go with T = 0.125: allowed is eta = T B h",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line_and_nothing_is_written(
    text: str, message: str, tmp_path: Path, capsys
) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert run(["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "a.csv" in captured.err
    assert message in captured.err
    assert "\x1b" not in captured.err
    assert not (tmp_path / "out").exists()


def test_the_files_of_the_cases_above_are_right_but_for_what_they_spoil(tmp_path: Path) -> None:
    for name, text in (("p", f"{HEADER}\n{ROW}\n"), ("n", f"{NET_HEADER}\n{NET_ROW}\n")):
        (tmp_path / name).write_text(text)
        assert run(["import", str(tmp_path / name), "--out", str(tmp_path / f"{name}.out")]) == 0
    run_ = pd.read_parquet(tmp_path / "n.out" / "runs").iloc[0]
    assert (run_["T"], run_["kappa"]) == (2.0 / (16 * 128), 1.0 / 4096)
    assert (run_["t_star"], run_["dw_rel"]) == (60.0, 0.5 / 400)


class _Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("/tmp/perceptron-sim-was-here"),))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(f"{HEADER}\n{ROW}\n".encode()), "compressed by gzip: unpack it first"),
        (pickle.dumps(_Bomb()), "is a pickle, which could run any program"),
        (b"PK\x03\x04 ...", "is a zip archive"),
        (b"PAR1 ...", "is Parquet: write it as CSV"),
        (f"{HEADER}\n{ROW}\n".encode("utf-16"), "is not UTF-8"),
        (f"{HEADER}\n{ROW}é\n".encode("latin-1"), "is not UTF-8 (byte "),
        (b"a\x00b\n", "holds zero bytes"),
    ],
)
def test_files_that_are_no_tables(content: bytes, message: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    assert run(["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not Path("/tmp/perceptron-sim-was-here").exists()
    assert not (tmp_path / "out").exists()


def test_files_that_are_absent_or_endless(tmp_path: Path, capsys, monkeypatch) -> None:
    for path, message in (
        (tmp_path / "none.csv", "cannot be read (No such file"),
        (tmp_path, "is not a plain file"),
        (Path("/dev/zero"), "is not a plain file"),
    ):
        assert run(["import", str(path), "--out", str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{ROW}\n{ROW}\n")
    for limit, message in (("MAX_BYTES", "bytes: allowed are up to 1"), ("MAX_ROWS", "2 rows")):
        with monkeypatch.context() as patch:
            patch.setattr(f"perceptron_sim.store.importing.reading.{limit}", 1)
            assert run(["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]) == 2
            assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "P"], "--column 'P' is not a pair: write --column NAME=VALUE"),
        (["--column", "chi=gamma"], "'gamma' is not a column that is imported"),
        (["--column", "chi=width2"], "did you mean 'width'?"),
        (["--column", "chii=chi"], "has no column 'chii': did you mean 'chi'?"),
        (["--column", "chi=P", "--column", "d=P"], "P is given twice"),
        (["--set", "P=3"], "has a column for P already: leave out --set P="),
        (["--set", "P=3", "--set", "P=4"], "--set P= is given twice"),
        (["--set", "depth=x"], "column depth: 'x' is not a number"),
    ],
)
def test_bad_mappings(arguments: list[str], message: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{ROW}\n")
    out = tmp_path / "out"
    assert run(["import", str(tmp_path / "a.csv"), *arguments, "--out", str(out)]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()


def test_runs_that_were_not_fitted_leave_their_point_out(tmp_path: Path, capsys) -> None:
    rows = [
        f"perceptron,1,16,{P},2,1,0.001,{seed},fitted,{P**2 * (1 + 0.1 * seed)},{P**0.5}"
        for P in (64, 128, 256)
        for seed in range(3)
    ]
    rows[0] = "perceptron,1,16,64,2,1,0.001,0,diverged,nan,inf"
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    assert run(["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]) == 0
    assert "1 grid points left out" in capsys.readouterr().out
    gamma = next(row for row in _exponents(tmp_path / "out") if row["quantity"] == "gamma")
    assert gamma["n_points"] == 2


@pytest.mark.usefixtures("sketches")
def test_a_folder_with_other_runs_is_left_alone(tmp_path: Path, capsys) -> None:
    one, out = tmp_path / "a.csv", str(tmp_path / "out")
    one.write_text(f"{HEADER}\n{ROW}\n")
    assert run(["import", str(one), "--out", out]) == 0
    one.write_text(_spoilt("t_star", "101"))
    assert run(["import", str(one), "--out", out]) == 2
    assert "holds another t_star of a run of these files" in capsys.readouterr().err
    one.write_text(_spoilt("seed", "1"))
    assert run(["import", str(one), "--out", out]) == 2
    assert "holds other runs: name a new folder" in capsys.readouterr().err


@pytest.mark.usefixtures("sketches")
def test_shared_seeds_must_be_complete(tmp_path: Path, capsys) -> None:
    rows = [_spoilt("seed", str(seed)).splitlines()[1] for seed in range(3)]
    rows += [row.replace(",64,", ",128,") for row in rows[:2]]
    (tmp_path / "a.csv").write_text("\n".join([HEADER, *rows]) + "\n")
    command = ["import", str(tmp_path / "a.csv"), "--out", str(tmp_path / "out")]
    assert run([*command, "--shared-seeds"]) == 2
    assert "seed 2 is missing at P = 128, T = 1, kappa = 0.001" in capsys.readouterr().err
    assert run(command) == 0


def test_an_import_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEADER}\n{ROW}\n")
    (tmp_path / "b.csv").write_text(f"{NET_HEADER}\n{NET_ROW}\n")
    files = [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    code = (
        "import sys; from cli.main import run; from perceptron_sim.analysis import figures; "
        "figures.save = lambda *chart: []; "
        f"assert run(['import', *{files}, '--out', {str(tmp_path / 'out')!r}]) == 0; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


CELL = st.one_of(
    st.sampled_from(
        ["", "nan", "1e308", "5e-324", "0", "-1", "1", "4611686018427387904", '"', "\n"]
    ),
    st.text(max_size=4),
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(spoilt=st.dictionaries(st.sampled_from(HEADER.split(",")), CELL, max_size=3))
def test_no_file_ends_in_a_traceback(spoilt: dict[str, str], tmp_path: Path, capsys) -> None:
    cells = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | spoilt
    (tmp_path / "a.csv").write_bytes(
        f"{HEADER}\n{','.join(cells.values())}\n".encode("utf-8", "surrogatepass")
    )
    out = tmp_path / "out"
    code = run(["import", str(tmp_path / "a.csv"), "--out", str(out)])
    error = capsys.readouterr().err
    assert code in (0, 2)
    assert "Traceback" not in error
    if code == 2:
        assert error.count("\n") == 1


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_cut_short_anywhere_is_refused(end, tmp_path, capsys) -> None:
    """A number that lost its last digits is a number still: what tells is the end of the line."""
    rows = [ROW.replace(",0,fitted", f",{seed},fitted") for seed in range(3)]
    text = end.join([HEADER, *rows]) + end
    path = tmp_path / "runs.csv"
    for length in range(len(text) - len(end), len(text) - 8, -1):
        path.write_bytes(text[:length].encode())
        assert run(["import", str(path), "--out", str(tmp_path / "out")]) == 2
        assert "cut short" in capsys.readouterr().err
    path.write_bytes(text.encode())
    assert run(["import", str(path), "--out", str(tmp_path / "out")]) == 0
