"""Memory and cores at hand: every limit that surrounds a process counts."""

import os
import resource
from pathlib import Path

import pytest

from perceptron_sim.errors import InputError
from perceptron_sim.runs import memory
from perceptron_sim.runs.memory import available_bytes
from perceptron_sim.scans.executors import default_workers

GIB = 1 << 30
PAGE = resource.getpagesize()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch):
    """A machine of 64 GiB and 16 cores, without limits."""
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    _write(tmp_path, "proc/meminfo", f"MemTotal: 1 kB\nMemAvailable: {64 * GIB // 1024} kB\n")
    _write(tmp_path, "proc/self/statm", f"{GIB // PAGE} 0 0 0 0 {GIB // 2 // PAGE} 0\n")
    return tmp_path


def _write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def test_without_limits_the_machine_decides(machine: Path) -> None:
    assert available_bytes(machine) == 64 * GIB
    assert default_workers(machine) == 16


@pytest.mark.parametrize("limited", ["job", "job/step", "job/step/task", "."])
def test_a_limit_of_any_group_around_the_process(limited: str, machine: Path) -> None:
    _write(machine, "proc/self/cgroup", "0::/job/step/task\n")
    for group in (".", "job", "job/step", "job/step/task"):
        limit = 4 * GIB if group == limited else "max"
        folder = f"sys/fs/cgroup/{group}"
        _write(machine, f"{folder}/memory.max", f"{limit}\n")
        _write(machine, f"{folder}/memory.current", f"{2 * GIB}\n")
        _write(machine, f"{folder}/memory.stat", f"anon 0\ninactive_file {GIB}\n")
        quota = "150000 100000" if group == limited else "max 100000"
        _write(machine, f"{folder}/cpu.max", f"{quota}\n")
    # Pages of files make room when it is needed.
    assert available_bytes(machine) == 3 * GIB
    assert default_workers(machine) == 2


@pytest.mark.parametrize("seen", ["/slurm/job", "/docker/0123", "/../.."])
def test_groups_of_version_1_also_where_only_a_part_of_them_is_seen(seen, machine: Path) -> None:
    lines = f"9:name=systemd:/\n4:memory:{seen}\n2:cpu,cpuacct:{seen}\n0::/\n"
    _write(machine, "proc/self/cgroup", lines)
    inside = "slurm/job" if seen == "/slurm/job" else "."
    memory, cpu = f"sys/fs/cgroup/memory/{inside}", f"sys/fs/cgroup/cpu/{inside}"
    _write(machine, f"{memory}/memory.limit_in_bytes", f"{8 * GIB}\n")
    _write(machine, f"{memory}/memory.usage_in_bytes", f"{5 * GIB}\n")
    _write(machine, f"{cpu}/cpu.cfs_quota_us", "400000\n")
    _write(machine, f"{cpu}/cpu.cfs_period_us", "100000\n")
    assert available_bytes(machine) == 3 * GIB
    assert default_workers(machine) == 4


@pytest.mark.parametrize(("kind", "left"), [("RLIMIT_AS", 5 * GIB), ("RLIMIT_DATA", 11 * GIB // 2)])
def test_limits_of_the_process_less_what_it_uses(kind, left, machine: Path, monkeypatch) -> None:
    limits = {getattr(resource, kind): (6 * GIB, 6 * GIB)}
    none = (resource.RLIM_INFINITY,) * 2
    monkeypatch.setattr(resource, "getrlimit", lambda number: limits.get(number, none))
    assert available_bytes(machine) == left


def test_a_machine_that_says_nothing(tmp_path: Path, monkeypatch) -> None:
    """As macOS: no /proc, no control groups, no affinity."""
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert available_bytes(tmp_path) > 0
    assert default_workers(tmp_path) == 3


def test_little_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # A dozen files of the system are read for an answer, which took longer than a short run.
    monkeypatch.setattr(memory, "available_bytes", lambda: 0)
    memory.check_memory(1 << 26, "a run")
    with pytest.raises(InputError, match="a run needs about 64 MiB"):
        memory.check_memory((1 << 26) + 1, "a run")
