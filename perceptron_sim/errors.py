"""The one exception for bad requests."""


class InputError(ValueError):
    """A request that cannot be met: the message says what, the allowed range, and the remedy.

    The command line prints the message as one line and exits with code 2.
    """
