"""Run folders as evidence: their summaries and runs, read once and only when needed."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

import pandas as pd

from perceptron_sim.analysis.summary import Entry, read_json
from perceptron_sim.errors import InputError
from perceptron_sim.names import as_text
from perceptron_sim.store.schema import SCHEMA
from perceptron_sim.store.store import ParquetStore, standing

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True)
class Folder:
    """A folder written by one of the commands.

    Attributes:
        path: of the folder.
    """

    path: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Content of summary.json.

        Raises:
            InputError: if there is none, or it is not a JSON object.
        """
        try:
            found = json.loads((self.path / "summary.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{self.path}: no readable summary.json ({error}): give a folder written by scan, "
                "phase, nets scan, nets lazy or import"
            ) from error
        if not isinstance(found, dict):
            raise InputError(f"{self.path}/summary.json is not a JSON object: make it again")
        return found

    def rows(self, part: str, kind: type[E]) -> Sequence[E]:
        """Return the entries of the list ``part`` of the summary, none without it; read once.

        Raises:
            InputError: if one is not as this or an earlier version writes it.
        """
        if (part, kind) not in self._rows:
            where = f"{as_text(str(self.path))}/summary.json: {part}"
            entries = GenericAlias(tuple, (kind, ...))
            self._rows[part, kind] = read_json(entries, self.summary.get(part, []), where)
        found: Sequence[E] = self._rows[part, kind]
        return found

    @cached_property
    def _rows(self) -> dict[tuple[str, type], Any]:
        return {}

    @property
    def has_runs(self) -> bool:
        """Whether the folder holds runs, and not only their summary."""
        return (self.path / "runs").is_dir()

    @property
    def is_evidence(self) -> bool:
        """Whether there are runs, or a summary of runs kept elsewhere."""
        if self.has_runs or not (self.path / "summary.json").is_file():
            return self.has_runs
        try:
            # A report has a summary too.
            return "runs" in self.summary and "claims" not in self.summary
        except InputError:
            return False

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The runs of the folder, without those repeated with larger limits; none if not kept."""
        if not self.has_runs:
            none: pd.DataFrame = SCHEMA.empty_table().to_pandas()
            return none
        return standing(ParquetStore.existing(self.path).frame())

    def cost(self, share: float) -> str:
        """Return what ``share`` of the runs once more would cost, such as "1.3 core-hours"."""
        hours = share * float(self.runs["wall_s"].sum()) / 3600.0
        # Runs of perceptrons name no device.
        unit = "GPU-hours" if "cuda" in set(self.runs.get("device", ())) else "core-hours"
        return f"{hours:.2g} {unit}"

    @property
    def command(self) -> str:
        """The command that wrote the folder."""
        return str(self.summary.get("command", ""))


class Evidence:
    """Some run folders.

    Attributes:
        folders: the folders.
    """

    def __init__(self, folders: Sequence[Folder]) -> None:
        """Take the folders; nothing is read yet."""
        self.folders = tuple(folders)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the folders."""
        return tuple(as_text(folder.path.name) for folder in self.folders)

    def rows(self, part: str, kind: type[E]) -> Iterator[tuple[Folder, E]]:
        """Yield the entries of the list ``part`` of every summary that has one.

        Raises:
            InputError: if one is not as this or an earlier version writes it.
        """
        for folder in self.folders:
            for row in folder.rows(part, kind):
                yield folder, row


def evidence_in(paths: Sequence[Path]) -> Evidence:
    """Return the run folders among ``paths`` and directly below them.

    A folder with only the summary of its runs is judged too. Its figures lack the data.

    Raises:
        InputError: if there is none.
    """
    folders = []
    for path in paths:
        below = sorted(p.parent for p in path.glob("*/summary.json"))
        found = [Folder(p) for p in (path, *below)]
        folders += [folder for folder in found if folder.is_evidence]
    if not folders:
        raise InputError(
            f"{', '.join(map(str, paths))}: no run folder here (runs/ and summary.json): "
            "make one with scan, phase, nets scan, nets lazy or compare"
        )
    return Evidence(folders)
