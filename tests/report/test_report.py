"""Reports written from judgements: numbers, escaping, provenance, places refused."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import plotly.graph_objects as go
import pytest
from made import HOSTILE, folder, judgement, judgements

from perceptron_sim.claims import Measurement, Panel, Series, Verdict
from perceptron_sim.claims.evidence import Folder
from perceptron_sim.claims.panels import judged_panel
from perceptron_sim.drawing.layout import draw, write
from perceptron_sim.drawing.notation import as_html, as_mathtext, as_text
from perceptron_sim.drawing.plotly import plot
from perceptron_sim.drawing.style import styles
from perceptron_sim.errors import InputError
from perceptron_sim.report import write_report
from perceptron_sim.report.numbers import interval, measurements_csv, panels_csv, prediction
from perceptron_sim.report.provenance import differences, made_by, provenance
from perceptron_sim.report.static import figure_of


@pytest.fixture
def written(tmp_path: Path) -> Path:
    runs = folder(tmp_path / "scan", {"numpy=2.4.6 python=3.11.7": 3})
    write_report(
        judgements(), [runs], tmp_path / "out", title="Claims", command="perceptron-sim report scan"
    )
    return tmp_path / "out"


def test_a_report_is_a_page_a_text_a_summary_and_figures(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert names == {
        *("report.html", "report.md", "summary.json"),
        *(f"claim_gamma-{k}.{s}" for k in ("holds", "fails", "open") for s in ("png", "svg")),
    }
    summary = json.loads((written / "summary.json").read_text())
    assert summary["command"] == "perceptron-sim report scan"
    assert [claim["verdict"] for claim in summary["claims"]] == [
        *("holds", "fails", "undecided", "not tested here")
    ]
    (first, second) = summary["claims"][0]["measurements"]
    assert (first["value"], first["ci_low"], first["ci_high"]) == (0.8636, 0.7672, 0.96)
    assert (first["distance"], first["verdict"], first["expected_is"]) == (0.3, "holds", "value")
    assert (second["seeds_to_decide"], second["expected_is"]) == (96, "at least")
    assert second["expected_high"] is None
    assert summary["claims"][3]["measurements"] == []
    (entry,) = summary["provenance"]
    assert (entry["folder"], entry["runs"], entry["status"]) == ("scan", 3, {"fitted": 3})
    assert {"numpy", "perceptron_sim"} <= set(summary["versions"])


@pytest.mark.usefixtures("all_drawn")
def test_the_same_runs_give_the_same_files(written: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    runs = Folder(tmp_path / "scan")
    write_report(judgements(), [runs], again, title="Claims", command="perceptron-sim report scan")
    for path in written.iterdir():
        assert (again / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_page_holds_everything_and_names_no_other_place(written: Path) -> None:
    page = (written / "report.html").read_text()
    # What Plotly holds of addresses is for maps, and the policy blocks it.
    ours = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]*"', ours)
    assert "http" not in ours.replace("http-equiv", "")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src &#39;none&#39;" in policy
    assert "connect-src &#39;none&#39;" in policy
    assert "unsafe-eval" not in policy
    assert page.index("<h2") == page.index('<h2 id="verdicts-title">')
    assert "0.864 [0.767, 0.960]" in page
    assert "about 96 seeds on this grid" in page
    assert "‖w‖ ~ P<sup>γ</sup>" in page


def test_names_from_run_folders_stay_text(tmp_path: Path) -> None:
    runs = folder(tmp_path / "scan", {f"numpy={HOSTILE}": 1}, command=HOSTILE)
    out = tmp_path / "out"
    write_report(judgements(HOSTILE), [runs], out, title="Claims", command=HOSTILE)
    page = (out / "report.html").read_text()
    assert page.count("<script") == page.count("<script>") + 1
    ours = re.sub(r"<script>\s*(/\*\*\s|\"use strict\").*?</script>", "", page, flags=re.S)
    assert "<script>" not in ours
    assert "<img src=x" not in page
    text = (out / "report.md").read_text()
    tables = [line for line in text.splitlines() if line.startswith("|")]
    # Line breaks in cells are ours.
    assert "<" not in re.sub(r"\\<|<br>", "", "\n".join(tables))
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in tables}
    assert widths == {5, 8, 13}


def test_mixed_versions_are_found_and_said(tmp_path: Path) -> None:
    one = folder(tmp_path / "a" / "scan", {"numpy=2.4.6 python=3.11.7": 2, "numpy=2.3.0": 1})
    two = folder(tmp_path / "b" / "scan", {"numpy=2.4.6 python=3.11.7 torch=2.13.0": 4})
    entries = provenance([one, two])
    assert [entry["folder"] for entry in entries] == ["a/scan", "b/scan"]
    assert [entry["runs"] for entry in entries] == [3, 4]
    assert differences(entries) == {"numpy": {"2.4.6": ["a/scan", "b/scan"], "2.3.0": ["a/scan"]}}
    assert differences(provenance([two])) == {}
    write_report(judgements(), [one, two], tmp_path / "out", title="C", command="c")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Mixed provenance" in page
    assert page.index("Mixed provenance") < page.index('id="verdicts"')
    assert "**Mixed provenance:**" in (tmp_path / "out" / "report.md").read_text()


def test_commands_and_names_stay_as_they_are(tmp_path: Path) -> None:
    command = "perceptron-sim phase --chi 0,1 --eta 1:4:3"
    runs = folder(tmp_path / "B-eta", {"host=alpha": 1}, command=command)
    write_report(judgements(), [runs], tmp_path / "out", title="Claims", command="report")
    (line,) = [
        line
        for line in (tmp_path / "out" / "report.md").read_text().splitlines()
        if line.startswith("| B-eta |")
    ]
    assert line == f"| B-eta | 1 | 1 runs: host alpha | {command} |"


def test_a_claim_names_the_commands_that_its_numbers_need(tmp_path: Path) -> None:
    folders = [
        folder(tmp_path / name, {"numpy=2.4.6": 1}, command=f"make {name}")
        for name in ("one", "two", "other")
    ]
    two_together = judgement("pair", Verdict.HOLDS)

    def measure(evidence):
        # As for a difference of exponents: of use only if both are there.
        both = {"one", "two"} <= {found.path.name for found in evidence.folders}
        return [finding.measurement for finding in two_together.findings] if both else []

    claim = replace(two_together.claim, measure=measure)
    assert made_by(replace(two_together, claim=claim), folders) == ["make one", "make two"]
    assert made_by(judgement("bare", Verdict.UNTESTED, with_runs=False), folders) == []


def test_a_run_stored_twice_counts_once(tmp_path: Path) -> None:
    runs = folder(tmp_path / "scan", {"numpy=2.4.6": 2})
    # The same keys in another file: what two drivers on one folder leave.
    folder(tmp_path / "scan", {"numpy=2.3.0": 2})
    assert len(list((tmp_path / "scan" / "runs").iterdir())) == 2
    assert provenance([runs])[0]["runs"] == 2


@pytest.mark.parametrize("name", ["runs", "store.json"])
def test_a_folder_of_runs_is_no_place_for_a_report(tmp_path: Path, name: str) -> None:
    runs = folder(tmp_path / "scan", {"numpy=2.4.6": 1})
    before = (tmp_path / "scan" / "summary.json").read_bytes()
    with pytest.raises(InputError, match=r"scan holds runs, .* name another folder with --out"):
        write_report(judgements(), [runs], tmp_path / "scan", title="C", command="c")
    assert (tmp_path / "scan" / "summary.json").read_bytes() == before
    half = tmp_path / "half"
    half.mkdir()
    (half / name).mkdir()
    with pytest.raises(InputError, match="half holds runs"):
        write_report(judgements(), [runs], half, title="C", command="c")


def test_what_is_not_done_yet_stands_at_the_top(tmp_path: Path) -> None:
    runs = folder(tmp_path / "scan", {"numpy=2.4.6": 1})
    write_report(
        judgements(), [runs], tmp_path / "o", title="C", command="c", running=["nets: 3 of 7 runs"]
    )
    page = (tmp_path / "o" / "report.html").read_text()
    assert page.index("Not done yet: nets: 3 of 7 runs") < page.index('id="verdicts"')


def _measured(value: float, low: float, high: float, **rest) -> Measurement:
    return Measurement("gamma", "m", value, low, high, "w", 6, 5.0, 0.1, **rest)


def test_numbers_show_two_digits_of_their_error() -> None:
    assert interval(_measured(0.86362, 0.7672, 0.96)) == "0.864 [0.767, 0.960]"
    assert interval(_measured(-12.3, -15.0, -9.6)) == "−12.3 [−15.0, −9.6]"
    assert interval(_measured(1234.5, 1100.0, 1369.0)) == "1234 [1100, 1369]"
    assert interval(_measured(1e-9, 0.9e-9, 1.1e-9)) == "1e−09 [9e−10, 1.1e−09]"
    assert interval(_measured(float("nan"), 0.0, 1.0)).startswith("not a number")
    assert prediction(_measured(0.8, 0.7, 0.9)) == "–"
    assert prediction(_measured(0.8, 0.7, 0.9, expected=1.0)) == "1"
    assert prediction(_measured(0.8, 0.7, 0.9, expected=0.84795)) == "0.85"
    with_error = _measured(0.8, 0.7, 0.9, expected=0.848, expected_error=0.016)
    assert prediction(with_error) == "0.85 ± 0.031"
    assert prediction(_measured(0.8, 0.7, 0.9, expected=-0.7, expected_high=0.7)) == "−0.7 to 0.7"


def test_tables_for_spreadsheets_hold_all_numbers_and_no_formula() -> None:
    found = list(csv.DictReader(io.StringIO(measurements_csv(judgements("=1+1")))))
    assert len(found) == 6
    assert {row["model"] for row in found} == {"'=1+1"}
    assert float(found[0]["value"]) == 0.8636
    points = list(csv.DictReader(io.StringIO(panels_csv(judgement("g", Verdict.HOLDS)))))
    assert len(points) == 2 * (3 + 3 + 2)
    assert (points[0]["x"], points[0]["y_ci_low"], points[7]["kind"]) == ("128", "2.7", "theory")


def test_symbols_are_set_and_markup_is_not() -> None:
    assert as_text("||w|| >= kappa -> chi_c") == "‖w‖ ≥ κ → χ_c"
    assert as_text("beta-testing of etal alphabet") == "β-testing of etal alphabet"
    assert (
        as_html("T_max ~ alpha^k & P^-0.50")
        == "T<sub>max</sub> ~ α<sup>k</sup> &amp; P<sup>-0.50</sup>"
    )
    assert as_html("[x]^(1/m)") == "[x]<sup>(1/m)</sup>"
    assert as_html("<b>dw_rel</b>") == "&lt;b&gt;dw_rel&lt;/b&gt;"
    assert as_mathtext("t_sep $x$") == r"$t_{\mathrm{sep}}$ \$$x$\$"
    assert (
        as_mathtext("2^-10 of T_c ~ P^(1/(1+chi))") == r"2⁻¹⁰ of $T_{\mathrm{c}}$ ~ $P^{1/(1+χ)}$"
    )


def test_plotly_takes_the_figures_and_lines_find_their_points() -> None:
    for panel in judgement("g", Verdict.HOLDS).panels:
        spec = plot(panel)
        figure = go.Figure(spec)
        assert [trace.mode for trace in figure.data] == ["markers", "markers", "lines"]
        assert figure.data[0].error_y.array == pytest.approx((0.3, 0.4, 0.5))
        assert figure.data[0].error_y.arrayminus == pytest.approx((0.3, 0.4, 0.5))
        assert [style.colour for style in styles(panel)] == [0, 1, None]
        assert json.loads(json.dumps(spec, allow_nan=False)) == json.loads(json.dumps(spec))


def test_lines_in_pairs_take_the_colour_of_their_points_and_one_legend_entry() -> None:
    def points(label: str) -> Series:
        return Series(label, (1.0, 2.0), (1.0, 2.0))

    guide = Series("slope 1", (1.0, 2.0), (1.0, 2.0), line=True, theory=True)
    panel = Panel("t", "T", "t*", [points("P = 1"), guide, points("P = 2"), guide])
    found = styles(panel)
    assert [style.colour for style in found] == [0, 0, 1, 1]
    assert [style.in_legend for style in found] == [True, True, True, False]


def test_what_is_judged_is_a_row_for_each_measurement(tmp_path: Path) -> None:
    judged = judged_panel(judgement("g", Verdict.HOLDS).findings)
    measured, predicted, asymptotic = judged.series
    assert [len(judged.rows), len(measured.x), len(predicted.x), len(asymptotic.x)] == [2, 2, 2, 1]
    assert (measured.x_low[0], measured.x[0], measured.x_high[0]) == (0.7672, 0.8636, 0.96)
    # A prediction has its own interval; one that has no upper end reaches beyond all values.
    assert predicted.x_high[0] - predicted.x[0] == pytest.approx(1.96 * 0.016, rel=1e-3)
    assert (predicted.x_low[1], predicted.x[1]) == (-2.3, -2.3)
    assert 0.96 < predicted.x_high[1] < math.inf
    spec = plot(judged)
    assert len(spec["layout"]["yaxis"]["ticktext"]) == 2
    assert spec["data"][0]["error_x"]["array"] == pytest.approx([0.0964, 0.4])
    assert "error_y" not in spec["data"][0]
    json.dumps(spec, allow_nan=False)
    # Twenty rows stand in a figure as tall as they need.
    many = replace(judgement("g", Verdict.HOLDS), findings=[])
    panel = judged_panel(10 * judgement("g", Verdict.HOLDS).findings)
    figure = draw(figure_of(replace(many, panels=(panel,))))
    assert write(figure, tmp_path, "many")
    assert figure.get_figheight() > 20 * 0.25
