"""``perceptron-sim store``: look after folders of runs."""

import click

from cli.groups import LazyGroup

COMMANDS = {
    "check": "Read every byte of a folder and say what is there.",
    "compact": "Rewrite a folder of many small files as few.",
    "merge": "Copy the runs of folders into one.",
}


@click.group("store", cls=LazyGroup, registry=COMMANDS, package="cli.commands.store")
def command() -> None:
    """Look after folders of runs; safe while scans write to them."""
