"""The packages are one tower: imports lead to floors below, and no modules form a circle."""

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from itertools import groupby
from pathlib import Path

import pytest

from perceptron_sim.experiments import MOVED

ROOT = Path(__file__).parents[2]
# From the ground up. A package, or a module named here, may import from those before it and from
# itself.
FLOORS = [
    # Modules that lie in the folder itself: no state, no science.
    "perceptron_sim",
    "perceptron_sim.drawing",
    "perceptron_sim.kernels",
    "perceptron_sim.theory",
    "perceptron_sim.runs",
    "perceptron_sim.store",
    "perceptron_sim.scans",
    "perceptron_sim.analysis",
    "perceptron_sim.bench",
    "perceptron_sim.phase",
    "perceptron_sim.claims",
    "perceptron_sim.report",
    "perceptron_sim.testing",
    "nets",
    "nets.data",
    "nets.architectures",
    "nets.config",
    "nets.run_time",
    "nets.training",
    "nets.scan",
    "nets.ntk",
    "nets.lazy",
    "nets.max_margin",
    "nets.phase",
    "nets.claims",
    "cli",
]
# Arrows that lead up, each with its reason.
ALLOWED = {
    # The entry point of the command line lies where nothing can shadow it.
    ("perceptron_sim.entry", "cli.main"),
    ("perceptron_sim.__main__", "cli.main"),
}


def _modules() -> dict[str, Path]:
    found = {}
    for top in ("perceptron_sim", "nets", "cli"):
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = _modules()


def _imports(tree: ast.AST) -> Iterator[ast.ImportFrom | ast.Import]:
    """Yield imports, those of types alone left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield node
        yield from _imports(node)


def _targets(path: Path) -> set[str]:
    found: set[str] = set()
    for node in _imports(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name in MODULES)
        elif node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= inside
            # Names of the package itself, and not only modules in it.
            if len(inside) < len(node.names) and node.module in MODULES:
                found.add(node.module)
    return found


GRAPH = {name: _targets(path) - {name} for name, path in MODULES.items()}


def _floor(module: str) -> int:
    for name in sorted(FLOORS, key=len, reverse=True):
        if module == name or module.startswith(f"{name}."):
            return FLOORS.index(name)
    raise AssertionError(f"{module} has no floor")


def test_every_floor_is_there() -> None:
    assert {FLOORS[_floor(module)] for module in MODULES} == set(FLOORS)


def test_no_arrow_leads_up() -> None:
    up = [
        (module, target)
        for module, targets in GRAPH.items()
        for target in sorted(targets)
        if _floor(target) > _floor(module) and (module, target) not in ALLOWED
    ]
    assert up == []


def test_no_modules_form_a_circle() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_package_is_most_of_the_code() -> None:
    lines = dict.fromkeys(FLOORS, 0)
    for module, path in MODULES.items():
        lines[FLOORS[_floor(module)]] += len(path.read_text(encoding="utf-8").splitlines())
    assert max(lines.values()) < 0.25 * sum(lines.values())


def _ways() -> list[list[str]]:
    """Return the file names of each way that docs/architecture.md follows."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("## Follow a parameter")[2].partition("\n## ")[0]
    ways = [way.partition(": ")[2] for way in section.split("\n- ")[1:]]
    return [re.findall(r"`([a-z_/]+\.py)`", re.split(r"\.\s", way)[0]) for way in ways]


@pytest.mark.parametrize("way", _ways(), ids=" ".join)
def test_a_way_through_the_tower_comes_back_to_no_room(way: list[str]) -> None:
    assert len(way) > 2
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in way]
    assert set(modules) <= MODULES.keys()
    rooms = [room for room, _ in groupby(_floor(module) for module in modules)]
    assert len(rooms) == len(set(rooms)), [FLOORS[room] for room in rooms]


def test_the_test_sees_an_arrow_that_leads_up(tmp_path) -> None:
    path = tmp_path / "x.py"
    path.write_text("def f():\n    from nets.training import train\n")
    (target,) = _targets(path)
    assert _floor(target) > _floor("perceptron_sim.theory.flow")


def test_modules_of_the_last_version_are_found_under_their_old_names() -> None:
    for old, new in MOVED.items():
        sys.modules.pop(f"perceptron_sim.experiments.{old}", None)
        with pytest.warns(DeprecationWarning, match=f"is perceptron_sim.{new} now"):
            found = import_module(f"perceptron_sim.experiments.{old}")
        assert found is import_module(f"perceptron_sim.{new}")
        assert found.__spec__.name == f"perceptron_sim.{new}"
    with pytest.raises(ModuleNotFoundError):
        import_module("perceptron_sim.experiments.nowhere")
