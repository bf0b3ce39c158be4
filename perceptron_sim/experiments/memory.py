"""How much memory is at hand, and whether a request fits into it."""

import os
from pathlib import Path

from perceptron_sim.errors import InputError


def available_bytes() -> int:
    """Return the memory available to new data: MemAvailable, or the control group's limit."""
    candidates = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                candidates.append(1024 * int(line.split()[1]))
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text().strip()
        if limit.isdigit() and used.isdigit():
            candidates.append(int(limit) - int(used))
    except OSError:
        pass
    if not candidates:
        candidates.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return max(0, min(candidates))


def check_memory(needed: int, what: str, at_once: int = 1, at_hand: float | None = None) -> None:
    """Raise InputError if ``at_once`` copies of ``what`` would not fit into memory.

    Args:
        needed: bytes one copy takes.
        what: name of the thing, for the message.
        at_once: how many copies are in memory together.
        at_hand: bytes that there are; by default those of this machine.
    """
    total = needed * at_once
    at_hand = available_bytes() if at_hand is None else at_hand
    if total > at_hand:
        copies = f" ({at_once} at once)" if at_once > 1 else ""
        raise InputError(
            f"{what}{copies} needs about {format_bytes(total)} of memory and "
            f"{format_bytes(at_hand)} are at hand: lower P or d"
            + (", or use fewer --workers" if at_once > 1 else "")
        )


def format_bytes(count: float) -> str:
    """Return a count of bytes for people, for example '1.5 GiB'."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:.4g} TiB"
