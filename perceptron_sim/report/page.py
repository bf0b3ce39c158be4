"""A report as one HTML page that needs nothing else: styles, scripts, figures and data are in it.

The content security policy of the page lets it load nothing, and run only its two scripts (named by
their hashes). So text from a run folder can neither run nor make a request. It is escaped, too.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from perceptron_sim.claims import Finding, Judgement, Verdict
from perceptron_sim.claims.registry import in_tables
from perceptron_sim.claims.rule import FALSE_ALARMS, FALSE_HOLDS
from perceptron_sim.drawing.notation import as_html
from perceptron_sim.drawing.plotly import plot
from perceptron_sim.drawing.style import COLOURS
from perceptron_sim.report.markdown import MARKS
from perceptron_sim.report.numbers import (
    interval,
    measurements_csv,
    panels_csv,
    prediction,
    shown,
    what_decides,
)
from perceptron_sim.report.provenance import differences


def page(
    judgements: Sequence[Judgement],
    summary: Mapping[str, Any],
    images: Mapping[str, bytes],
    *,
    live: bool = False,
) -> str:
    """Return the page.

    Args:
        judgements: the claims with their verdicts, in order.
        summary: content of summary.json, of the same judgements.
        images: static figure (SVG) by key of claim.
        live: whether the page asks its server for a newer one; else it makes no request.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("perceptron_sim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["symbols"] = lambda text: Markup(as_html(text))
    library, script = _plotly(), _asset("report.js")
    figures = {j.claim.key: [plot(panel) for panel in j.panels] for j in judgements if j.panels}
    claims = {
        judgement.claim.key: _claim(judgement, images.get(judgement.claim.key), said["made_by"])
        for judgement, said in zip(judgements, summary["claims"], strict=True)
    }
    return environment.get_template("report.html.j2").render(
        summary=summary,
        claims=list(claims.values()),
        tables=[
            (title, about, [claims[judgement.claim.key] for judgement in some])
            for title, about, some in in_tables(judgements)
        ],
        counts=[
            (verdict.value, MARKS[verdict], found)
            for verdict in Verdict
            if (found := sum(judgement.verdict is verdict for judgement in judgements))
        ],
        differences=differences(summary["provenance"]),
        false_alarms=FALSE_ALARMS,
        false_holds=FALSE_HOLDS,
        figures={"colours": COLOURS, "claims": figures},
        downloads={
            "summary.json": _uri("application/json", json.dumps(summary, indent=2).encode()),
            "measurements.csv": _uri("text/csv", measurements_csv(judgements).encode()),
            "provenance.json": _uri(
                "application/json", json.dumps(summary["provenance"], indent=2).encode()
            ),
        },
        live=live,
        policy=_policy((library, script), live),
        style=Markup(_asset("report.css")),
        library=Markup(library),
        script=Markup(script),
    )


def _claim(judgement: Judgement, image: bytes | None, made_by: Sequence[str]) -> dict[str, Any]:
    claim = judgement.claim
    return {
        "key": claim.key,
        "claim": claim,
        "verdict": judgement.verdict.value,
        "mark": MARKS[judgement.verdict],
        "reason": judgement.reason,
        "shown": shown(judgement),
        "rows": [_row(finding) for finding in judgement.findings],
        "made_by": made_by,
        "panels": judgement.panels,
        "image": None if image is None else _uri("image/svg+xml", image),
        "measurements": _uri("text/csv", measurements_csv([judgement]).encode()),
        "points": _uri("text/csv", panels_csv(judgement).encode()),
    }


def _row(finding: Finding) -> dict[str, Any]:
    measured = finding.measurement
    return {
        "measured": measured,
        "verdict": finding.verdict.value,
        "mark": MARKS[finding.verdict],
        "interval": interval(measured),
        "prediction": prediction(measured),
        "distance": finding.distance,
        "what_decides": what_decides(finding),
        "open": finding.verdict is Verdict.UNDECIDED,
    }


def _policy(scripts: Sequence[str], live: bool) -> str:
    """Return the content security policy: these scripts, images in the page, no request."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
    )
    server = "'self'" if live else "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src data: blob:; connect-src {server}; "
        "base-uri 'none'; form-action 'none'"
    )


def _uri(kind: str, content: bytes) -> str:
    if kind.startswith("text/"):
        return f"data:{kind};charset=utf-8,{quote(content)}"
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


@cache
def _plotly() -> str:
    from plotly.offline import get_plotlyjs

    # Inside a script element nothing may look like its end.
    return str(get_plotlyjs()).replace("</script", r"<\/script")


@cache
def _asset(name: str) -> str:
    return files("perceptron_sim.report").joinpath("templates", name).read_text(encoding="utf-8")
