"""Names to choose from, and what is said of a wrong one."""

import difflib
from collections.abc import Sequence

from perceptron_sim.errors import InputError


def check_choice(what: str, name: str, choices: Sequence[str]) -> str:
    """Return ``name`` if it is one of ``choices``.

    Raises:
        InputError: if it is not; the nearest choice is in the message.
    """
    if name not in choices:
        near = difflib.get_close_matches(name, choices, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"{what} = {name!r} is unknown: {hint}choose one of {', '.join(choices)}")
    return name
