"""Standard streams that may be closed, full, or without a reader."""

import contextlib
import io
import os
import sys
from typing import Any


def open_closed() -> None:
    """Open streams that are closed (by cron, daemons, schedulers) on the null device.

    A file that is opened later would get their number otherwise, and what others write there.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # It gets the lowest number that is free.
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def settle() -> None:
    """Let errors of writing to stdout name it, and drop those of writing to stderr.

    Work goes on if nobody reads its notes.
    """
    with contextlib.suppress(OSError, ValueError):
        sys.stdout = _renewed(sys.stdout, _Named)
    with contextlib.suppress(OSError, ValueError):
        sys.stderr = _renewed(sys.stderr, _Forgiving)


def flush_output() -> None:
    """Write what is left of the output; what cannot be written is dropped.

    Raises:
        OSError: if something was dropped.
    """
    try:
        sys.stdout.flush()
    except OSError:
        # Python would try again while it shuts down, and end with another exit code.
        with contextlib.suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, sys.stdout.fileno())
            os.close(null)
        raise


class _Named(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = "standard output"
            raise


class _Forgiving(io.FileIO):
    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _renewed(stream: Any, kind: type[io.FileIO]) -> io.TextIOWrapper:
    raw = kind(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        stream.encoding,
        stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
