"""The event-driven kernel by itself: growth of its cost with P, memory, threads, compilation.

The figure of the growth is a chart as those of ``analysis.figures``. The machine on
which all this was measured is described here too.
"""

import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from perceptron_sim.analysis.power_law import fit_power_law
from perceptron_sim.bench.compare import Case, Say, Settings, run_kernel, timing
from perceptron_sim.drawing.panels import Chart, Panel, Series
from perceptron_sim.errors import InputError
from perceptron_sim.runs.memory import check_memory
from perceptron_sim.runs.result import RunResult
from perceptron_sim.runs.simulate import run_bytes
from perceptron_sim.scans.executors import default_workers
from perceptron_sim.scans.scan import scan
from perceptron_sim.store.schema import Record, versions
from perceptron_sim.store.store import MemoryStore
from perceptron_sim.theory import exponents

_SIZES = (Case(1, 16, 2**20), Case(0, 8, 2**16))
_GROWTHS = ((1.0, 16), (0.0, 8))

# VmHWM and not ru_maxrss where there is a choice: a new process inherits the latter.
_SIZE_PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from perceptron_sim import PerceptronConfig, simulate

def peak():
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

simulate(PerceptronConfig(P=16, d=2, B=1), "event", None)
before = peak()
started = time.perf_counter()
run = simulate(PerceptronConfig(**json.loads(sys.argv[1])), "event", None)
total_s = time.perf_counter() - started
print(json.dumps({
    "status": run.status, "wall_s": run.wall_s, "with_data_s": total_s, "steps": run.steps,
    "hits": run.hits, "peak_bytes": peak(), "peak_bytes_before": before,
}))
"""
_COMPILE_PROGRAM = """
import json, time
started = time.perf_counter()
from perceptron_sim import PerceptronConfig, simulate
simulate
imported = time.perf_counter()
simulate(PerceptronConfig(P=16, d=2, B=1), "event", None)
print(json.dumps({
    "import_s": imported - started, "first_run_s": time.perf_counter() - imported
}))
"""


def measure_growth(settings: Settings, say: Say) -> list[Record]:
    """Run the event kernel over a range of P; fit the exponents of its wall time and of t*."""
    sizes = [2**k for k in (range(5, 9) if settings.quick else range(10, 18))]
    rows = []
    for chi, d in _GROWTHS:
        runs: dict[int, list[RunResult]] = {P: [] for P in sizes}
        # Seeds outermost, so that a slow spell of the machine does not bend the slope.
        for seed in range(settings.seeds):
            for P in sizes:
                runs[P].append(run_kernel(Case(chi, d, P).config(seed), "event"))
            say(f"growth at chi {chi:g}, d {d}: seed {seed} done")
        rows.append(
            {
                "chi": chi,
                "d": d,
                "B": 2,
                "P": sizes,
                "runs": [timing(runs[P]) for P in sizes],
                "cost_exponent": _fit(sizes, [[run.wall_s for run in runs[P]] for P in sizes]),
                "hits_exponent": _fit(sizes, [[run.hits for run in runs[P]] for P in sizes]),
                "b": _fit(sizes, [[run.t_star for run in runs[P]] for P in sizes]),
                "b_asymptotic": exponents(chi).b,
            }
        )
    return rows


def _fit(x: Sequence[int], values: Sequence[Sequence[float]]) -> Record:
    fit = fit_power_law(x, [np.log(np.asarray(some, dtype=np.float64)) for some in values])
    assert fit is not None
    shift = None if math.isnan(fit.systematic) else fit.systematic
    return {
        "measured": fit.slope,
        "ci_low": fit.ci_low,
        "ci_high": fit.ci_high,
        "systematic": shift,
    }


def figure_cost_on_P(growths: Sequence[Record]) -> Chart:
    """Chart the wall time of the event kernel against P, each run a point, with the fitted slopes.

    The broken lines rise as the fitted t*: so would the cost of a kernel that does every step.
    """
    series = []
    for i, row in enumerate(growths, 1):
        x = np.array(row["P"], dtype=np.float64)
        times = [run["wall_s"] for run in row["runs"]]
        centre = np.array([np.exp(np.mean(np.log(some))) for some in times])
        cost, b = row["cost_exponent"]["measured"], row["b"]["measured"]
        each = np.repeat(x, [len(some) for some in times])
        series.append(Series("", each, np.concatenate(times), colour=i, marker=".", size=3.0))
        label = f"chi = {row['chi']:g}, d = {row['d']}: geometric mean over seeds"
        series.append(Series(label, x, centre, colour=i, marker=i - 1, size=5.0))
        middle = math.exp(float(np.mean(np.log(centre))))
        scaled = x / math.exp(float(np.mean(np.log(x))))
        first = middle * scaled[0] ** cost
        for label, y, dash in (
            (f"cost ∝ P^{cost:.2f}", middle * scaled**cost, "-"),
            (f"growth of t*, ∝ P^{b:.2f}", first * (x / x[0]) ** b, "--"),
        ):
            series.append(Series(label, x, y, line=True, colour=i, dash=dash, width=1.0))
    ticks = [P for row in growths for P in row["P"]]
    label = "seconds per run, event-driven kernel"
    return Chart(
        [[Panel("", "training-set size P", label, series, x_ticks=ticks)]], width=5.6, height=3.6
    )


def measure_size(settings: Settings, say: Say) -> list[Record]:
    """Run the event kernel once at the largest sizes, each in a process of its own."""
    rows: list[Record] = []
    for case in settings.shown(_SIZES):
        say(f"size: {case.name}")
        row: Record = {"case": case.name, **asdict(case)}
        try:
            check_memory(run_bytes(case.config(0), "event"), case.name)
        except InputError as error:
            rows.append(row | {"skipped": str(error)})
            continue
        found = _in_process(_SIZE_PROGRAM, json.dumps(asdict(case.config(0))))
        rows.append(row | found)
    return rows


def measure_compilation(settings: Settings, say: Say) -> Record:
    """Time the first run of a process without and with a cache of compiled kernels."""
    found: Record = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "cached"):
            say(f"compile: {name}")
            started = time.perf_counter()
            found[name] = _in_process(_COMPILE_PROGRAM, NUMBA_CACHE_DIR=folder)
            found[name]["process_s"] = time.perf_counter() - started
    return found


def _in_process(program: str, *arguments: str, **environment: str) -> Record:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"a measuring process ended with code {done.returncode}: {reason}")
    found: Record = json.loads(done.stdout)
    return found


def measure_threads(settings: Settings, say: Say) -> Record:
    """Time scans of the same runs with one and two workers, in turns."""
    if default_workers() < 2:
        return {"skipped": "one usable core"}
    (case,) = settings.shown([Case(0, 8, 16384)])
    seconds = 0.05 if settings.quick else 3.0
    # Long enough runs that what Python does between them hardly counts; data are included.
    started, tried = time.perf_counter(), 0
    while tried < 3 or time.perf_counter() - started < seconds / 6:
        run_kernel(case.config(tried), "event")
        tried += 1
    pace = (time.perf_counter() - started) / tried
    count = 2 * max(8, math.ceil(seconds / pace / 2))
    configs = [case.config(seed) for seed in range(count)]
    rates: dict[int, list[float]] = {1: [], 2: []}
    for repeat in range(3):
        for workers, found in rates.items():
            report = scan(configs, MemoryStore(), checkpoints=None, workers=workers)
            if report.interrupted:
                raise KeyboardInterrupt
            found.append(report.done / report.wall_s)
        say(f"threads: {count} runs with 1 and 2 workers, turn {repeat + 1} of 3")
    one, two = (float(np.median(rates[workers])) for workers in (1, 2))
    return {
        "case": case.name,
        "runs": count,
        "runs_per_s": {str(workers): found for workers, found in rates.items()},
        "median_runs_per_s": {"1": one, "2": two},
        "speed_up": two / one,
        "efficiency": two / one / 2,
        "efficiencies": [b / a / 2 for a, b in zip(rates[1], rates[2], strict=True)],
    }


def describe_machine() -> Record:
    """Return what the numbers were measured on, in words."""
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "system": platform.system(),
        "cores": default_workers(),
        "load_before": os.getloadavg()[0],
        "versions": versions(),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def measure_bandwidth(settings: Settings) -> Record:
    """Return GB/s of copying a large and a cache-sized array, bytes read and written together."""
    seconds = 0.01 if settings.quick else 0.3
    found: Record = {}
    for name, size in (("memory", 1 << (22 if settings.quick else 27)), ("cache", 1 << 17)):
        source, target = np.ones(size // 8), np.zeros(size // 8)
        copies = max(1, (1 << 24) // size)
        # Not timed: the first copy also waits for pages to be handed out.
        np.copyto(target, source)
        taken: list[float] = []
        while len(taken) < 3 or sum(taken) < seconds:
            started = time.perf_counter()
            for _ in range(copies):
                np.copyto(target, source)
            taken.append(time.perf_counter() - started)
        best = min(taken) / copies
        found[name] = {"array_bytes": size, "GB_per_s": 2e-9 * size / best}
    return found
