"""Names of files and command lines as text that every reader takes."""

import os
import shlex
from collections.abc import Iterable


def as_text(name: str) -> str:
    """Return a name of a file, bytes of it that are no UTF-8 written as in ``L\\xe4ufe``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def command_line(words: Iterable[str]) -> str:
    """Return words as one line that a shell takes apart again, whatever is in them."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if as_text(word) == word:
        return shlex.quote(word)
    # Bash, Zsh and POSIX of 2024 know bytes written so.
    plain = b" !#%&()*+,-./:;<=>?@[]^_`{|}~"
    written = (
        chr(byte) if byte < 128 and (chr(byte).isalnum() or byte in plain) else f"\\x{byte:02x}"
        for byte in os.fsencode(word)
    )
    return f"$'{''.join(written)}'"
