"""``report`` in process: from the runs of a scan to a judged page, exact errors, serving."""

import json
import urllib.request
from http.client import HTTPConnection
from pathlib import Path

import pytest
from made import folder, judgements

import nets.claims  # noqa: F401  (registers the claims about nets)
from cli.commands import report as report_command
from cli.main import run
from perceptron_sim.claims.registry import all_claims
from perceptron_sim.report import write_report
from perceptron_sim.report.serve import Content, ReportServer, fingerprint

# Tests of reports, of claims and of scans look at the figures.
pytestmark = pytest.mark.usefixtures("sketches_only")

CLAIMS = all_claims()

SMALL = ["--chi", "1", "-d", "8", "-P", "128:1024:4", "-T", "0.25,1,4", "--seeds", "3"]


@pytest.fixture(scope="module")
def scans(tmp_path_factory) -> Path:
    scans = tmp_path_factory.mktemp("scans")
    assert run(["scan", *SMALL, "--out", str(scans / "one")]) == 0
    return scans


def test_runs_of_a_scan_decide_claims(scans: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    capsys.readouterr()
    assert run(["report", str(scans), "--out", str(out)]) == 0
    text = capsys.readouterr()
    assert f"report: {out / 'report.html'}" in text.err
    summary = json.loads((out / "summary.json").read_text())
    claims = {claim["key"]: claim for claim in summary["claims"]}
    assert sorted(claims) == sorted(claim.key for claim in CLAIMS)
    for key, claim in claims.items():
        (line,) = [line for line in text.out.splitlines() if line.strip().startswith(f"{key} ")]
        # What was not tested has a table of its own.
        assert claim["verdict"] in line or claim["verdict"] == "not tested here"
    (delta,) = claims["perceptron-delta"]["measurements"]
    assert delta["ci_low"] < delta["value"] < delta["ci_high"]
    assert claims["late-noise"]["reason"] == "no run here determines it"
    assert summary["provenance"][0]["runs"] == 36
    assert (out / "claim_perceptron-gamma.svg").exists()
    # By the folder itself, as JSON: the same judgement.
    assert run(["report", str(scans / "one"), "--out", str(tmp_path / "again"), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["claims"] == summary["claims"]


def test_bad_requests_are_one_line(scans: Path, tmp_path: Path, capsys) -> None:
    for arguments, message in [
        ([str(tmp_path / "nowhere")], "no run folder here (runs/ and summary.json)"),
        ([str(scans), "--out", str(scans / "one")], "one holds runs, whose summary.json"),
        (["--serve", str(scans)], "is not a port, 0 to 65535: folders come before --serve"),
        ([str(scans), "--serve", "65536"], "'65536' is not a port"),
    ]:
        capsys.readouterr()
        out = [] if "--out" in arguments else ["--out", str(tmp_path / "out")]
        assert run(["report", *arguments, *out]) == 2
        text = capsys.readouterr()
        assert (text.out, text.err.count("\n")) == ("", 1)
        assert message in text.err
    assert not (tmp_path / "out").exists()


def test_a_scan_that_has_not_ended_is_named(tmp_path: Path, capsys) -> None:
    half = folder(tmp_path / "in" / "half", {"numpy=2.4.6": 5})
    (half.path / "summary.json").unlink()
    folder(tmp_path / "in" / "done", {"numpy=2.4.6": 1})
    out = tmp_path / "out"
    both = [str(tmp_path / "in" / name) for name in ("half", "done")]
    assert run(["report", *both, "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["running"] == ["half has 5 runs, but its command has not ended"]
    assert len(summary["provenance"]) == 1


@pytest.fixture
def server(tmp_path: Path):
    runs = folder(tmp_path / "scan", {"numpy=2.4.6": 1})
    written = write_report(judgements(), [runs], tmp_path / "out", title="Claims", command="c")
    with ReportServer(Content.of(judgements(), written)) as server:
        yield server


def _status(server: ReportServer, path: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", int(server.url.rsplit(":", 1)[1].strip("/")))
    connection.putrequest("GET", path, skip_host=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status


def test_the_server_knows_its_files_and_its_name_alone(server: ReportServer) -> None:
    host = server.url.removeprefix("http://").strip("/")
    port = host.partition(":")[2]
    assert server.url.startswith("http://127.0.0.1:")
    for path in ("/", "/report.html", "/revision.json", "/summary.json", "/claim_gamma-holds.svg"):
        assert _status(server, path, Host=host) == 200, path
    assert _status(server, "/", Host=f"localhost:{port}") == 200
    for path in ("/../summary.json", "/%2e%2e/scan/summary.json", "/etc/passwd", "//etc/passwd"):
        assert _status(server, path, Host=host) == 404, path
    for name in ("example.org", f"example.org:{port}", "127.0.0.1", "127.0.0.1:1", ""):
        assert _status(server, "/", Host=name) == 421, name
    assert _status(server, "/") == 421


def test_the_served_page_follows_and_the_file_does_not(server: ReportServer, tmp_path) -> None:
    with urllib.request.urlopen(server.url) as response:
        assert response.headers["Cache-Control"] == "no-store"
        live = response.read().decode()
    assert "connect-src &#39;self&#39;" in live
    assert '<html lang="en" data-live>' in live
    assert "data-live>" not in (tmp_path / "out" / "report.html").read_text()


def test_runs_added_give_a_new_revision(tmp_path: Path, monkeypatch, capsys) -> None:
    runs = folder(tmp_path / "scan", {"numpy=2.4.6": 1})
    before = fingerprint([runs.path])
    assert fingerprint([runs.path]) == before
    seen: list[str] = []

    def look(_seconds: float) -> None:
        """Stand in for the wait between two looks: ask, add runs, ask again, press Ctrl-C."""
        url = capsys.readouterr().err.partition("open ")[2].split(" ")[0]
        seen.append(revision(url or served[-1]))
        served.append(url)
        if len(seen) == 2:
            raise KeyboardInterrupt
        folder(tmp_path / "scan", {"numpy=2.3.0": 2}, name="added")

    served: list[str] = []

    def revision(url: str) -> str:
        with urllib.request.urlopen(f"{url}revision.json") as response:
            return json.load(response)["revision"]

    monkeypatch.setattr(report_command.time, "sleep", look)
    out = tmp_path / "out"
    assert run(["report", str(runs.path), "--out", str(out), "--serve"]) == 0
    assert len(set(seen)) == 2
    (entry,) = json.loads((out / "summary.json").read_text())["provenance"]
    assert len(entry["made_with"]) == 2


def test_a_taken_port_is_said_before_any_work(server: ReportServer, tmp_path: Path, capsys) -> None:
    port = server.url.rsplit(":", 1)[1].strip("/")
    arguments = [str(tmp_path), "--out", str(tmp_path / "o"), "--serve", port]
    assert run(["report", *arguments]) == 2
    assert f"port {port} is taken: give another after --serve" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
