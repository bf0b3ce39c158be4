"""Names of data sets, known without loading any."""

from nets.choices import check_choice

# Drawn by the configuration, of any size, instead of loaded.
PERCEPTRON = "perceptron"
NAMES = ("digits", "mnist", "cifar10", PERCEPTRON)


def check_name(name: str) -> str:
    """Return ``name`` if it is one of ``NAMES``.

    Raises:
        InputError: if it is not; the nearest name is in the message.
    """
    return check_choice("data", name, NAMES)
