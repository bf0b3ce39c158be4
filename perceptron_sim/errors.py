"""The one exception for bad requests, and other errors in one line."""


class InputError(ValueError):
    """A request that cannot be met: the message says what, the allowed range, and the remedy.

    The command line prints the message as one line and exits with code 2.
    """


def reason_of(error: BaseException, most: int = 200) -> str:
    """Return what an error says in one line of at most ``most`` characters, its class first."""
    said = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    return " ".join(f"{said}{error}".split()).removesuffix(":")[:most]
