"""``perceptron-sim doctor``: is this machine ready, and what to do if not."""

import os
import sys
import time
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

import click

from cli.options import json_option

OK, HINT, PROBLEM = "ok", "hint", "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report: what was looked at, how it is, what to do."""

    check: str
    state: str
    detail: str
    remedy: str = ""


@click.command()
@json_option
def command(as_json: bool) -> int:
    """Check versions, cores, JIT cache, torch and CUDA, data sets; name a remedy for each problem.

    Exit code 1 if something that scan needs is broken.
    """
    from cli.output import print_json, print_table

    findings = [_python(), *_packages(), _cores(), _jit(), _torch(), *_data_sets()]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        rows = [[f.check, f.state, f.detail] for f in findings]
        print_table("perceptron-sim doctor", ["check", "state", "detail"], rows, 3)
        for finding in findings:
            if finding.remedy:
                click.echo(f"{finding.check}: {finding.remedy}")
    return 1 if any(finding.state == PROBLEM for finding in findings) else 0


def _python() -> Finding:
    version = sys.version.split()[0]
    return Finding("python", OK, f"{version} ({sys.executable})")


def _packages() -> list[Finding]:
    findings = []
    for requirement in metadata.requires("perceptron-sim") or []:
        if "extra ==" in requirement:
            continue
        name = requirement.split(">")[0].strip()
        try:
            findings.append(Finding(name, OK, metadata.version(name)))
        except metadata.PackageNotFoundError:
            findings.append(Finding(name, PROBLEM, "not installed", f"pip install '{requirement}'"))
    return findings


def _cores() -> Finding:
    from perceptron_sim.runs.memory import available_bytes, format_bytes
    from perceptron_sim.scans.executors import default_workers

    usable = default_workers()
    detail = f"{usable} usable of {os.cpu_count()}, {format_bytes(available_bytes())} free"
    return Finding("cores, memory", OK, f"{detail}; one thread per core, kernels release the GIL")


def _jit() -> Finding:
    import numba

    from perceptron_sim.kernels.jit import told
    from perceptron_sim.kernels.reference import plain_sgd
    from perceptron_sim.runs.simulate import load_kernel

    if numba.config.DISABLE_JIT:
        return Finding(
            "JIT", HINT, "switched off by NUMBA_DISABLE_JIT", "unset NUMBA_DISABLE_JIT: 100x faster"
        )
    started = time.perf_counter()
    for kernel in ("auto", "reference"):
        load_kernel(kernel)
    seconds = time.perf_counter() - started
    if told.problem is not None:
        reason, _, remedy = told.problem.partition("): ")
        return Finding("JIT", HINT, f"kernels compiled in {seconds:.1f} s; {reason})", remedy)
    stats = plain_sgd.stats  # type: ignore[attr-defined]
    cache = Path(stats.cache_path)
    state = "loaded from" if stats.cache_hits else "compiled into"
    detail = f"kernels {state} {cache} in {seconds:.1f} s"
    if not os.access(cache, os.W_OK):
        return Finding(
            "JIT", HINT, detail, f"{cache} is read-only: set NUMBA_CACHE_DIR to a folder you own"
        )
    return Finding("JIT", OK, detail)


def _torch() -> Finding:
    from perceptron_sim.extras import how_to_install, installed

    if not installed("torch"):
        return Finding("torch", HINT, "not installed; only nets need it", how_to_install("torch"))
    try:
        import torch
    except (ImportError, OSError) as error:
        reason = str(error).splitlines()[0]
        return Finding("torch", HINT, f"cannot be imported ({reason})", "install PyTorch again")

    if torch.cuda.is_available():
        return Finding("torch", OK, f"{torch.__version__}, CUDA on {torch.cuda.get_device_name(0)}")
    return Finding("torch", OK, f"{torch.__version__}, no CUDA device: nets run on the CPU")


def _data_sets() -> list[Finding]:
    from nets.data.paths import DATA_VARIABLE, FILES, locate, search_path

    findings = []
    for name, file in FILES.items():
        path = locate(name)
        if path is not None:
            findings.append(Finding(name, OK, str(path)))
        else:
            folders = " or ".join(map(str, search_path()))
            remedy = (
                f"run 'perceptron-sim nets fetch {name}', put {file} into {folders}, or point "
                f"${DATA_VARIABLE} to its folder"
            )
            findings.append(Finding(name, HINT, "not found; only nets need it", remedy))
    return findings
