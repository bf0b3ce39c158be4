"""``perceptron-sim nets``: the companion for deep nets."""

import click

from cli.groups import LazyGroup

COMMANDS = {
    "scan": "Train a grid of nets, fit the exponents, draw the figures.",
    "lazy": "Simulate a grid of nets in the limit alpha -> infinity, by their kernels.",
    "run": "Train one net and show its course.",
    "fetch": "Download MNIST and CIFAR-10 from OpenML, checked.",
}


@click.group("nets", cls=LazyGroup, registry=COMMANDS, package="cli.commands.nets")
def command() -> None:
    """Train nets until every sample is fitted: ||w-w0||/||w0|| ~ T^delta P^gamma, t* ~ T P^b."""
