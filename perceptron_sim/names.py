"""Names, numbers and command lines as text that every reader takes."""

import math
import os
import shlex
from collections.abc import Iterable


def as_text(name: str) -> str:
    """Return a name of a file; bytes other than UTF-8 are written as in ``L\\xe4ufe``."""
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


def number_text(value: float) -> str:
    """Return a number for labels: 2^-10 for powers of two, 4.5x10^-5 for other small ones."""
    if not math.isfinite(value):
        return f"{value:g}"
    if value == round(value) and abs(value) < 1e7:
        return str(int(value))
    mantissa, exponent = math.frexp(value)
    if mantissa == 0.5 and (value < 1 or value > 1e5):
        return f"2^{exponent - 1}"
    digits, _, power = f"{value:.4g}".partition("e")
    return f"{digits}x10^{int(power)}" if power else digits


def shortened(name: str, letters: int) -> str:
    """Return the first ``letters`` of a name, the last of them dots where more were cut."""
    return name if len(name) <= letters else f"{name[: letters - 3]}..."
