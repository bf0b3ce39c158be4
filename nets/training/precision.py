"""Products in full precision while nets train, and the caller's settings again afterwards."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import torch

_lock = threading.Lock()
_users = 0
_restore = ExitStack()


@contextmanager
def exact() -> Iterator[None]:
    """Hold ``exact_products`` for a while; the last of several users at once restores all."""
    global _users, _restore
    with _lock:
        if _users == 0:
            _restore = exact_products()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _restore.close()


def exact_products() -> ExitStack:
    """Turn TF32 and bfloat16 products off: f - f_0 is 1e-4 of f at alpha = 2^15.

    The settings belong to the process. PyTorch has an old and a new interface to them, and refuses
    to read the old one while the two disagree: what cannot be read is left alone.

    Returns:
        What brings the settings back once it is closed.
    """
    restore = ExitStack()

    def put(owner: object, name: str, value: object) -> None:
        restore.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    backends = torch.backends
    modern = hasattr(backends, "fp32_precision")
    owners = _owners() if modern else []
    before = [owner.fp32_precision for owner in owners]

    def mend() -> None:
        # The old interface sets more than it was set by.
        for owner, value in zip(owners, before, strict=True):
            if owner.fp32_precision != value:
                owner.fp32_precision = value

    restore.callback(mend)
    with suppress(RuntimeError):
        matmul = torch.get_float32_matmul_precision()
        if matmul != "highest":
            restore.callback(torch.set_float32_matmul_precision, matmul)
            torch.set_float32_matmul_precision("highest")
    if not modern:
        put(backends.cuda.matmul, "allow_tf32", False)
        put(backends.cudnn, "allow_tf32", False)
        return restore
    # The parent of all first: what inherits from it then needs no value of its own.
    put(backends, "fp32_precision", "ieee")
    for owner in owners:
        if owner.fp32_precision not in ("ieee", "none"):
            put(owner, "fp32_precision", "ieee")
    return restore


def _owners() -> list[Any]:
    """Return what has a precision of its own, parents first."""
    cudnn, mkldnn = torch.backends.cudnn, torch.backends.mkldnn
    return [
        *(cudnn, torch.backends.cuda.matmul, cudnn.conv, cudnn.rnn),
        *(mkldnn.matmul, mkldnn.conv, mkldnn.rnn),
    ]
