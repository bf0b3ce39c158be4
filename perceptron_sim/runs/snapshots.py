"""States of unfinished runs on disk, from which a killed job goes on."""

import contextlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_sim.atomic import write_atomically

# Values that JSON can hold, and arrays by name.
State = tuple[dict[str, Any], dict[str, np.ndarray]]

_BROKEN = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile)
_META = "meta"
_ABANDONED_S = 600.0


class Snapshots:
    """A folder of states, one file per state. A file appears whole or not at all."""

    def __init__(self, folder: Path, identity: dict[str, Any], note: Callable[[str], None]) -> None:
        """Prepare; nothing is written yet.

        Args:
            folder: made where needed, removed once empty.
            identity: values, as JSON has them, that must be equal for a state to be used again.
            note: is told once if states cannot be saved, and of files that cannot be used.
        """
        self._folder = folder
        self._identity = identity
        self.note = note
        self._silent = False

    def save(self, name: str, keys: Sequence[str], state: State) -> None:
        """Write a state of the runs ``keys``; a full disk is noted and training goes on."""
        meta, arrays = state
        content = io.BytesIO()
        text = json.dumps({"identity": self._identity, "keys": list(keys), "state": meta})
        fields: dict[str, Any] = {_META: np.array(text), **arrays}
        np.savez(content, **fields)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._folder / f"{name}.npz", content.getvalue())
            self._silent = False
        except OSError as error:
            if not self._silent:
                self.note(
                    f"unfinished runs cannot be saved to {self._folder} ({error.strerror}): "
                    "they go on, but a kill now would lose them: free some space"
                )
            self._silent = True

    def load(self, known: set[str]) -> dict[str, State]:
        """Return the usable states by name; others are noted, except those of other requests.

        Args:
            known: keys of the requested runs; a state must have no others.
        """
        found = {path.stem: self._usable(path, known) for path in self._files()}
        return {name: state for name, state in found.items() if state is not None}

    def load_run(self, key: str) -> State | None:
        """Return the state that was saved under the key of a single run, if there is one."""
        path = self._folder / f"{key}.npz"
        return self._usable(path, {key}) if path.is_file() else None

    def _usable(self, path: Path, known: set[str]) -> State | None:
        read = self._read(path)
        if read is None:
            self.note(f"{path} is damaged: its runs start again")
            return None
        meta, arrays = read
        if not known.issuperset(meta["keys"]):
            return None
        if meta["identity"] != self._identity:
            self.note(f"{path} was saved by other code or options: its runs start again")
            return None
        return meta["state"], arrays

    def refuse(self, name: str, reason: str) -> None:
        """Note that the state ``name`` cannot be used, and why; its file stays until a sweep."""
        self.note(f"{self._folder / name}.npz cannot be used ({reason}): its runs start again")

    def remove(self, name: str) -> None:
        """Remove the state ``name``, if there is one."""
        with contextlib.suppress(OSError):
            (self._folder / f"{name}.npz").unlink(missing_ok=True)

    def sweep(self, stored: set[str]) -> None:
        """Remove the states of which all runs are stored, and the folder once it is empty."""
        for path in self._files():
            read = self._read(path)
            if read is None or stored.issuperset(read[0]["keys"]):
                path.unlink(missing_ok=True)
        for path in self._folder.glob(".*.tmp"):
            # Left by a kill; one that is being written is seconds old.
            with contextlib.suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()
        # It may be absent, hold other runs, or be filled by another driver just now.
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("[!.]*.npz"))

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            meta = json.loads(str(arrays.pop(_META)))
            meta["identity"], meta["state"], set(meta["keys"])
            return meta, arrays
        except _BROKEN:
            return None
