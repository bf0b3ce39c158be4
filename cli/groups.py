"""Groups of commands that are imported when they are used, so that --help imports none."""

from importlib import import_module
from typing import Any

import click

from perceptron_sim.choices import near_match


class LazyGroup(click.Group):
    """A group whose commands live in ``PACKAGE.NAME`` and are imported on use."""

    def __init__(self, *args: Any, registry: dict[str, str], package: str, **kwargs: Any) -> None:
        """Prepare; ``registry`` holds names with their one-line help, in order."""
        super().__init__(*args, **kwargs)
        self._registry = registry
        self._package = package

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the registry."""
        return list(self._registry)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or None if there is no such command."""
        if cmd_name not in self._registry:
            return None
        command = import_module(f"{self._package}.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest one."""
        name = args[0]
        if name not in self._registry and not name.startswith("-"):
            hint = near_match(name, self._registry) or f"choose from {', '.join(self._registry)}"
            raise click.UsageError(f"no such command {name!r}: {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the registry, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._registry.items()))
