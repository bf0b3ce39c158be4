"""The origin of the runs of a report: commands, versions, devices, and their differences."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from perceptron_sim.claims import Judgement
from perceptron_sim.claims.evidence import Evidence, Folder
from perceptron_sim.names import as_text
from perceptron_sim.store.files import DamagedFile, read_columns
from perceptron_sim.store.store import ParquetStore

_COLUMNS = ("key", "status", "dynamics", "kernel", "device", "versions")


def provenance(folders: Sequence[Folder]) -> list[dict[str, Any]]:
    """Return for each folder its command and numbers of runs by versions, device and status.

    It reads six columns, so that large folders take little time.

    Raises:
        InputError: if a folder holds no runs, or no summary.
    """
    names = Counter(folder.path.name for folder in folders)
    entries = []
    for folder in folders:
        # Folders of one name are told apart by the folder they are in.
        parts = 2 if names[folder.path.name] > 1 else 1
        name = as_text("/".join(folder.path.resolve().parts[-parts:]))
        entries.append(_of_folder(folder, name))
    return entries


def made_by(judgement: Judgement, folders: Sequence[Folder]) -> list[str]:
    """Return the commands of the folders on which the measured numbers depend."""
    measure = judgement.claim.measure
    if not judgement.findings:
        return []
    found = list(measure(Evidence(folders)))
    return [
        folder.command
        for folder in folders
        if list(measure(Evidence([other for other in folders if other is not folder]))) != found
    ]


def differences(entries: Sequence[dict[str, Any]]) -> dict[str, dict[str, list[str]]]:
    """Return values that differ between runs: name -> value -> folders in which it occurs.

    A package that some runs do not name does not count: perceptrons do not need PyTorch.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for entry in entries:
        for group in entry["made_with"]:
            for name, value in group["versions"].items():
                folders = found.setdefault(name, {}).setdefault(value, [])
                if entry["folder"] not in folders:
                    folders.append(entry["folder"])
    return {name: values for name, values in sorted(found.items()) if len(values) > 1}


def _of_folder(folder: Folder, name: str) -> dict[str, Any]:
    if not folder.has_runs:
        return _of_summary(folder, name)
    frames, damaged = [], 0
    for path in ParquetStore.existing(folder.path).files():
        try:
            frames.append(read_columns(path, list(_COLUMNS)).to_pandas())
        except DamagedFile:
            damaged += 1
    # The first versions of the store had no column of devices; a run stored twice counts once.
    runs = pd.concat([pd.DataFrame(columns=_COLUMNS, dtype=object), *frames], ignore_index=True)
    runs = runs.drop_duplicates("key")
    counts = {name: runs[name].value_counts().sort_index() for name in _COLUMNS[1:]}
    tallies = {name: {str(k): int(n) for k, n in found.items()} for name, found in counts.items()}
    made_with = tallies.pop("versions")
    return {
        "folder": name,
        "command": folder.command,
        "runs": len(runs),
        "damaged_files": damaged,
        **tallies,
        "made_with": [{"versions": _parsed(text), "runs": n} for text, n in made_with.items()],
    }


def _of_summary(folder: Folder, name: str) -> dict[str, Any]:
    """Return the same of a folder whose runs were kept elsewhere."""
    summary = folder.summary
    n = summary.get("runs", 0)
    return {
        "folder": name,
        "command": folder.command,
        "runs": n,
        "damaged_files": 0,
        "status": summary.get("status", {}),
        "kernel": {},
        "device": {},
        "made_with": [{"versions": summary.get("versions", {}), "runs": n}],
    }


def _parsed(text: str) -> dict[str, str]:
    """Return the pairs of a line ``name=version name=version``."""
    pairs = (part.partition("=") for part in text.split())
    return {name: value for name, _, value in pairs if value}
