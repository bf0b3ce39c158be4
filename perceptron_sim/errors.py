"""The one exception for bad requests, and other errors in one line."""


class InputError(ValueError):
    """A request that cannot be met. The message states what, the allowed range and the remedy.

    The command line prints the message as one line and exits with code 2.

    >>> from perceptron_sim import InputError, exponents
    >>> try:
    ...     exponents(-2.0)
    ... except InputError as error:
    ...     print(str(error).partition(":")[0])
    chi = -2 has no normalisable density |x_1|^chi
    """


def reason_of(error: BaseException, most: int = 200) -> str:
    """Return the class of an error and its first line, at most ``most`` characters."""
    said = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
    first, *_ = str(error).strip().splitlines() or [""]
    return " ".join(f"{said}{first}".split()).removesuffix(":")[:most]
