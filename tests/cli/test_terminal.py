"""What commands print: whole numbers at every width of a terminal, legible in every encoding."""

import io
import json
import os
import re
import sys
from pathlib import Path

import pexpect
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import judgements

from cli import output
from cli.main import run
from cli.output import table_lines
from cli.progress import TerminalProgress
from cli.reports import say_verdicts
from cli.tables import print_exponents
from nets.phase import tables as net_tables
from nets.phase.entries import Regime
from perceptron_sim.analysis import figures
from perceptron_sim.analysis.exponents import ExponentRow

WIDTHS = (160, 100, 80, 60, 40, 20, 7)
NUMBERS = re.compile(r"\[[^\]]*\]|[^\s\[\]]*\d[^\s\[\]]*(?: (?:\+-|\.\.) \S+)*")
_number = st.floats(-1e6, 1e6).map(lambda x: f"{x:.4g}")
_cell = st.one_of(
    _number,
    st.tuples(_number, _number).map("[{0[0]}, {0[1]}]".format),
    st.tuples(_number, _number).map("{0[0]} +- {0[1]}".format),
    st.tuples(_number, _number).map("{0[0]} .. {0[1]}".format),
    st.lists(st.one_of(st.just("words"), _number), max_size=20).map(" ".join),
)


def _assert_whole(title, columns, rows, text_columns=1) -> None:
    """Every number is somewhere whole at every width, and lines are no longer than it need be."""
    for width in WIDTHS:
        lines = table_lines(title, columns, rows, text_columns, width)
        # Cells of a row stand in the order of its columns, so each is looked for by itself.
        text = "\n".join(lines)
        for row in rows:
            for number in (found for cell in row for found in NUMBERS.findall(cell)):
                assert number in text, (width, number)
        units = [title, *columns, *(cell for row in rows for cell in row)]
        longest = max(len(unit) for text in units for unit in output._UNIT.findall(text) or [""])
        assert max(map(len, lines)) <= max(width, longest + 3)


@given(st.integers(1, 9).flatmap(lambda n: st.lists(st.tuples(*[_cell] * n), max_size=4)))
def test_numbers_are_whole_at_every_width(rows) -> None:
    columns = [f"quantity {i} of P/d" for i in range(len(rows[0]) if rows else 3)]
    _assert_whole("||w|| ~ T^delta P^gamma, t* ~ T P^b", columns, rows)


def test_parts_repeat_the_columns_by_which_rows_differ() -> None:
    rows = [["delta", chi, "1.003", "[0.9, 1.1]"] for chi in ("0", "1")]
    lines = table_lines("", ["exponent", "chi", "measured", "95 % interval"], rows, 1, 31)
    assert [line.split()[:2] for line in lines if "delta" in line] == 2 * [
        ["delta", "0"],
        ["delta", "1"],
    ]


@pytest.fixture
def printed(monkeypatch) -> list:
    """Return the tables that commands print."""
    tables: list = []
    monkeypatch.setattr(
        output, "print_table", lambda *table, **more: tables.append((*table, *more.values()))
    )
    return tables


