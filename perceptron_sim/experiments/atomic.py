"""Write a file so that a crash leaves the old one or the new one, never a part."""

import errno
import os
import uuid
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` so that a crash leaves the old file or the new one.

    Raises:
        OSError: if not every byte reached the disk; ``path`` is then as it was.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
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
