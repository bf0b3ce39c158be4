"""summary.json: results of a command, written for other programs and read back by claims."""

import json
import math
from dataclasses import MISSING, Field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError

# A number that has a logarithm.
Positive = Annotated[float, "a positive number"]
_WORDS = {float: "a number", int: "an integer", str: "a text", bool: "true or false"}


def write_summary(path: Path, summary: dict[str, Any]) -> None:
    """Write the summary to ``path``, atomically."""
    text = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


class Entry:
    """An object of summary.json: base of frozen dataclasses whose fields are its keys.

    Fields are numbers, texts, entries, tuples of these, or None. A field with its default value is
    not written. A missing field gets its default, or None where its type admits None. So summaries
    of earlier versions can be read.
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def to_json(self) -> dict[str, Any]:
        """Return the entry as json.dumps takes it."""
        values = ((field, getattr(self, field.name)) for field in fields(self))
        return {field.name: _plain(value) for field, value in values if value != field.default}

    @classmethod
    def from_json(cls, found: Any, where: str = "summary.json") -> Self:
        """Return the entry that ``to_json`` of this or of an earlier version wrote.

        Args:
            found: the value from json.loads; keys that are not fields are ignored.
            where: the file and the place in it, for messages.

        Raises:
            InputError: if a field is missing, or is not of its type.
        """
        if not isinstance(found, dict):
            raise _unlike(where, f"is {_shown(found)} and no object")
        kinds = get_type_hints(cls, include_extras=True)
        values: dict[str, Any] = {}
        for field in fields(cls):
            kind = kinds[field.name]
            if field.name in found:
                values[field.name] = read_json(kind, found[field.name], f"{where}.{field.name}")
            elif field.default is MISSING and NoneType in get_args(kind):
                values[field.name] = None
            elif field.default is MISSING:
                raise _unlike(where, f"has no {field.name}")
        return cls(**values)


def read_json(kind: Any, found: Any, where: str) -> Any:
    """Return a value from json.loads as the type ``kind`` of a field of an entry.

    Raises:
        InputError: if it is not of this type, or a number that is not finite.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        (other,) = (each for each in inner if each is not NoneType)
        return None if found is None else read_json(other, found, where)
    if origin is tuple and isinstance(found, list):
        return tuple(read_json(inner[0], each, f"{where}[{i}]") for i, each in enumerate(found))
    if origin is Annotated and isinstance(found, int | float) and found > 0.0:
        return read_json(inner[0], found, where)
    if isinstance(kind, type) and issubclass(kind, Entry):
        return kind.from_json(found, where)
    number = isinstance(found, int | float) and not isinstance(found, bool)
    if kind in (int, float) and number and math.isfinite(found) and kind(found) == found:
        return kind(found)
    if isinstance(found, origin or kind) and kind not in (int, float):
        return found
    words = inner[1] if origin is Annotated else _WORDS.get(kind, "a list")
    raise _unlike(where, f"is {_shown(found)} and not {words}")


def _plain(value: Any) -> Any:
    if isinstance(value, Entry):
        return value.to_json()
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _shown(found: Any) -> str:
    text = json.dumps(found)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _unlike(where: str, why: str) -> InputError:
    return InputError(
        f"{where} {why}: the file is damaged or of another version; repeat the command that wrote "
        "it, where no run is done again"
    )
