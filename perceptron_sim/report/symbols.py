"""Plain-text notation of labels and statements (chi, w_0, P^gamma) set in symbols.

Texts come from run folders too, so each of the three forms escapes what its reader would take
for markup.
"""

import html
import re
from collections.abc import Iterator

_GREEK = {
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "eta": "η",
    "kappa": "κ",
    "lambda": "λ",
    "chi": "χ",
}
_SIGNS = {"||": "‖", "->": "→", ">=": "≥", "<=": "≤", ">>": "≫", "<<": "≪"}
_LETTERS = re.compile(rf"(?<![A-Za-z])({'|'.join(_GREEK)})(?![A-Za-z])")
_OPERATORS = re.compile("|".join(re.escape(sign) for sign in _SIGNS))
# A subscript hangs on one letter (w_0, T_max), an exponent on anything (P^gamma, 2^-5).
_RAISED = re.compile(r"(?<![^\W_])[^\W_]_([^\W_]+)|\^(-?[^\W_]+(?:\.\d+)?|\((?:[^\W_]|[/+. -])+\))")


def as_text(text: str) -> str:
    """Return ``text`` with Greek letters and signs, nothing escaped."""
    greek = _LETTERS.sub(lambda found: _GREEK[found[1]], text)
    return _OPERATORS.sub(lambda found: _SIGNS[found[0]], greek)


def as_html(text: str) -> str:
    """Return ``text`` as content of an HTML element, or of a label of Plotly."""
    tags = {"text": "{}", "sub": "<sub>{}</sub>", "sup": "<sup>{}</sup>"}
    return "".join(
        tags[kind].format(html.escape(part, quote=False)) for kind, part in _pieces(text)
    )


def as_mathtext(text: str) -> str:
    """Return ``text`` for Matplotlib."""
    forms = {"text": "{}", "sub": r"$_{{\mathrm{{{}}}}}$", "sup": r"$^{{\mathrm{{{}}}}}$"}
    plain = text.replace("\\", "∖")
    return "".join(forms[kind].format(part.replace("$", r"\$")) for kind, part in _pieces(plain))


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    rest = as_text(text)
    end = 0
    for found in _RAISED.finditer(rest):
        kind = "sub" if found[1] else "sup"
        start = found.start() + (1 if kind == "sub" else 0)
        yield "text", rest[end:start]
        yield kind, found[1] or found[2]
        end = found.end()
    yield "text", rest[end:]
