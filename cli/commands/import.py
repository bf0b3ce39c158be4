"""``perceptron-sim import``: results of other programs beside ours."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option, out_option
from perceptron_sim.words import counted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def _pairs(values: Iterable[str], option: str) -> dict[str, str]:
    from perceptron_sim.errors import InputError

    found: dict[str, str] = {}
    for value in values:
        left, equals, right = value.partition("=")
        if not (left and equals and right):
            raise InputError(f"{option} {value!r} is no pair: write {option} NAME=VALUE")
        if left in found:
            raise InputError(f"{option} {left}= is given twice: give it once")
        found[left] = right
    return found


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="THEIRS=OURS",
    help="The file's name of a column, as in --column ptr=P; may be repeated.",
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the file lacks, the same for all runs, as in --set B=2; may be repeated.",
)
@click.option(
    "--shared-seeds",
    is_flag=True,
    help="Runs of one seed share data or initial weights: intervals over seeds, not runs.",
)
@out_option("perceptron-sim-import")
@json_option
def command(
    files: tuple[Path, ...],
    columns: tuple[str, ...],
    constants: tuple[str, ...],
    shared_seeds: bool,
    out: Path,
    as_json: bool,
) -> int:
    """Read runs from CSV or JSON FILES, one row a run, and make a folder like that of scan.

    Needed: model (perceptron, net, lazy or another name), P, B, T or eta, kappa or alpha, seed,
    status, t_star or steps; of perceptrons chi, d, w_norm; of nets data, d, arch, depth, width,
    act, dw_rel or dw. docs/import.md has all columns. Every cell is checked; nothing is written
    if one is wrong.
    """
    from cli.output import print_json
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary
    from perceptron_sim.store.importing import Mapping, import_runs, store_runs
    from perceptron_sim.store.importing.columns import PERCEPTRON
    from perceptron_sim.store.schema import versions
    from perceptron_sim.store.store import ParquetStore

    mapping = Mapping(_pairs(columns, "--column"), _pairs(constants, "--set"))
    # Every row is checked before the folder is touched.
    imported = import_runs(files, mapping, shared_seeds=shared_seeds)
    if imported.ignored:
        shown = ", ".join(repr(name[:40]) for name in imported.ignored[:12])
        more = f" and {len(imported.ignored) - 12} more" if len(imported.ignored) > 12 else ""
        click.echo(f"columns not imported: {shown}{more}", err=True)
    frame = store_runs(imported, ParquetStore(out))
    click.echo(
        f"{counted(len(frame), 'run')} of {', '.join(path.name for path in files)}: {out}", err=True
    )
    parts = []
    for model, runs in frame.groupby("model", sort=True):
        parts.append(_perceptrons(runs) if model == PERCEPTRON else _nets(str(model), runs))
    summary: dict[str, Any] = {
        "command": _command_line(files, columns, constants, shared_seeds),
        "imported": imported.sources,
        "runs": len(frame),
        "status": {str(k): int(v) for k, v in frame["status"].value_counts().sort_index().items()},
        "points_left_out": sum(part.left_out for part in parts),
        "exponents": [row.as_dict() for part in parts for row in part.rows],
        "collapses": [asdict(collapse) for part in parts for collapse in part.collapses],
        "versions": versions(),
    }
    write_summary(out / "summary.json", summary)
    written = [
        path
        for part in parts
        for name, figure in part.figures.items()
        for path in save(figure, out, name)
    ]
    if as_json:
        print_json(summary)
    else:
        for part in parts:
            part.show()
    click.echo(f"figures: {', '.join(str(p) for p in written if p.suffix == '.png')}", err=True)
    click.echo(f"summary: {out / 'summary.json'}", err=True)
    return 0


def _command_line(
    files: Sequence[Path], columns: Sequence[str], constants: Sequence[str], shared_seeds: bool
) -> str:
    from perceptron_sim.names import command_line

    words = ["perceptron-sim", "import", *(path.name for path in files)]
    for option, values in (("--column", columns), ("--set", constants)):
        words += [word for value in values for word in (option, value)]
    return command_line(words + ["--shared-seeds"] * shared_seeds)


@dataclass
class _Part:
    """What is fitted to, and drawn of, the runs of one model."""

    rows: list[Any]
    left_out: int
    collapses: list[Any]
    figures: dict[str, "Figure"]
    show: Callable[[], None]


def _perceptrons(runs: "pd.DataFrame") -> _Part:
    from cli.tables import print_collapses, print_exponents
    from perceptron_sim.analysis.collapse import collapses
    from perceptron_sim.analysis.exponents import censored_points, exponent_rows
    from perceptron_sim.analysis.figures.collapse import figure_collapse
    from perceptron_sim.analysis.figures.scan import figure_on_P, figure_on_T

    rows, found, left_out = exponent_rows(runs), collapses(runs), censored_points(runs)
    figures = {"scan_on_P": figure_on_P(runs, rows), "scan_on_T": figure_on_T(runs, rows)}
    for abscissa, name in (("P/d", "collapse_on_P"), ("kappa/T", "collapse_on_kappa")):
        if any(collapse.abscissa == abscissa for collapse in found):
            figures[name] = figure_collapse(runs, found, abscissa)

    def show() -> None:
        print_exponents(rows, left_out)
        print_collapses(found)

    return _Part(rows, left_out, found, figures, show)


def _nets(model: str, runs: "pd.DataFrame") -> _Part:
    from cli.commands.nets.table import print_exponents
    from nets.exponents import exponent_rows, points_left_out
    from nets.figures import figure_scan

    rows, left_out = exponent_rows(runs), points_left_out(runs)
    name = {"net": "nets"}.get(model, model.replace(" ", "-"))
    figures = {f"{name}_on_{on}": figure_scan(runs, rows, on) for on in ("T", "P")}
    return _Part(rows, left_out, [], figures, lambda: print_exponents(rows, left_out))
