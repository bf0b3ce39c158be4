"""Folders that commands write to: refused in one line, before any work, where that cannot be."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from perceptron_sim.errors import InputError


def check_writable(folder: Path, option: str) -> None:
    """Refuse a folder that cannot be made or written; write nothing.

    Args:
        folder: which need not exist.
        option: what names it on the command line, for the message.

    Raises:
        InputError: if it is a file, lies in one, or the permission is missing.
    """
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise InputError(f"{place} is a file: name a folder with {option}")
    if not os.access(place, os.W_OK | os.X_OK):
        raise _refused(folder, option, f"no permission to write to {place.resolve()}")
    try:
        # What lexists() swallows, such as a name that is too long.
        folder.lstat()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise _refused(folder, option, error) from None


def make_folder(folder: Path, option: str) -> None:
    """Make a folder with its parents.

    Raises:
        InputError: as ``check_writable``.
    """
    check_writable(folder, option)
    with writing(folder, option):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def writing(folder: Path, option: str) -> Iterator[None]:
    """Turn what the system refuses while files are made in ``folder`` into an InputError."""
    try:
        yield
    except OSError as error:
        raise _refused(folder, option, error) from None


def _refused(folder: Path, option: str, reason: object) -> InputError:
    name = str(folder)
    shown = name if len(name) <= 200 else f"{name[:200]}..."
    if isinstance(reason, OSError):
        reason = reason.strerror or reason
    return InputError(f"{shown} cannot be written ({reason}): name another folder with {option}")
