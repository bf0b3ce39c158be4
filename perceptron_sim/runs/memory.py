"""How much memory is free, and whether a request fits into it."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

from perceptron_sim.cgroups import groups, number
from perceptron_sim.errors import InputError

# Files of a control group, version 2 and 1: the limit, the use, and the line of memory.stat that
# counts pages of files. Such pages are freed when memory is needed.
_GROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


# Less than this process takes itself. Such a request is not checked.
_LITTLE = 1 << 26


def available_bytes(root: Path = Path("/")) -> int:
    """Return the memory free for new data, in bytes, under every limit of this process.

    This is the free memory of the machine, or what a control group around the process or a limit of
    the process itself (ulimit -v, ulimit -d) leaves, if that is less.

    Args:
        root: of the file system, for tests.
    """
    candidates = [*_of_machine(root), *_of_groups(root), *_of_process(root)]
    if not candidates:
        candidates.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return max(0, min(candidates))


def _of_machine(root: Path) -> Iterator[int]:
    yield from (1024 * kib for kib in _lines(root / "proc/meminfo", "MemAvailable:"))


def _of_groups(root: Path) -> Iterator[int]:
    for folder in groups("memory", root):
        for limit_file, used_file, files in _GROUP_FILES:
            limit, used = number(folder / limit_file), number(folder / used_file)
            if limit is not None and used is not None:
                yield limit - used + sum(_lines(folder / "memory.stat", files))


def _of_process(root: Path) -> Iterator[int]:
    try:
        pages = [int(n) for n in (root / "proc/self/statm").read_text().split()]
    except (OSError, ValueError):
        pages = [0] * 7
    for kind, used in ((resource.RLIMIT_AS, pages[0]), (resource.RLIMIT_DATA, pages[5])):
        limit = resource.getrlimit(kind)[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - used * resource.getpagesize()


def _lines(path: Path, name: str) -> Iterator[int]:
    """Yield the number after ``name`` in a file of lines "name number"."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == name and words[1].isdigit():
            yield int(words[1])


def check_memory(needed: int, what: str, at_once: int = 1, at_hand: float | None = None) -> None:
    """Raise InputError if ``at_once`` copies of ``what`` would not fit into memory.

    Args:
        needed: bytes one copy takes.
        what: name of the thing, for the message.
        at_once: how many copies are in memory together.
        at_hand: free bytes; by default those of this machine.
    """
    total = needed * at_once
    if at_hand is None and total <= _LITTLE:
        return
    at_hand = available_bytes() if at_hand is None else at_hand
    if total > at_hand:
        copies = f" ({at_once} at once)" if at_once > 1 else ""
        raise InputError(
            f"{what}{copies} needs about {format_bytes(total)} of memory and "
            f"{format_bytes(at_hand)} are free: lower P or d"
            + (", or use fewer --workers" if at_once > 1 else "")
        )


def format_bytes(count: float) -> str:
    """Return a count of bytes for people, for example '1.5 GiB'."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.4g} TiB"
