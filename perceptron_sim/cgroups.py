"""Control groups of Linux, versions 1 and 2: the limits that containers and batch systems set."""

from collections.abc import Iterator
from pathlib import Path


def groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Yield the folders of the groups that this process is in, from its own one outwards.

    A limit holds in every group inside the one that sets it. Where a container sees only its own
    part of the tree, the folder of its path is absent, and the outermost one is that of its group.

    Args:
        controller: "memory" or "cpu".
        root: of the file system, for tests.
    """
    mounts = root / "sys/fs/cgroup"
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = ["0::/", f"1:{controller}:/"]
    for line in lines:
        _, controllers, inside = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = mounts / controller if controllers else mounts
        # A group outside of what this process may see is shown by dots.
        own = Path() if ".." in inside else Path(inside.lstrip("/"))
        for part in (own, *own.parents):
            yield mount / part


def number(path: Path) -> int | None:
    """Return the first whole number in a file; None if there is none, or no file."""
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
