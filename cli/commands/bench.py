"""``perceptron-sim bench``: how fast the event-driven kernel is, against other programs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.options import json_option, out_option

if TYPE_CHECKING:
    from perceptron_sim.bench.compare import Settings

PARTS = ("headline", "dynamics", "grid", "size", "growth", "threads", "compile")
_COMPARISONS = ("headline", "dynamics", "grid")
_PEERS = ("scikit-learn", "torch")


@click.command()
@click.option(
    "--cases",
    default="headline",
    show_default=True,
    help=f"Comma list of {', '.join(PARTS)}; or all.",
)
@click.option(
    "--repeats", type=int, default=5, show_default=True, help="Least number of seeds per case."
)
@click.option(
    "--limit-s",
    type=float,
    default=20.0,
    show_default=True,
    help="Skip grid cases whose reference run would take longer.",
)
@click.option("--quick", is_flag=True, help="Shrink every case; this only shows that it works.")
@out_option("perceptron-sim-bench", "Folder for bench.json and the figure of growth.")
@json_option
def command(cases: str, repeats: int, limit_s: float, quick: bool, out: Path, as_json: bool) -> int:
    """Time the event-driven kernel against the reference loop, scikit-learn and PyTorch.

    Times are of one thread and of kernels alone, without compilation. Both kernels run in turn on
    the same data. t* scatters, and each kernel draws its own batches. So the table shows the ratio
    of the times per step next to the ratio of the times.

    \b
    headline  seven cases from easy to hard
    dynamics  the other dynamics by their loops
    grid      chi 0,1,3; d 8,64,128; P 256..16384; B 1,2,16,256
    size      the event kernel alone at P = 2^20 and 2^16: time, peak memory
    growth    exponent of its cost on P next to that of t*; figure
    threads   runs per second of a scan with 1 and 2 workers
    compile   time of the first run of a process, without and with a cache
    """
    from cli.output import print_json
    from perceptron_sim.analysis.figures import save
    from perceptron_sim.analysis.summary import write_summary
    from perceptron_sim.bench import compare as bench
    from perceptron_sim.bench import growth as bench_event
    from perceptron_sim.places import make_folder

    names = _part_names(cases)
    settings = bench.Settings(repeats=repeats, limit_s=limit_s, quick=quick)
    make_folder(out, "--out")

    def say(text: str) -> None:
        click.echo(text, err=True)

    content: dict[str, Any] = {
        "machine": bench_event.describe_machine(),
        "settings": {"cases": list(names), "repeats": settings.seeds, "limit_s": limit_s}
        | {"quick": quick},
        "copying": bench_event.measure_bandwidth(settings),
        "least_call_s": bench.warm_up(),
    }
    if not as_json:
        _print_machine(content)
    for name in names:
        content[name] = _measured(name, settings, say)
        # After each part, so that what is done survives an interrupt.
        write_summary(out / "bench.json", content)
        if not as_json:
            _PRINT[name](name, content[name])
        if name == "growth":
            save(bench_event.figure_cost_on_P(content[name]), out, "cost_on_P")
    # The libraries come last: their thread pools shall not be there while kernels are timed.
    compared = [
        row for name in names if name in ("headline", "dynamics", "grid") for row in content[name]
    ]
    if any("skipped" not in row for row in compared):
        content["peers"] = bench.compare_peers(compared, settings, say)
        write_summary(out / "bench.json", content)
        if not as_json:
            _print_peers(content["peers"])
    if as_json:
        print_json(content)
    click.echo(f"written: {out / 'bench.json'}", err=True)
    return 0


def _measured(name: str, settings: "Settings", say: Callable[[str], None]) -> Any:
    """Return what a part of the benchmark found."""
    from perceptron_sim.bench import compare, growth

    if name == "headline":
        return compare.compare(compare.HEADLINE, settings, say)
    if name == "dynamics":
        return compare.compare(compare.OTHERS, settings, say)
    if name == "grid":
        return compare.compare(compare.GRID, settings, say, settings.limit_s)
    measures = {
        "size": growth.measure_size,
        "growth": growth.measure_growth,
        "threads": growth.measure_threads,
        "compile": growth.measure_compilation,
    }
    return measures[name](settings, say)


def _part_names(text: str) -> tuple[str, ...]:
    from perceptron_sim.choices import choose
    from perceptron_sim.errors import InputError

    known = [*PARTS, "all"]
    names: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if name not in known:
            raise InputError(f"--cases: {name!r} is unknown: {choose(name, known)}")
        names.extend(PARTS if name == "all" else [name])
    return tuple(dict.fromkeys(names))


def _time(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1.0:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _print_machine(content: dict[str, Any]) -> None:
    machine, copying, call = (content[name] for name in ("machine", "copying", "least_call_s"))
    versions = " ".join(f"{name} {version}" for name, version in machine["versions"].items())
    click.echo(
        f"{machine['processor']}, {machine['machine']}, {machine['cores']} cores; {versions}"
    )
    speeds = [f"{copying[name]['GB_per_s']:.3g} GB/s in {name}" for name in ("memory", "cache")]
    click.echo(f"copying reads and writes {', '.join(speeds)}")
    calls = ", ".join(f"{kernel} {_time(seconds)}" for kernel, seconds in call.items())
    click.echo(f"a call with hardly a step, part of every time below: {calls}\n")


def _print_comparison(name: str, rows: list[dict[str, Any]]) -> None:
    from cli.output import print_table
    from perceptron_sim.bench.compare import KERNELS

    def spread(timing: dict[str, Any]) -> str:
        ends = f"{_time(timing['min_s'])} .. {_time(timing['max_s'])}"
        lost = f", {timing['not_fitted']} not fitted" if timing["not_fitted"] else ""
        return f"{_time(timing['median_s'])} ({ends}{lost})"

    print_table(
        f"{name}: one thread, kernel alone, median (min .. max) over seeds",
        ["case", "seeds", *KERNELS, "of medians", "of sums", "per step"],
        [
            [
                *(row["case"], str(row["seeds"]), *(spread(row[kernel]) for kernel in KERNELS)),
                *(f"{row['ratios'][kind]:.3g}" for kind in ("of_medians", "of_sums", "per_step")),
            ]
            for row in rows
            if "skipped" not in row
        ],
    )
    for row in rows:
        if "skipped" in row:
            click.echo(f"skipped: {row['case']}: {row['skipped']}, above --limit-s")
    click.echo(
        "of medians, of sums, per step: reference over event. t* scatters from run to run and "
        "each kernel draws its own batches;\nper step is the sum of the times over the sum of "
        "the steps.\n"
    )


def _print_loops(name: str, rows: list[dict[str, Any]]) -> None:
    from cli.output import print_table
    from perceptron_sim.kernels.dynamics import DYNAMICS

    cells = []
    for row in rows:
        for kernel in DYNAMICS[row["dynamics"]].on_given_data:
            found = row[kernel]
            numbers = (_time(found["median_s"]), f"{found['ns_per_step']:.3g}")
            cells.append([row["case"], kernel, str(row["seeds"]), *numbers])
    print_table(
        f"{name}: one thread, kernel alone", ["case", "kernel", "seeds", "median", "ns/step"], cells
    )


def _print_peers(rows: list[dict[str, Any]]) -> None:
    from cli.output import print_table

    cells, skipped = [], set()
    for row in rows:
        line = [row["case"], _time(row["event_s"]), _time(row["reference_s"])]
        for name in _PEERS:
            peer = row.get(name, {"skipped": None})
            if "skipped" in peer:
                if peer["skipped"]:
                    skipped.add(f"{name}: skipped, {peer['skipped']}")
                line += ["-", "-", "-"]
            else:
                line += [f"{peer['ns_per_step']:.3g}", _time(peer["extrapolated_s"])]
                line.append(f"{peer['extrapolated_over_event']:.3g}")
        cells.append(line)
    columns = [text for name in _PEERS for text in (f"{name} ns/step", "a run*", "over event")]
    print_table(
        "libraries: one thread, time per step measured, time of a run extrapolated",
        ["case", "event, mean", "reference, mean", *columns],
        cells,
    )
    click.echo(
        "* extrapolated, not measured: time per step times the steps of the reference. "
        "scikit-learn: one-sample steps, B of them\nfor each step of the reference. torch: a "
        "plain loop over batches of B."
    )
    for text in sorted(skipped):
        click.echo(text)
    click.echo("")


def _print_size(name: str, rows: list[dict[str, Any]]) -> None:
    from cli.output import print_table
    from perceptron_sim.runs.memory import format_bytes

    cells = [
        [
            *(row["case"], row["status"], _time(row["wall_s"]), f"{row['steps']:.4g}"),
            *(format_bytes(row["peak_bytes"]), format_bytes(row["peak_bytes_before"])),
        ]
        for row in rows
        if "skipped" not in row
    ]
    columns = ["case", "status", "kernel", "steps", "peak memory", "before the run"]
    print_table(f"{name}: event kernel, one run in a process of its own", columns, cells, 2)
    for row in rows:
        if "skipped" in row:
            click.echo(f"skipped: {row['skipped']}")


def _print_growth(name: str, rows: list[dict[str, Any]]) -> None:
    from cli.output import number, print_table

    def fitted(fit: dict[str, Any]) -> list[str]:
        interval = f"[{fit['ci_low']:.3f}, {fit['ci_high']:.3f}]"
        return [f"{fit['measured']:.3f}", interval, number(fit["systematic"], 2)]

    cells = [
        [
            *(f"{row['chi']:g}", str(row["d"]), f"{row['P'][0]} .. {row['P'][-1]}"),
            *(*fitted(row["cost_exponent"]), *fitted(row["b"]), f"{row['b_asymptotic']:.3f}"),
        ]
        for row in rows
    ]
    columns = ["chi", "d", "P", "cost on P", "95 %", "syst.", "b: t* on P", "95 %", "syst."]
    print_table(f"{name}: wall time of the event kernel", [*columns, "P/d -> inf"], cells)


def _print_threads(name: str, found: dict[str, Any]) -> None:
    if "skipped" in found:
        click.echo(f"{name}: skipped, {found['skipped']}")
        return
    rates, each = found["median_runs_per_s"], found["efficiencies"]
    click.echo(
        f"{name}: {found['runs']} runs at {found['case']}: {rates['1']:.4g} runs/s with 1 worker, "
        f"{rates['2']:.4g} with 2: efficiency {found['efficiency']:.3f} "
        f"({min(each):.3f} .. {max(each):.3f})\n"
    )


def _print_compilation(name: str, found: dict[str, Any]) -> None:
    times = [f"{kind} {_time(found[kind]['first_run_s'])}" for kind in ("cold", "cached")]
    whole = [f"{kind} {_time(found[kind]['process_s'])}" for kind in ("cold", "cached")]
    click.echo(f"{name}: first run {', '.join(times)}; whole process {', '.join(whole)}\n")


_PRINT: dict[str, Callable[[str, Any], None]] = {
    "headline": _print_comparison,
    "dynamics": _print_loops,
    "grid": _print_comparison,
    "size": _print_size,
    "growth": _print_growth,
    "threads": _print_threads,
    "compile": _print_compilation,
}
