"""``perceptron-sim compare``: theory, perceptron, lazy nets and trained nets, judged together."""

import contextlib
import io
import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from cli.arguments import arguments_given
from cli.options import budget_option, json_option, out_option
from cli.presets import NETS, PERCEPTRON, PRESETS, Stage, chosen, preset, with_options
from perceptron_sim.words import counted

_STATE = "compare.json"
_OF_NETS = ("data", "arch", "depth", "width", "act", "device", "data_dir")
# They say where and how fast, not what.
_WHERE = ("workers", "device", "scheduler", "data_dir")
_PASSED_ON = {
    PERCEPTRON: ("chi", "seeds", "workers", "scheduler"),
    NETS: (*_OF_NETS, "seeds", "workers", "scheduler"),
}


@click.command()
@click.option(
    "--preset",
    "preset_name",
    default="quick",
    show_default=True,
    help="; ".join(f"{name}: {known.about}" for name, known in PRESETS.items()) + ".",
)
@click.option(
    "--stages", help="Only these stages, separated by commas: scan, B-eta, T-kappa, lazy, nets, ..."
)
@click.option("--chi", help="Density exponents of the perceptron.  [default: the preset's]")
@click.option("--data", help="digits, mnist, cifar10 or perceptron.  [default: the preset's]")
@click.option("--arch", help="mlp, cnn, mnas or linear.  [default: mlp]")
@click.option("--depth", help="Hidden layers, or blocks of mnas.  [default: the preset's]")
@click.option("--width", help="Units or channels of a hidden layer.  [default: the preset's]")
@click.option("--act", help="relu, gelu or silu.  [default: the preset's]")
@click.option("--seeds", help="Replicas at each point.  [default: the preset's]")
@click.option(
    "--with", "others", multiple=True, help="Judge this folder of runs too; may be repeated."
)
@click.option("--workers", type=click.IntRange(min=1), help="Threads.  [default: one per core]")
@budget_option("Time of this call: 90s, 30min, 2h.  [default: none]")
@click.option("--device", help="auto, cpu or cuda, for nets.  [default: auto]")
@click.option("--scheduler", help="Address of a Dask scheduler.  [default: this machine]")
@click.option("--data-dir", help="Folder of mnist.npz, cifar10.npz.")
@click.option("--dry-run", is_flag=True, help="Print what would be run and how long it takes.")
@out_option("perceptron-sim-compare")
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    preset_name: str,
    stages: str | None,
    others: tuple[str, ...],
    budget: str | None,
    dry_run: bool,
    out: Path,
    as_json: bool,
    **options: Any,
) -> int:
    """Run perceptron, lazy and trained nets; judge every claim of the papers; write a report.

    Each stage is a command of this program in a folder of its own, so that it can be repeated,
    changed or reused by itself. The same command again finds what is done and does the rest.
    """
    from cli.dry_run import end_of_budget
    from perceptron_sim.claims.evidence import evidence_in

    until = end_of_budget(budget)
    # Folders of others are checked before any work.
    elsewhere = evidence_in([Path(path) for path in others]).folders if others else ()
    done = _state(out)
    plan, left = _plan(chosen(preset(preset_name).stages, stages), options, out, done)
    _say_plan(plan, left, out)
    if dry_run:
        if as_json:
            from cli.output import print_json

            stages_left = {stage.name for stage in left}
            print_json([asdict(stage) | {"found": stage.name not in stages_left} for stage in plan])
        return 0
    failed: list[str] = []
    for i, stage in enumerate(left):
        later = sum(following.seconds for following in left[i + 1 :])
        said = f"[{plan.index(stage) + 1}/{len(plan)}] {stage.name}"
        code, ended = _run_and_note(stage, said, out, later, done, until)
        over = until is not None and time.monotonic() >= until
        if not ended and not over:
            click.echo(f"{stage.name} did not end: repeat the command to go on", err=True)
            return code
        if over:
            click.echo(f"out of budget at {stage.name}: repeat the command to go on", err=True)
            break
        if code:
            # Runs of it failed: judged without them, and tried again by the same command.
            failed.append(stage.name)
    made = [out / stage.name for stage in plan if _version(out / stage.name) is not None]
    _report(ctx, made, elsewhere, out, as_json)
    if failed:
        click.echo(
            f"runs failed in {', '.join(failed)}: repeat the command to try them again", err=True
        )
    return 1 if failed else 0


def _plan(
    presets_own: Sequence[Stage], options: dict[str, Any], out: Path, done: dict[str, Any]
) -> tuple[list[Stage], list[Stage]]:
    """Return all stages, and those that are left to be run.

    Raises:
        click.exceptions.Exit: if a stage refuses what it is asked for.
    """
    plan = [with_options(stage, _passed_on(stage, options)) for stage in presets_own]
    for i, stage in enumerate(plan):
        if _found(stage, out, done):
            continue
        code, seconds = _asked(stage, out / stage.name)
        if code:
            raise click.exceptions.Exit(code)
        # What a preset takes was measured; what others take is estimated, where it can be.
        changed = set(stage.command) - set(presets_own[i].command) - _given(options, _WHERE)
        if changed and seconds is not None:
            plan[i] = replace(stage, seconds=seconds)
    return plan, [stage for stage in plan if not _found(stage, out, done)]