def test_tables_of_commands(printed, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(figures, "save", lambda *_: [Path("not drawn.png")])
    small = ["--chi", "1", "-d", "4,8", "-P", "16:64:3", "-T", "1,4", "--seeds", "3"]
    for name, *arguments in (
        ("scan", *small),
        ("run", "-P", "32", "-d", "4"),
        ("theory", "--chi", "0"),
    ):
        before = len(printed)
        assert run([name, *arguments, "--out", str(tmp_path / name)]) == 0
        assert len(printed) > before
    say_verdicts(judgements())
    for table in printed:
        _assert_whole(*table)


def test_tables_of_nets(printed) -> None:
    row = {"quantity": "delta", "model": "net", "variable": "T", "measured": 1.0031}
    row |= {"ci_low": 0.9931, "ci_high": 1.0131, "systematic": 0.0121, "chi2_per_dof": 1.312}
    row |= {"expected": 1.0, "n_seeds": 12, "n_points": 8, "window": "P 64..128"}
    row |= {"data": "digits", "arch": "mlp", "d": 64, "act": "relu", "B": 16}
    sizes = [{"depth": 2, "width": 64}, {"depth": 3, "width": 128}]
    print_exponents([ExponentRow.from_json(row | size) for size in sizes], 0)
    end = {"value": 0.125, "error": 0.1, "ci_low": 0.11, "ci_high": 1.5, "n_points": 4}
    ends = {"T_at_large_alpha": end | {"window": "T 1"}, "T_predicted": 0.1}
    fit = {"measured": -0.31, "ci_low": -0.41, "ci_high": 1e-5, "window": "T 1", "n_points": 4}
    slopes = {"raise_T": fit, "lower_alpha": fit, "verdict": "both lower the error"}
    regime = {"depth": 3, "width": 64, "P": 512, "B": 16, "k_predicted": 0.5, "window_T": "T 1"}
    regime |= {"k_of_T_opt": fit | {"systematic": 0.1, "n_at_T_max": 0, "agrees": True}}
    regime |= {"n_seeds": 3, "status": {}, "rows": [], "boundary": [], "lazy_boundary": ends}
    regimes = [Regime.from_json(regime | {"opposition": slopes})]
    for table in (
        net_tables.exponent_table(regimes),
        net_tables.boundary_table(regimes, 0.1),
        net_tables.opposition_table(regimes),
    ):
        output.print_table(table.title, table.columns, table.rows)
    assert len(printed) == 4
    for table in printed:
        _assert_whole(*table)


def test_a_narrow_terminal_is_asked_for_its_width() -> None:
    code = "from cli.output import print_table as p; p('t', ['a', 'b'], [['1.25', '[1, 2]']])"
    for width, expected in ((80, " 1.25   [1, 2]"), (11, " b   [1, 2]")):
        text, status = pexpect.run(
            f'{sys.executable} -c "{code}"',
            dimensions=(24, width),
            encoding="utf-8",
            # Pexpect or Readline may have set it.
            env={k: v for k, v in os.environ.items() if k != "COLUMNS"},
            withexitstatus=1,
        )
        assert status == 0
        assert expected in text.splitlines(), text


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_streams_take_any_text(encoding: str, monkeypatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    output.use_legible_streams()
    output.print_table("t", ["claim", "é"], [["‖w‖ ~ P^γ, χ → ∞", "✓ holds"]], 2)
    progress = TerminalProgress()
    progress.note(f"no folder {os.fsdecode(b'L' + bytes([0xE4]) + b'ufe')}, no 中")
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue())
    out, err = texts
    said = " ".join(out.decode(encoding).split())
    if encoding == "utf-8":
        assert "‖w‖ ~ P^γ, χ → ∞ ✓ holds" in said
    else:
        assert "||w|| ~ P^gamma, chi -> inf + holds" in said
    assert b"L\xe4ufe" in err
    err.decode(encoding, "surrogateescape")


def test_folders_whose_names_are_no_text(tmp_path: Path, monkeypatch) -> None:
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    output.use_legible_streams()
    name = os.fsdecode(b"L\xe4ufe")
    folder = tmp_path / name
    scan = ["scan", "--chi", "1", "-d", "4", "-P", "16", "-T", "1", "--seeds", "1"]
    assert run([*scan, "--out", str(folder)]) == 0
    assert run(["report", str(folder), "--out", str(tmp_path / f"{name}2"), "--json"]) == 0
    summary = (tmp_path / f"{name}2" / "summary.json").read_bytes().decode()
    # No half of a character, which JSON readers of other languages refuse.
    assert "\\ud" not in summary
    (entry,) = json.loads(summary)["provenance"]
    assert entry["folder"] == r"L\xe4ufe"
    assert json.loads(summary)["command"].endswith(r"ufe'")
    file = tmp_path / f"{name}.csv"
    assert run(["export", str(folder), "-o", str(file)]) == 0
    assert run(["import", str(file), "--out", str(tmp_path / "i")]) == 0
    imported = json.loads((tmp_path / "i" / "summary.json").read_text())
    assert imported["imported"][0]["file"] == r"L\xe4ufe.csv"
    page = (tmp_path / f"{name}2" / "report.html").read_text(encoding="utf-8")
    assert r"L\xe4ufe" in page
