"""Names of data sets, known without loading any."""

from perceptron_sim.choices import check_choice, check_new

# Drawn by the configuration, of any size, instead of loaded.
PERCEPTRON = "perceptron"
NAMES = ("digits", "mnist", "cifar10", PERCEPTRON)

_added: list[str] = []


def check_name(name: str) -> str:
    """Return ``name`` if it is one of ``NAMES``, or was added.

    Raises:
        InputError: if it is not; the nearest name is in the message.
    """
    return check_choice("data", name, (*NAMES, *_added))


def add_name(name: str) -> None:
    """Make a name known.

    Raises:
        InputError: if it is taken, or no name.
    """
    _added.append(check_new("data", name, (*NAMES, *_added)))