def _run_and_note(
    stage: Stage, said: str, out: Path, later: float, done: dict[str, Any], until: float | None
) -> tuple[int, bool]:
    """Run a stage and note that it is done; return its exit code, and whether it ended.

    A stage that was going on at the end of the budget counts as ended, and not as done.
    """
    from cli.progress import duration

    click.echo(
        f"{said}: perceptron-sim {shlex.join(stage.command)}; "
        f"all: about {duration(stage.seconds + later)} left",
        err=True,
    )
    started = time.monotonic()
    before = _version(out / stage.name)
    code = _run(stage if until is None else _limited(stage, until), out / stage.name, later)
    if code == 0 and (until is None or time.monotonic() < until):
        wall_s = time.monotonic() - started
        done[stage.name] = {"command": list(stage.command), "wall_s": wall_s}
        _write_state(out, done)
    return code, code == 0 or _version(out / stage.name) != before


def _limited(stage: Stage, until: float) -> Stage:
    """Return the stage with what is left of the budget, unless its own ends before."""
    from perceptron_sim.phase.explore import parse_budget

    left = max(until - time.monotonic(), 0.1)
    words = stage.command
    if "--budget" in words and parse_budget(words[words.index("--budget") + 1]).seconds <= left:
        return stage
    return with_options(stage, ["--budget", f"{left:.1f}s"])


def _passed_on(stage: Stage, options: dict[str, Any]) -> list[str]:
    given: list[str] = []
    for name in _PASSED_ON[stage.kind]:
        # Kernels of lazy runs are computed on the CPU.
        if options[name] is not None and not (name == "device" and "lazy" in stage.command):
            given += [f"--{name.replace('_', '-')}", str(options[name])]
    return given


def _given(options: dict[str, Any], names: tuple[str, ...]) -> set[str]:
    """Return the words of the command line that stand for some options."""
    words = {f"--{name.replace('_', '-')}" for name in names}
    return words | {str(options[name]) for name in names}


def _state(out: Path) -> dict[str, Any]:
    """Return what stages of earlier calls are done; what cannot be read counts as not done."""
    try:
        found = json.loads((out / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_state(out: Path, done: dict[str, Any]) -> None:
    from perceptron_sim.atomic import write_atomically

    write_atomically(out / _STATE, (json.dumps(done, indent=2) + "\n").encode())


def _found(stage: Stage, out: Path, done: dict[str, Any]) -> bool:
    entry = done.get(stage.name)
    same = isinstance(entry, dict) and entry.get("command") == list(stage.command)
    return same and (out / stage.name / "summary.json").is_file()


def _version(folder: Path) -> tuple[int, int] | None:
    """Return what changes whenever a stage writes its summary."""
    try:
        found = (folder / "summary.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _say_plan(plan: list[Stage], left: list[Stage], out: Path) -> None:
    from cli.progress import duration

    for stage in plan:
        state = f"about {duration(stage.seconds)}" if stage in left else "found"
        click.echo(f"  {stage.name:<11} {state:<15} {shlex.join(stage.command)}", err=True)
    cost = duration(sum(stage.seconds for stage in left))
    click.echo(
        f"{counted(len(plan), 'stage')} in {out}: {len(plan) - len(left)} found, {len(left)} to "
        f"run, about {cost} on two cores, compilation (a minute, once) not counted",
        err=True,
    )


def _asked(stage: Stage, folder: Path) -> tuple[int, float | None]:
    """Let a stage refuse what it cannot do, before any work.

    Returns:
        Its exit code, and the seconds that it says it takes, if it knows.
    """
    from cli import main

    answer = io.StringIO()
    with contextlib.redirect_stdout(answer):
        code = main.run([*stage.command, "--dry-run", "--json", "--out", str(folder)])
    return code, None if code else json.loads(answer.getvalue())["wall_s"]


def _run(stage: Stage, folder: Path, later: float) -> int:
    """Run a stage, its tables into its folder; return its exit code."""
    from cli import main
    from cli.progress import later_work
    from perceptron_sim.places import make_folder

    make_folder(folder.parent, "--out")
    tables = folder.with_name(f"{stage.name}.txt")
    with (
        tables.open("w", encoding="utf-8") as file,
        contextlib.redirect_stdout(file),
        later_work(later),
    ):
        return main.run([*stage.command, "--out", str(folder)])


def _report(
    ctx: click.Context, stages: list[Path], elsewhere: Any, out: Path, as_json: bool
) -> None:
    """Judge every claim by the folders, and write the report."""
    import nets.claims  # noqa: F401  (registers the claims about nets)
    from cli.reports import say_verdicts
    from perceptron_sim.claims.evidence import Evidence, Folder
    from perceptron_sim.claims.registry import judge_all
    from perceptron_sim.names import command_line
    from perceptron_sim.report import write_report

    evidence = Evidence([*map(Folder, stages), *elsewhere])
    judgements = judge_all(evidence)
    made_by = command_line(["perceptron-sim", "compare", *arguments_given(ctx)])
    written = write_report(
        judgements,
        evidence.folders,
        out,
        title="Theory, perceptron and nets side by side",
        command=made_by,
    )
    if as_json:
        click.echo((out / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        say_verdicts(judgements)
    click.echo(f"report: {written[0]}", err=True)
