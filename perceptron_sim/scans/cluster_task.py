"""The side of a worker: check versions, do the runs of a group, stop when told."""

import functools
import pickle
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib import metadata
from typing import Any, Generic, TypeVar

from perceptron_sim.entry import load_siblings
from perceptron_sim.errors import InputError
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.store.schema import versions

C = TypeVar("C")
A = TypeVar("A")

# Number of scans that a worker remembers; only their last tasks ask.
_SCANS = 64
_lock = threading.Lock()


class VersionMismatch(InputError):
    """Versions of a worker differ from the driver's, so its numbers could differ."""


@dataclass
class Steering:
    """How the driver steers the tasks of one scan on one worker.

    Attributes:
        draining: start no further run.
        stop: once set, kernels return at once.
    """

    draining: bool
    stop: StopFlag


@functools.lru_cache(maxsize=_SCANS)
def _steering(token: str) -> Steering:
    return Steering(False, StopFlag())


def steering(token: str) -> Steering:
    """Return the steering of the tasks of the scan ``token`` in this process."""
    with _lock:
        return _steering(token)


def halt(token: str, drop: bool) -> None:
    """Start no further run of a scan here; drop runs in progress if ``drop``."""
    told = steering(token)
    told.draining = True
    if drop:
        told.stop.set()


@functools.cache
def versions_here(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of packages in this process; "absent" for missing ones."""
    try:
        return versions(packages)
    except metadata.PackageNotFoundError:
        found = versions()
        for package in packages:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                found[package] = "absent"
        return found


def check_versions(expected: dict[str, str], found: dict[str, str], address: str) -> None:
    """Refuse a worker that could give other numbers than this machine.

    Raises:
        VersionMismatch: naming the worker and every version that differs.
    """
    wrong = [
        f"{name} {found.get(name, 'absent')} (here {version})"
        for name, version in sorted(expected.items())
        if found.get(name) != version
    ]
    if wrong:
        raise VersionMismatch(
            f"worker {address} has {', '.join(wrong)}: install the same versions there, or leave "
            "that worker out"
        )


@dataclass(frozen=True)
class Task(Generic[C, A]):
    """One task: the runs of a group.

    Attributes:
        work: how the runs are done.
        runs: the group.
        token: name of the scan, by which it is stopped.
        packages: packages, beyond the common ones, whose versions must agree.
        expected: versions of the driver.
    """

    work: Callable[[list[C], Steering], A]
    runs: list[C]
    token: str
    packages: tuple[str, ...]
    expected: dict[str, str]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as bytes, so that a worker finds our packages before it reads what needs them."""
        return _arrived, (packed(Task, *(getattr(self, field.name) for field in fields(self))),)

    def __call__(self) -> A:
        """Do the runs; errors that concern this worker name it."""
        address = _address()
        # Versions are checked here too, because workers may join at any time.
        check_versions(self.expected, versions_here(self.packages), address)
        try:
            return self.work(self.runs, steering(self.token))
        except InputError as error:
            raise InputError(f"worker {address}: {error}") from None


def packed(function: Callable[..., Any], *args: Any, **kwargs: Any) -> bytes:
    """Return a call as bytes, for ``call``."""
    from distributed.protocol.pickle import dumps

    return bytes(dumps((function, args, kwargs)))


def _arrived(content: bytes) -> Any:
    load_siblings()
    function, args, kwargs = pickle.loads(content)
    return function(*args, **kwargs)


def call(content: bytes) -> Any:
    """Make a call from ``packed``. An InputError is returned, so that it keeps its text."""
    try:
        return _arrived(content)
    except InputError as error:
        return InputError(f"worker {_address()}: {error}")


def _address() -> str:
    from distributed import get_worker

    return str(get_worker().address)
