"""Tables and JSON on the terminal."""

import json
import shutil
import sys
from collections.abc import Sequence
from typing import Any

import click


def print_json(content: Any) -> None:
    """Print ``content`` as JSON on stdout."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1
) -> None:
    """Print a table; the first ``text_columns`` are text, the others aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < text_columns else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    # A pipe has no width; wide enough there that no cell is broken.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 160
    Console(width=width, highlight=False, markup=False).print(table)


def number(value: float | None, digits: int = 4) -> str:
    """Return a number for a table cell; a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}g}"


def finite(value: Any) -> Any:
    """Return ``value`` with infinities and NaN as None: JSON has no names for them."""
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
