"""Every object of the API reference says what it takes, in which shapes, and what it raises."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from perceptron_sim import InputError
from perceptron_sim.arrays import FloatArray

pytest.importorskip("torch", reason="the extra nets is not installed")
pytest.importorskip("hypothesis", reason="the extra testing is not installed")

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
ARRAY = re.compile(r"\b(ArrayLike|NDArray|ndarray|(Float|Int|Int32|Bool)Array)\b")
# The equation or the paper that a formula comes from.
SOURCE = re.compile(r"docs/\w+\.md \(M?\d+\)")
# Names that a docstring replaces by what they stand for, and theory without a formula.
IN_OTHER_WORDS = {"nets.training.train": {"how"}}
NO_FORMULA = {"perceptron_sim.theory.Separability"}


def _object(name: str) -> Any:
    home, _, last = name.rpartition(".")
    try:
        return getattr(import_module(home), last)
    except ModuleNotFoundError:
        return getattr(_object(home), last)


def _listed() -> dict[str, Any]:
    """Return every object of the reference, and the public members of its classes."""
    found: dict[str, Any] = {}
    for page in sorted(REFERENCE.glob("*.md")):
        for name in re.findall(r"^::: (\S+)", page.read_text(encoding="utf-8"), re.MULTILINE):
            whole = found[name] = _object(name)
            for key, member in vars(whole).items() if inspect.isclass(whole) else ():
                inner = getattr(member, "fget", None) or getattr(member, "func", member)
                inner = getattr(inner, "__func__", inner)
                if not key.startswith("_") and inspect.isfunction(inner):
                    found[f"{name}.{key}"] = inner
    return found


LISTED = _listed()


def _written(thing: Any) -> str:
    """Return the docstring, for a class with that of how it is made."""
    made = getattr(thing.__init__, "__doc__", None) if inspect.isclass(thing) else None
    return (inspect.getdoc(thing) or "") + "\n" + (made or "")


def _arguments(thing: Any) -> Iterator[tuple[str, str]]:
    """Yield name and annotation of what a function takes, or a class is made with."""
    if inspect.isclass(thing) and issubclass(thing, Exception | str):
        return
    for name, parameter in inspect.signature(thing).parameters.items():
        if not name.startswith("_") and name not in ("self", "cls"):
            yield name, str(parameter.annotation)


def _raises(thing: Any) -> bool:
    """Tell whether a function, or what makes a class, raises InputError in its own body."""
    body = vars(thing).get("__init__") if inspect.isclass(thing) else thing
    if not inspect.isfunction(body) or not Path(body.__code__.co_filename).is_file():
        return False
    tree = ast.parse(textwrap.dedent(inspect.getsource(body)))
    raised = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc]
    return any("InputError" in ast.unparse(each) for each in raised)


def flaws(thing: Any, skipped: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Return what the docstring of a public object leaves out."""
    text = _written(thing)
    if not text.strip():
        return ["no docstring"]
    arguments = {name: kind for name, kind in _arguments(thing) if name not in skipped}
    found = [f"{name} is not named" for name in arguments if not re.search(rf"\b{name}\b", text)]
    returned = getattr(thing, "__annotations__", {}).get("return", "")
    arrays = any(ARRAY.search(str(kind)) for kind in (*arguments.values(), returned))
    if arrays and not re.search(r"\bshapes?\b", text):
        found.append("no shape of its arrays")
    if _raises(thing) and not re.search(r"Raises:\s+InputError", text):
        found.append("no word of InputError")
    return found


@pytest.mark.parametrize("name", LISTED)
def test_a_public_object_says_what_it_takes_and_raises(name: str) -> None:
    assert flaws(LISTED[name], IN_OTHER_WORDS.get(name, set())) == []


def test_every_formula_of_theory_names_its_equation() -> None:
    theory = {name for name in LISTED if name.startswith("perceptron_sim.theory.")}
    assert {name for name in theory if not SOURCE.search(_written(LISTED[name]))} == NO_FORMULA


def test_what_a_docstring_leaves_out_is_seen() -> None:
    def bare(values: FloatArray, most: int) -> None:
        """Refuse values above the largest."""
        raise InputError(f"{values} above {most}")

    assert flaws(bare) == ["most is not named", "no shape of its arrays", "no word of InputError"]
