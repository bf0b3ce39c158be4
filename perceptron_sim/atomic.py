"""Write a file so that a crash leaves the old one or the new one, never a part."""

import errno
import os
import sys
import uuid
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a crash leaves the old file or the new one.

    A link is followed: its target is written, and the link stays. A pipe or a device takes the
    bytes as they come.

    Raises:
        OSError: if not every byte reached the disk; ``path`` is then as it was.
    """
    path = Path(os.path.realpath(path)) if path.is_symlink() and _regular(path) else path
    if not _regular(path):
        _pour(path, content)
        return
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o7777)
        # Some network file systems swallow an error of a full disk until the file is closed.
        if temporary.stat().st_size != len(content):
            raise OSError(errno.EIO, "the file was cut short while it was written", str(path))
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _regular(path: Path) -> bool:
    """Tell whether ``path`` is, or would become, a regular file of its own."""
    if not path.exists():
        return True
    return path.is_file() and not _is_stream(path, 1)


def _is_stream(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _pour(path: Path, content: bytes) -> None:
    if _is_stream(path, 1):
        # Opened anew, a file that standard output was redirected to would be cut.
        sys.stdout.flush()
        with os.fdopen(os.dup(1), "wb") as stream:
            stream.write(content)
        return
    with path.open("wb") as stream:
        stream.write(content)
