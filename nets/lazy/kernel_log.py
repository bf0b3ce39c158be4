"""What the kernels of a scan say, kept in a file, because a resumed scan may build none."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel
from perceptron_sim.analysis.summary import Entry
from perceptron_sim.atomic import write_atomically
from perceptron_sim.errors import InputError


class OfSamples(Entry):
    """What the leading P samples of a kernel say."""

    P: int


E = TypeVar("E", bound=OfSamples)


class KernelLog(ABC, Generic[E]):
    """Entries of one kind, by kernel and number of samples.

    Attributes:
        kind: of the entries.
    """

    kind: ClassVar[type[Any]]

    def __init__(self, path: Path) -> None:
        """Read ``path``, if it is there and whole; what it lacks is measured with the kernel."""
        self._path = path
        self._known: dict[str, dict[int, E]] = {}
        try:
            for key, found in json.loads(path.read_text()).items():
                # Version 0.1 kept one entry of each kernel.
                entries = [found] if isinstance(found, dict) else found
                self._known[key] = {e.P: e for e in map(self.kind.from_json, entries)}
        except (OSError, ValueError, TypeError, AttributeError, InputError):
            self._known = {}

    @abstractmethod
    def measure(self, kernel: LazyKernel, sizes: Sequence[int]) -> list[E]:
        """Return what the leading samples of a kernel say, for each number of ``sizes``."""

    def sizes(self, runs: Sequence[LazyConfig]) -> list[int]:
        """Return at which numbers of samples the kernel of ``runs`` is to be measured."""
        return sorted({run.config.P for run in runs})

    def add(self, runs: Sequence[LazyConfig], kernel: LazyKernel) -> None:
        """Measure what is not known of the kernel of ``runs``."""
        known = self._known.get(runs[0].kernel_key(), {})
        lacking = [P for P in self.sizes(runs) if P not in known]
        if lacking:
            self.keep(runs[0], self.measure(kernel, lacking))

    def keep(self, leader: LazyConfig, entries: Sequence[E]) -> None:
        """Keep entries of a kernel, measured here or elsewhere."""
        known = self._known.setdefault(leader.kernel_key(), {})
        known |= {entry.P: entry for entry in entries}
        content = {
            key: [entry.to_json() for _, entry in sorted(each.items())]
            for key, each in sorted(self._known.items())
        }
        write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())

    def known(self, run: LazyConfig, P: int | None = None) -> E | None:
        """Return the entry of the kernel of a run, at its P unless another is given."""
        P = run.config.P if P is None else P
        return self._known.get(run.kernel_key(), {}).get(P)
