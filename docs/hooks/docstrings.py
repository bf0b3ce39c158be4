"""Turn docstrings into Markdown for the API reference: examples are code, equations are links."""

import re
from typing import Any

import griffe

# From the first prompt up to an empty line.
_EXAMPLE = re.compile(r"^>>> .*(?:\n.+)*", re.MULTILINE)
_EQUATION = re.compile(r"docs/theory\.md \((M?\d+)\)")


class Docstrings(griffe.Extension):
    """Puts fences around doctests and links equations, in every docstring that is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of an object that was just read."""
        if obj.docstring and not obj.is_alias:
            text = _EXAMPLE.sub(r"```pycon\n\g<0>\n```", obj.docstring.value)
            obj.docstring.value = _EQUATION.sub(r"[Theory (\1)](../../theory/#eq-\1)", text)
