"""Turn docstrings into Markdown for the API reference: examples are code, equations are links."""

import re
from typing import Any

import griffe

# From the first prompt up to an empty line.
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
# "docs/theory.md (3)", "eq. (3) of docs/theory.md".
_EQUATION = re.compile(r"docs/theory\.md\s+\((M?\d+)\)|\beq\.\s+\((M?\d+)\)\s+of\s+docs/theory\.md")


def _link(found: re.Match[str]) -> str:
    number = found[1] or found[2]
    return f"[Theory ({number})](../../theory/#eq-{number})"


class Docstrings(griffe.Extension):
    """Puts fences around doctests and links equations, in every docstring that is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was just read."""
        if obj.docstring and not obj.is_alias:
            text = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
            obj.docstring.value = _EQUATION.sub(_link, text)
