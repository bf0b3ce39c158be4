"""``perceptron-sim report``: what run folders say about the claims of the papers."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import OutFolder, json_option

if TYPE_CHECKING:
    from perceptron_sim.claims import Judgement
    from perceptron_sim.report.serve import ReportServer

_TITLE = "SGD noise: the claims, and what the runs say"
# Seconds between two looks at the folders while the report is served.
_LOOK_EVERY_S = 2.0


class _Port(click.ParamType[Any]):
    name = "PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if str(value).isdecimal() and int(value) < 65536:
            return int(value)
        message = f"{value!r} is not a port, 0 to 65535: folders come before --serve"
        raise click.BadParameter(message, ctx, param)


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[DIR]...")
@click.option(
    "--out",
    type=OutFolder(),
    default=Path("perceptron-sim-report"),
    show_default=True,
    help="Folder for report.html, report.md, summary.json and figures.",
)
@click.option(
    "--serve",
    "port",
    type=_Port(),
    is_flag=False,
    flag_value="0",
    metavar="[PORT]",
    help="Show it in browsers on this machine; reload as runs are added.",
)
@json_option
def command(folders: tuple[Path, ...], out: Path, port: int | None, as_json: bool) -> int:
    """Judge the claims of the papers by the runs in DIR..., and write the report.

    DIR is a folder of scan, phase, nets scan, nets lazy or import, or a folder of such folders.
    The default is the working directory. Each claim holds, fails or stays undecided. The report
    shows the numbers and what would decide. report.html needs no network and no other file.
    """
    from cli.reports import say_verdicts
    from perceptron_sim.report.serve import Content, ReportServer
    from perceptron_sim.report.write import check_out

    check_out(out)
    # Folders are known by their names, and "." has none.
    asked = [folder if folder.name else folder.resolve() for folder in folders or (Path(),)]
    # A port that is taken is said before any work.
    serving = contextlib.nullcontext() if port is None else ReportServer(Content({}, ""), port)
    with serving as server:
        seen = _state(asked)
        judgements, written = _build(asked, folders, out)
        if as_json:
            click.echo((out / "summary.json").read_text(), nl=False)
        else:
            say_verdicts(judgements)
        click.echo(f"report: {written[0]}", err=True)
        if server is not None:
            server.replace(Content.of(judgements, written))
            click.echo(f"open {server.url} (this machine only; Ctrl-C ends it)", err=True)
            with contextlib.suppress(KeyboardInterrupt):
                _follow(server, seen, asked, folders, out)
    return 0


def _state(asked: Sequence[Path]) -> Any:
    from perceptron_sim.claims.evidence import evidence_in
    from perceptron_sim.report.serve import fingerprint

    return fingerprint([folder.path for folder in evidence_in(asked).folders])


def _build(
    asked: Sequence[Path], given: Sequence[Path], out: Path
) -> "tuple[list[Judgement], list[Path]]":
    import nets.claims  # noqa: F401  (registers the claims about nets)
    from cli.progress import TerminalProgress
    from perceptron_sim.claims.evidence import Evidence, evidence_in
    from perceptron_sim.claims.registry import all_claims, judge_all
    from perceptron_sim.names import as_text, command_line
    from perceptron_sim.report import write_report
    from perceptron_sim.store.store import ParquetStore

    found = evidence_in(asked).folders
    ended = [folder for folder in found if (folder.path / "summary.json").exists()]
    running = [
        f"{as_text(folder.path.resolve().name)} has "
        f"{len(ParquetStore.existing(folder.path).keys())} runs, but its command has not ended"
        for folder in found
        if folder not in ended
    ]
    progress = TerminalProgress("claims")
    evidence = Evidence(ended)
    n = len(all_claims())
    progress.start("judging", n, n)
    judgements = judge_all(evidence, lambda: progress.advance(1, 1))
    progress.finish()
    written = write_report(
        judgements,
        ended,
        out,
        title=_TITLE,
        command=command_line(["perceptron-sim", "report", *map(str, given)]),
        running=running,
        progress=progress,
    )
    return judgements, written


def _follow(
    server: "ReportServer", seen: Any, asked: Sequence[Path], given: Sequence[Path], out: Path
) -> None:
    from perceptron_sim.errors import InputError
    from perceptron_sim.report.serve import Content

    while True:
        time.sleep(_LOOK_EVERY_S)
        try:
            now = _state(asked)
            if now == seen:
                continue
            seen = now
            server.replace(Content.of(*_build(asked, given, out)))
        except InputError as error:
            # A folder being moved or written: what was served last stays.
            click.echo(f"not renewed: {error}", err=True)
