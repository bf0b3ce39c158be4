"""Write a report into a folder: report.html, report.md, summary.json, a figure for each claim."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perceptron_sim.atomic import write_atomically
from perceptron_sim.claims import Judgement
from perceptron_sim.claims.evidence import Folder
from perceptron_sim.errors import InputError
from perceptron_sim.places import check_writable, make_folder
from perceptron_sim.progress import NoProgress, Progress
from perceptron_sim.report.numbers import as_json
from perceptron_sim.report.provenance import made_by, provenance
from perceptron_sim.store.schema import versions

# What names of figure files begin with; the key of the claim follows.
FIGURE = "claim_"


def write_report(
    judgements: Sequence[Judgement],
    folders: Sequence[Folder],
    out: Path,
    *,
    title: str,
    command: str,
    running: Sequence[str] = (),
    progress: Progress | None = None,
) -> list[Path]:
    """Write the report of some judgements; return the paths, the page first.

    Every file appears whole or not at all; figures of claims without runs are not written.

    Args:
        judgements: the claims with their verdicts, in the order of the page.
        folders: the run folders they rest on.
        out: folder for the report; made if absent, files of an older report are replaced.
        title: heading of the page.
        command: full command that makes the report again.
        running: what is not done yet, one line each, said at the top.
        progress: is told of every figure drawn.

    Raises:
        InputError: as ``check_out``.
    """
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.report.markdown import markdown
    from perceptron_sim.report.page import page
    from perceptron_sim.report.static import figure_of

    check_out(out)
    summary = summary_of(judgements, folders, title=title, command=command, running=running)
    make_folder(out, "--out")
    shown = [judgement for judgement in judgements if judgement.panels]
    progress = progress or NoProgress()
    progress.start("drawing", len(shown), sum(len(j.panels) for j in shown))
    figures = {}
    for judgement in shown:
        key = judgement.claim.key
        figures[key] = save(figure_of(judgement), out, f"{FIGURE}{key}")
        progress.advance(1, len(judgement.panels))
    progress.finish()
    images = {key: paths[1].read_bytes() for key, paths in figures.items()}
    contents = {
        "report.html": page(judgements, summary, images),
        "report.md": markdown(judgements, summary, {k: p[0].name for k, p in figures.items()}),
        "summary.json": json.dumps(summary, indent=2, allow_nan=False) + "\n",
    }
    for name, text in contents.items():
        write_atomically(out / name, text.encode())
    return [*(out / name for name in contents), *(p for paths in figures.values() for p in paths)]


def summary_of(
    judgements: Sequence[Judgement],
    folders: Sequence[Folder],
    *,
    title: str,
    command: str,
    running: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the content of summary.json: claims with verdicts and numbers, provenance, versions.

    It holds no dates, so the same runs give the same summary.
    """
    return {
        "command": command,
        "title": title,
        "running": list(running),
        "claims": [as_json(each, made_by(each, folders)) for each in judgements],
        "provenance": provenance(folders),
        "versions": versions(),
    }


def check_out(out: Path) -> None:
    """Refuse a place for a report that cannot be written, or is a folder of runs.

    Raises:
        InputError: as ``check_writable``, or if it holds runs.
    """
    check_writable(out, "--out")
    if (out / "runs").exists() or (out / "store.json").exists():
        raise InputError(
            f"{out} holds runs, whose summary.json the report would replace: name another folder "
            "with --out"
        )
