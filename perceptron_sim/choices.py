"""Names to choose from, and messages for a wrong one."""

import difflib
import re
from collections.abc import Iterable, Sequence

from perceptron_sim.errors import InputError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,59}", re.ASCII)


def check_choice(what: str, name: str, choices: Sequence[str]) -> str:
    """Return ``name`` if it is one of ``choices``.

    Raises:
        InputError: if it is not; the nearest choice is in the message.
    """
    if name not in choices:
        raise InputError(f"{what} = {name!r} is unknown: {choose(name, choices)}")
    return name


def choose(name: str, choices: Iterable[str]) -> str:
    """Return the end of a message on a wrong name: the nearest choice, then all of them."""
    return f"{near_match(name, choices)}choose one of {', '.join(choices)}"


def near_match(name: str, choices: Iterable[str]) -> str:
    """Return "did you mean ...? " with the nearest choice, or "" where none is near."""
    near = difflib.get_close_matches(str(name), list(choices), n=1)
    return f"did you mean {near[0]!r}? " if near else ""


def check_new(what: str, name: str, taken: Sequence[str]) -> str:
    """Return ``name`` if it can be given to something new.

    Raises:
        InputError: if it is taken or would not do as a name of a column or a file.
    """
    if name in taken:
        raise InputError(
            f"{what} = {name!r} is taken: choose another name; its meaning cannot change, "
            "because it identifies stored runs"
        )
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{what} = {name!r} is not a name: allowed are letters, digits and ._-, up to 60, a "
            "letter first"
        )
    return name
