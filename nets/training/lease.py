"""One trainer a GPU: whoever trains holds a lock that all processes of a user on a host see.

Two ensembles would each plan with the memory of the other, and CUDA graphs of two threads of a
process cannot be captured at once. So processes of a host, for example workers of a cluster,
spread over its GPUs, and wait for one where there are more of them than GPUs.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_TICK_S = 0.2


def gpus() -> list[tuple[torch.device, str]]:
    """Return the GPUs that this process sees, with a name of each that all processes know."""
    found = []
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        # Older versions of PyTorch do not tell the uuid.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        name = str(getattr(about, "uuid", f"{about.name}-{visible}-{index}"))
        found.append((torch.device("cuda", index), "".join(c for c in name if c.isalnum())))
    return found


@contextmanager
def leased(
    device: torch.device,
    note: Callable[[str], None] = lambda text: None,
    given_up: Callable[[], bool] = lambda: False,
    heartbeat: Callable[[], None] = lambda: None,
) -> Iterator[torch.device | None]:
    """Hold a GPU that no other process or thread of this user trains on; a CPU is shared.

    Args:
        device: "cpu", or "cuda" for the first that is free.
        note: told, once, if there is none and this waits.
        given_up: asked while it waits; None is returned once it is true.
        heartbeat: called while it waits.
    """
    if device.type != "cuda":
        yield device
        return
    every = gpus()
    lock = None
    told = False
    while not given_up():
        tried = ((candidate, _lock(name)) for candidate, name in every)
        device, lock = next((pair for pair in tried if pair[1] is not None), (device, None))
        if lock is not None:
            break
        if not told:
            told = True
            which = "the GPU" if len(every) == 1 else "all GPUs"
            note(f"others train on {which} of this host: waiting for one")
        heartbeat()
        time.sleep(_TICK_S)
    try:
        yield None if lock is None else device
    finally:
        if lock is not None:
            os.close(lock)


def _lock(name: str) -> int | None:
    """Return an open file that is locked, or None if another has locked it."""
    try:
        import fcntl

        path = Path(tempfile.gettempdir()) / f"perceptron-sim-{os.getuid()}-gpu-{name}.lock"
        # A lock goes with its process, however that ends.
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (ImportError, OSError):
        # Without locks between processes every GPU is taken for free.
        return os.open(os.devnull, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file
