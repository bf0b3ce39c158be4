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
    "omega": "ω",
}
_SIGNS = {"||": "‖", "->": "→", ">=": "≥", "<=": "≤", ">>": "≫", "<<": "≪", "+-": "±"}
_LETTERS = re.compile(rf"(?<![A-Za-z])({'|'.join(_GREEK)})(?![A-Za-z])")
_OPERATORS = re.compile("|".join(re.escape(sign) for sign in _SIGNS))
_TIMES = re.compile(r"(?<=\d)x(?=10\^)")
_ROOT = re.compile(r"\bsqrt\(([^\W_])\)")
# A subscript hangs on one letter (w_0, T_max), an exponent on anything (P^gamma, 2^-5).
_SUP = r"\^(-?[^\W_]+(?:\.\d+)?|\((?:[^\W_]|[/+. -]|\([^\W_](?:[^\W_]|[/+. -])*\))+\))"
_RAISED = re.compile(rf"(?<![^\W_])[^\W_]_([^\W_]+)|{_SUP}")
# In print a letter that stands alone is a variable, italic with what hangs on it. "a" is a word.
_VARIABLE = re.compile(
    rf"(?<![^\W_]|')(?!a(?! =))([A-Za-zα-ω])(?:_([^\W_]+))?(\*)?(?:{_SUP})?(?![^\W_])|{_SUP}"
)
_RAISED_DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def as_text(text: str) -> str:
    """Return ``text`` with Greek letters and signs, nothing escaped."""
    greek = _LETTERS.sub(lambda found: _GREEK[found[1]], text)
    signs = _OPERATORS.sub(lambda found: _SIGNS[found[0]], greek)
    return _TIMES.sub("·", _ROOT.sub(r"√\1", signs))


def as_html(text: str) -> str:
    """Return ``text`` as content of an HTML element, or of a label of Plotly."""
    tags = {"text": "{}", "sub": "<sub>{}</sub>", "sup": "<sup>{}</sup>"}
    return "".join(
        tags[kind].format(html.escape(part, quote=False)) for kind, part in _pieces(text)
    )


def as_mathtext(text: str) -> str:
    """Return ``text`` for Matplotlib."""
    escaped = as_text(text.replace("\\", "∖")).replace("$", r"\$")
    escaped = escaped.replace(" - ", " − ")
    return _VARIABLE.sub(_italic, escaped)


def _italic(found: re.Match[str]) -> str:
    letter, sub, star, sup, raised = found.groups()
    if letter is None and raised.lstrip("-").isdecimal():
        # Digits need none of what a formula takes to be set.
        return raised.translate(_RAISED_DIGITS)
    below = rf"_{{\mathrm{{{sub.replace('perp', '⊥')}}}}}" if sub else ""
    power = sup or raised or ""
    above = "*" * bool(star) + (power[1:-1] if power.startswith("(") else power)
    return f"${letter or ''}{below}" + (rf"^{{{above}}}$" if above else "$")


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
