"""``perceptron-sim import``: results of other programs next to ours."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from cli.options import json_option, out_option
from perceptron_sim.words import counted


def _pairs(values: Iterable[str], option: str) -> dict[str, str]:
    from perceptron_sim.errors import InputError

    found: dict[str, str] = {}
    for value in values:
        left, equals, right = value.partition("=")
        if not (left and equals and right):
            raise InputError(f"{option} {value!r} is not a pair: write {option} NAME=VALUE")
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
    help="Rename a column of the file, as in --column ptr=P; may be repeated.",
)
@click.option(
    "--set",
    "constants",
    multiple=True,
    metavar="NAME=VALUE",
    help="Add a column with one value for all runs, as in --set B=2; may be repeated.",
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
    """Read runs from CSV or JSON FILES, one row per run; make a folder as scan does.

    Needed: model (perceptron, net, lazy or another name), P, B, T or eta, kappa or alpha, seed,
    status, t_star or steps; for perceptrons also chi, d, w_norm; for nets data, d, arch, depth,
    width, act, dw_rel or dw. docs/import.md lists all columns. Every cell is checked. If one is
    wrong, nothing is written.
    """
    from cli.scanning import conclude
    from perceptron_sim.analysis.analyse import analyse
    from perceptron_sim.store.importing import Mapping, import_runs, store_runs
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
    analysis = analyse(frame)
    command = _command_line(files, columns, constants, shared_seeds)
    conclude(analysis, analysis.summary(command, imported=imported.sources), out, as_json)
    return 0


def _command_line(
    files: Sequence[Path], columns: Sequence[str], constants: Sequence[str], shared_seeds: bool
) -> str:
    from perceptron_sim.names import command_line

    words = ["perceptron-sim", "import", *(path.name for path in files)]
    for option, values in (("--column", columns), ("--set", constants)):
        words += [word for value in values for word in (option, value)]
    return command_line(words + ["--shared-seeds"] * shared_seeds)
