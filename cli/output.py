"""Tables, JSON and text on the terminal, whatever its width and its encoding."""

import codecs
import io
import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import click

# Width of a pipe, which has none of its own: hardly any table is divided at this width.
_PIPE = 160
_MARGIN, _GAP = " ", "   "
# Longer cells and headings may be broken between words, but into no narrower columns.
_SENTENCE, _HEADING = 24, 12
_MOST_PARTS = 3
# Units that are never broken: words, intervals, ranges, and a number with its error.
_WORD = r"(?:\[[^\]]*\]|\([^()]*\.\.[^()]*\)|\S+)"
_UNIT = re.compile(rf"{_WORD}(?: (?:\+-|\.\.) {_WORD})*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# How our signs are written where a stream has no such letters.
_SPELT = {
    **{"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "η": "eta", "κ": "kappa"},
    **{"λ": "lambda", "χ": "chi", "σ": "sigma", "‖": "||", "→": "->", "≥": ">=", "≤": "<="},
    **{
        "≫": ">>",
        "≪": "<<",
        "−": "-",
        "–": "-",
        "±": "+-",
        "∞": "inf",
        "✓": "+",
        "✗": "x",
        "○": "o",
        "─": "-",
    },
}
_LEGIBLE = "perceptron-sim-legible"


def print_json(content: Any) -> None:
    """Print ``content`` as JSON on stdout."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1
) -> None:
    """Print a table; the first ``text_columns`` are text, the others aligned to the right.

    Where the terminal is too narrow, its columns go into up to three tables that share the
    columns by which rows differ, or each row becomes a list. No number is ever broken.
    """
    click.echo("\n".join(table_lines(title, columns, rows, text_columns, terminal_width())))


def terminal_width() -> int:
    """Return how many characters fit in a line of stdout."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPE


def table_lines(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    text_columns: int,
    width: int,
) -> list[str]:
    """Return the lines of a table as ``print_table`` prints it, ``width`` characters wide.

    A number or an interval that is longer has a line of its own.
    """
    table = [list(columns), *([_CONTROL.sub("?", cell) for cell in row] for row in rows)]
    natural = [max(map(_length, column)) for column in zip(*table, strict=True)]
    least = [
        max(_least(head, _HEADING), *(_least(cell, _SENTENCE) for cell in cells), 1)
        for head, *cells in zip(*table, strict=True)
    ]
    keys = range(_keys(table[1:], len(columns)))
    parts: list[list[int]] = []
    for i in range(len(keys), len(columns)):
        if parts and _total([least[j] for j in (*parts[-1], i)]) <= width:
            parts[-1].append(i)
        else:
            parts.append([*keys, i])
    parts = parts or [[*keys]]
    lines = ["", *_wrapped(title, width)]
    if len(parts) > _MOST_PARTS or any(_total([least[j] for j in p]) > width for p in parts):
        return [*lines, *_lists(table, width)]
    for part in parts:
        widths = _shrunk([natural[j] for j in part], [least[j] for j in part], width)
        left = [j < text_columns for j in part]
        head, *body = (_line([row[j] for j in part], widths, left) for row in table)
        rule = _MARGIN + "─" * (_total(widths) - len(_MARGIN))
        lines += [*[""] * (part is not parts[0]), *head, rule, *(line for r in body for line in r)]
    return [*lines, ""]


def _keys(rows: Sequence[Sequence[str]], n: int) -> int:
    """Return the number of first columns that distinguish the rows, at least one."""
    each = range(1, n)
    return next((k for k in each if len({tuple(row[:k]) for row in rows}) == len(rows)), 1)


def _total(widths: Sequence[int]) -> int:
    return len(_MARGIN) + sum(widths) + len(_GAP) * (len(widths) - 1)


def _shrunk(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return widths that fit, at the cost of the widest columns."""
    widths = list(natural)
    while _total(widths) > width:
        widths[max((w, j) for j, w in enumerate(widths) if w > least[j])[1]] -= 1
    return widths


def _line(texts: Sequence[str], widths: Sequence[int], left: Sequence[bool]) -> list[str]:
    """Return the lines of one row."""
    cells = [_wrapped(text, width) for text, width in zip(texts, widths, strict=True)]
    lines = []
    for k in range(max(map(len, cells))):
        padded = []
        for cell, width, to_left in zip(cells, widths, left, strict=True):
            text = cell[k] if k < len(cell) else ""
            space = " " * (width - _length(text))
            padded.append(text + space if to_left else space + text)
        lines.append((_MARGIN + _GAP.join(padded)).rstrip())
    return lines


def _lists(table: Sequence[Sequence[str]], width: int) -> list[str]:
    """Return each row as lines "column  value"; values stand below where both do not fit."""
    heads, *rows = table
    space = max(map(_length, heads))
    beside = width - len(_MARGIN) - space - len(_GAP)
    stacked = max(_longest_unit(cell) for row in table for cell in row) > beside
    lines = []
    for row in rows:
        lines.append("")
        for head, cell in zip(heads, row, strict=True):
            if stacked:
                lines += [_MARGIN + line for line in _wrapped(head, width - len(_MARGIN))]
                lines += [_GAP + line for line in _wrapped(cell, width - len(_GAP))]
            else:
                names = [head + " " * (space - _length(head)), *[" " * space] * len(cell)]
                parts = _wrapped(cell, beside)
                lines += [
                    _MARGIN + name + _GAP + part for name, part in zip(names, parts, strict=False)
                ]
    return [*lines, ""]


def _least(text: str, enough: int) -> int:
    """Return the width below which a cell is not broken further."""
    return max(_longest_unit(text), min(_length(text), enough))


def _longest_unit(text: str) -> int:
    return max(map(_length, _UNIT.findall(text)), default=0)


def _wrapped(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width``; a unit that is longer has one of its own."""
    if _length(text) <= width:
        return [text]
    lines: list[str] = []
    for unit in _UNIT.findall(text):
        if lines and _length(lines[-1]) + 1 + _length(unit) <= width:
            lines[-1] += f" {unit}"
        else:
            lines.append(unit)
    return lines


def _length(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    wide = ("W", "F")
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in wide)
        for c in text
    )


def use_legible_streams() -> None:
    """Let stdout and stderr take any text: signs they have no letters for are spelt out.

    Names of files that are not text come out as the bytes that they are on the disk.
    """
    codecs.register_error(_LEGIBLE, _spell)
    codecs.register(_ascii_by_another_name)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # To a stream of this encoding Click writes UTF-8, unless it is named otherwise.
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding=_LEGIBLE if is_ascii else None, errors=_LEGIBLE)


def _ascii_by_another_name(name: str) -> codecs.CodecInfo | None:
    if name.replace("_", "-") != _LEGIBLE:
        return None
    known = codecs.lookup("ascii")
    return codecs.CodecInfo(
        known.encode,
        known.decode,
        incrementalencoder=known.incrementalencoder,
        incrementaldecoder=known.incrementaldecoder,
        name=_LEGIBLE,
    )


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return a replacement for the first character that a stream cannot encode."""
    assert isinstance(error, UnicodeEncodeError)
    character = error.object[error.start]
    if "\udc80" <= character <= "\udcff":
        return os.fsencode(character), error.start + 1
    code = ord(character)
    plain = f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SPELT.get(character, plain), error.start + 1


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
