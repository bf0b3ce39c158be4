"""Versions that are stated in several places agree."""

import re
import tomllib
from pathlib import Path

from perceptron_sim.version import __version__

ROOT = Path(__file__).parents[2]


def _version(text: str) -> tuple[int, ...]:
    parts = tuple(map(int, text.split(".")))
    return parts + (0,) * (3 - len(parts))


def test_the_lowest_versions_are_the_bounds_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in ("nets", "cluster", "netcdf"):
        wanted += project["optional-dependencies"][extra]
    bounds = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups() for line in wanted)
    # Builds of PyTorch for CPUs that old are not at hand everywhere.
    del bounds["torch"]
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert {name: _version(pin) for name, pin in pins.items()} == {
        name: _version(bound) for name, bound in bounds.items()
    }


def test_the_version_to_cite_is_that_of_the_package() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
