"""Runs on a Dask cluster: few groups in progress, results as they end, lost workers replaced."""

import json
import logging
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from urllib.parse import urlsplit

from perceptron_sim.errors import InputError
from perceptron_sim.extras import require
from perceptron_sim.scans.cluster_task import (
    Steering,
    Task,
    call,
    check_versions,
    halt,
    packed,
    versions_here,
)
from perceptron_sim.scans.interrupts import Interrupts, passed
from perceptron_sim.words import counted

if TYPE_CHECKING:
    from distributed import Client, Future, as_completed

C = TypeVar("C")
A = TypeVar("A")

# Groups in progress per thread of a worker: one runs, one waits.
_DEPTH = 2
_CONNECT_S = 10.0
_TICK_S = 0.1
_PROTOCOLS = ("tcp", "tls", "ws", "wss", "ucx")
# Workers that join while a scan is halted must be told, too.
_LOOK_EVERY_S = 2.0
_CLOSE_S = 5.0
_GPU = "GPU"


class WorkerLost(RuntimeError):
    """Workers died repeatedly during this one run."""


class Cluster:
    """A connection to a Dask scheduler, and a context manager that closes it.

    Dask pickles what it sends: use schedulers of a trusted network only, or TLS.
    """

    def __init__(
        self,
        scheduler: str,
        packages: tuple[str, ...] = (),
        tell: Callable[[str], None] = lambda text: None,
        gpu: bool = False,
    ) -> None:
        """Connect, wait for a first worker, and check the versions of all workers.

        Args:
            scheduler: an address, tcp://host:port or tls://host:port, or the path of a scheduler
                file.
            packages: packages whose versions must agree, beyond those that every run needs.
            tell: gets messages for people.
            gpu: use only workers that offer the resource GPU; a task takes one unit.

        Raises:
            InputError: if distributed is not installed, no scheduler answers, or versions of a
                worker differ from those of this machine.
        """
        require("--scheduler", "dask", "distributed")
        self.address = _address_of(scheduler)
        self.gpu = gpu
        self._packages = packages
        self._tell = tell
        self._resources = {_GPU: 1} if gpu else None
        self._expected = versions_here(packages)
        self._client = _client(self.address)
        self._looked = -_LOOK_EVERY_S
        self._workers: dict[str, dict[str, Any]] = {}
        try:
            self._await_workers()
            self._check_workers()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cluster":
        """Return the connection."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; scheduler and workers stay."""
        with suppress(OSError):
            self._client.close(timeout=_CLOSE_S)

    @property
    def slots(self) -> int:
        """Number of tasks that can run at once, at least one."""
        return max(1, self._slots())

    @property
    def bytes_a_run(self) -> float:
        """Memory per thread, in bytes, of the worker that has the least."""
        self._look()
        room = [w["memory_limit"] / w["nthreads"] for w in self._usable() if w["memory_limit"]]
        return min(room, default=float("inf"))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on a worker and return its answer.

        Raises:
            InputError: as ``function`` does.
            ConnectionError: if the scheduler is gone.
        """
        self._check_connection()
        future = self._client.submit(
            call,
            packed(function, *args, **kwargs),
            key=_key(),
            pure=False,
            resources=self._resources,
        )
        try:
            answer = future.result()
        except Exception as error:
            self._raise(error)
        if isinstance(answer, InputError):
            raise answer
        return answer

    def serve(
        self,
        groups: Iterable[list[C]],
        work: Callable[[list[C], Steering], A],
        interrupts: Interrupts,
        heartbeat: Callable[[], None],
        until: float | None = None,
    ) -> Iterator[tuple[list[C], A | WorkerLost]]:
        """Yield groups with what ``work`` answered, as they end.

        Few groups are in progress, so that a scheduler never holds a large grid. Other workers
        repeat the tasks of a lost one. If workers keep dying during a group, it is halved. The
        answer for a single run is then the error.

        Args:
            groups: runs of each task.
            work: called on a worker; must be picklable, and obey its steering.
            interrupts: once draining, no group is sent and no run starts; its flag drops runs in
                progress.
            heartbeat: called a few times per second.
            until: time.monotonic() after which draining begins.

        Raises:
            VersionMismatch: if versions of a worker that joined differ from this machine's.
            InputError: as ``work`` does.
            ConnectionError: if the scheduler is gone.
        """
        from distributed import as_completed

        token = uuid.uuid4().hex
        waiting = iter(groups)
        halves: deque[list[C]] = deque()
        flying: dict[Future, list[C]] = {}
        told = 0.0
        ended = as_completed(loop=self._client.loop, with_results=True, raise_errors=False)
        try:
            while not interrupts.stop.array[0]:
                late = interrupts.draining or passed(until)
                while not late and len(flying) < _DEPTH * self._slots():
                    runs = halves.popleft() if halves else next(waiting, None)
                    if runs is None:
                        break
                    task = Task(work, runs, token, self._packages, self._expected)
                    future = self._client.submit(
                        task, key=_key(), pure=False, resources=self._resources
                    )
                    flying[future] = runs
                    ended.add(future)
                if not flying and (late or self._slots()):
                    return
                if late and time.monotonic() - told > _LOOK_EVERY_S:
                    told = time.monotonic()
                    self._halt(token, drop=False)
                for future, answer in _next(ended):
                    runs = flying.pop(future)
                    if not isinstance(answer, Exception):
                        yield runs, answer
                    elif not _killed(answer):
                        self._raise(answer)
                    elif len(runs) > 1:
                        middle = len(runs) // 2
                        halves.extend((runs[:middle], runs[middle:]))
                    else:
                        yield (
                            runs,
                            WorkerLost(
                                f"{counted(answer.args[2] + 1, 'worker')} died under this run"
                            ),
                        )
                self._check_connection()
                heartbeat()
        finally:
            if flying:
                self._drop(token, list(flying))

    def _slots(self) -> int:
        """Return how many tasks can run at once."""
        self._look()
        if not self.gpu:
            return sum(int(w["nthreads"]) for w in self._usable())
        return sum(int(w["resources"][_GPU]) for w in self._usable())

    def _usable(self) -> list[dict[str, Any]]:
        workers = self._workers.values()
        if not self.gpu:
            return list(workers)
        return [w for w in workers if w["resources"].get(_GPU, 0) >= 1]

    def _look(self) -> None:
        """Ask the scheduler at intervals for its workers."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_EVERY_S:
            self._check_connection()
            before = self._usable()
            with self._asking():
                self._workers = dict(self._client.scheduler_info(n_workers=-1)["workers"])
            self._looked = now
            if before and not self._usable():
                self._tell(f"no worker is left at {self.address}: waiting for one")

    def _await_workers(self) -> None:
        """Wait for a worker; batch systems may take hours."""
        self._look()
        if self._usable():
            return
        how = f"dask worker {self.address}" + (f' --resources "{_GPU}=1"' if self.gpu else "")
        if self._workers:
            raise InputError(f"no worker offers a {_GPU}: start one as {how}")
        self._tell(f"no worker at {self.address} yet: waiting (start one as {how})")
        while not self._usable():
            time.sleep(_TICK_S)
            self._look()

    def _check_workers(self) -> None:
        """Refuse workers whose versions differ, or that lack the program."""
        with self._asking():
            found = self._client.run(versions_here, self._packages, on_error="return")
        for address, answer in sorted(found.items()):
            if isinstance(answer, OSError):
                # Gone meanwhile.
                continue
            if isinstance(answer, Exception):
                raise InputError(
                    f"worker {address} cannot run perceptron-sim ({answer}): install the "
                    "same version there, or leave that worker out"
                )
            check_versions(self._expected, answer, address)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Raise an error of one line if the scheduler dies meanwhile."""
        try:
            yield
        except OSError:
            raise self._gone() from None

    def _check_connection(self) -> None:
        if self._client.status != "running":
            raise self._gone()

    def _gone(self) -> ConnectionError:
        return ConnectionError(
            f"the scheduler at {self.address} is gone: finished runs are stored; start it again "
            "and repeat the command to go on"
        )

    def _raise(self, error: Exception) -> NoReturn:
        """Raise the error that a failed task stands for."""
        from concurrent.futures import CancelledError as Cancelled

        from distributed import CancelledError

        if isinstance(error, InputError):
            raise error
        # This comes before any request to a scheduler that may be gone.
        self._check_connection()
        if isinstance(error, OSError | Cancelled | CancelledError):
            raise self._gone() from None
        # A worker could not read the task. Say which worker.
        self._check_workers()
        raise error

    def _halt(self, token: str, drop: bool) -> threading.Thread:
        """Tell all workers, without waiting for those that do not answer."""

        def tell_all() -> None:
            with suppress(Exception):
                self._client.run(halt, token, drop, on_error="ignore")

        thread = threading.Thread(target=tell_all, daemon=True)
        thread.start()
        return thread

    def _drop(self, token: str, futures: "list[Future]") -> None:
        """Drop the tasks in progress."""
        if self._client.status == "running":
            self._halt(token, drop=True).join(_CLOSE_S)
            with suppress(OSError):
                self._client.cancel(futures, force=True)


def _address_of(scheduler: str) -> str:
    """Return an address, given as such or as a scheduler file.

    Raises:
        InputError: if it is neither.
    """
    try:
        # Anything but an address would leave a client behind that cannot end quietly.
        parts = urlsplit(scheduler)
        if parts.scheme in _PROTOCOLS and parts.hostname and parts.port:
            return scheduler
        return str(json.loads(Path(scheduler).read_text())["address"])
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"--scheduler {scheduler!r} is neither an address nor a scheduler file: give "
            "tcp://host:port, or the file that dask scheduler --scheduler-file wrote"
        ) from None


def _client(scheduler: str) -> "Client":
    """Return a connection.

    Raises:
        InputError: if no scheduler answers.
    """
    from distributed import Client, Security
    from distributed.versions import VersionMismatchWarning

    # Important reports of the client are raised here, as one line.
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL)
    # Missing certificates, too, would leave a client behind that cannot end quietly.
    if scheduler.startswith("tls://"):
        connection = Security().get_connection_args("client")
        if connection["ssl_context"] is None:
            raise InputError(
                f"{scheduler} needs certificates: set distributed.comm.tls.ca-file, client.cert, "
                "client.key, or DASK_DISTRIBUTED__COMM__TLS__CA_FILE and so on"
            )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)
            return Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at {scheduler} ({' '.join(str(error).split())}): start one "
            "with 'dask scheduler', or give its address"
        ) from None


def _key() -> str:
    return f"perceptron-sim-{uuid.uuid4().hex}"


def _killed(answer: object) -> bool:
    from distributed import KilledWorker

    return isinstance(answer, KilledWorker)


def _next(ended: "as_completed") -> "Iterator[tuple[Future, Any]]":
    """Yield tasks that ended; wait a moment if none did."""
    if not ended.has_ready():
        with ended.thread_condition:
            ended.thread_condition.wait(_TICK_S)
    for future, answer in ended.next_batch(block=False):
        # An error of a task comes as its type, itself and its trace.
        yield future, answer[1] if future.status == "error" else answer
