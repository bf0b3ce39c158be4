"""Write docs/reference/cli.md from the commands themselves: ``python docs/hooks/cli_page.py``."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from cli.main import root

PAGE = Path(__file__).parents[1] / "reference" / "cli.md"
TOP = """# Command line

Every command with its options, as `--help` shows them. This page is written by
`python docs/hooks/cli_page.py`; a test fails if it differs from the commands.

Options that take a GRID accept a list (`0,1,3`), powers (`2^-5`) or a geometric range with its number of points
(`2^-13:2^2:16`). [Exit codes](../scale.md#exit-codes-and-the-machine) are 0, 1 and 2.

## Completion

Shells complete commands, options and their choices. Put one line into the start-up file of your shell:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(_PERCEPTRON_SIM_COMPLETE=bash_source perceptron-sim)"` |
| zsh | `~/.zshrc` | `eval "$(_PERCEPTRON_SIM_COMPLETE=zsh_source perceptron-sim)"` |
| fish | `~/.config/fish/completions/perceptron-sim.fish` | `_PERCEPTRON_SIM_COMPLETE=fish_source perceptron-sim \\| source` |
"""


def commands(group: click.Group, above: click.Context) -> Iterator[click.Context]:
    """Yield a context for each command below a group, in the order of ``--help``."""
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=above, terminal_width=10_000)
        yield context
        if isinstance(command, click.Group):
            yield from commands(command, context)


def _escaped(text: str) -> str:
    return re.sub(r"([|*_<~\[\]])", r"\\\1", " ".join(text.split()))


def section(context: click.Context) -> str:
    """Return the section of one command: usage, help, a table of options."""
    command = context.command
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## {context.command_path.partition(' ')[2]}", ""]
    lines += [f"`{context.command_path} {usage}`", ""]
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        # A mark of click: a paragraph whose lines stay as they are.
        kept = paragraph.removeprefix("\b\n")
        shown = _escaped(paragraph) if kept == paragraph else f"```text\n{kept}\n```"
        lines += [shown, ""]
    options = [p for p in command.get_params(context) if isinstance(p, click.Option)]
    records = [option.get_help_record(context) for option in options]
    lines += ["| option | meaning |", "|---|---|"]
    for names, meaning in filter(None, records):
        names = names.replace("|", "\\|")
        lines.append(f"| `{names}` | {_escaped(meaning)} |")
    return "\n".join(lines)


def page() -> str:
    """Return the whole page."""
    names = ["-h", "--help"]
    top = click.Context(root, info_name="perceptron-sim", help_option_names=names)
    return "\n\n".join([TOP.rstrip(), *map(section, commands(root, top))]) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
