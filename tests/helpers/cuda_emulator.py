"""CUDA without a GPU: fake CUDA tensors on a CPU build, and graphs replayed as CUDA does."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from nets.training.graphs import Graphs

# Operations that make the host wait for the device, or that no graph may hold.
WAITING = {
    *("_local_scalar_dense", "item", "is_nonzero", "equal", "nonzero", "masked_select"),
    *("unique", "_unique2", "pin_memory", "_pin_memory", "lift_fresh", "lift_fresh_copy"),
    *("rand", "randn", "randint", "randperm", "bernoulli", "bernoulli_", "uniform_", "normal_"),
    *("dropout", "native_dropout"),
}
# Operations that do nothing but name memory.
VIEWS = {
    *("view", "slice", "select", "unsqueeze", "squeeze", "transpose", "permute", "expand", "t"),
    *("as_strided", "detach", "alias", "unflatten", "_unsafe_view", "split", "unbind", "diagonal"),
    *("device", "empty", "lift_fresh", "split_with_sizes"),
}


def lend_device_guard() -> None:
    """Give a CPU build the guard of the meta device for CUDA, so that fake tensors can be there."""
    core = ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libc10.so"))
    guards = (ctypes.c_void_p * 21).in_dll(core, "_ZN3c104impl26device_guard_impl_registryE")
    cuda, meta = 1, 14
    if not guards[cuda]:
        guards[cuda] = guards[meta]


class Operations(TorchDispatchMode):
    """Remembers the name of every operation and the devices of its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, set[str]]] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        devices = {t.device.type for t in _tensors((args, kwargs, out))}
        self.seen.append((_name(func), devices))
        return out

    def names(self) -> set[str]:
        """Return the names of all operations."""
        return {name for name, _ in self.seen}

    def count(self) -> int:
        """Return how many operations did something."""
        return sum(name not in VIEWS for name, _ in self.seen)


class EmulatedGraphs(Graphs):
    """Captures on a CPU: nothing captured is done, a replay works on the very same storages.

    What a graph makes lies in a pool that holds garbage before each replay.
    """

    captures = 0
    replays = 0

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.kind = "cuda"

    def capture(self, step: Callable[[], None]) -> Callable[[], None]:
        step()
        type(self).captures += 1
        recorder = _Recorder()
        try:
            with recorder:
                step()
        finally:
            for storage, before in recorder.inputs.values():
                _bytes(storage).copy_(before)

        def replay() -> None:
            type(self).replays += 1
            with torch.no_grad(), torch._C._AutoDispatchBelowAutograd():
                recorder.replay()

        return replay


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[int, tuple[torch.UntypedStorage, torch.Tensor]] = {}
        self._own: set[int] = set()
        self._steps: list[tuple] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if _name(func) in WAITING:
            raise RuntimeError(f"{_name(func)}: operation not permitted when stream is capturing")
        given = _tensors((args, kwargs))
        for tensor in given:
            storage = tensor.untyped_storage()
            if storage._cdata not in self._own and storage._cdata not in self.inputs:
                self.inputs[storage._cdata] = (storage, _bytes(storage).clone())
        out = func(*args, **kwargs)
        places = {t.untyped_storage()._cdata for t in given}
        made = [(t, t.untyped_storage()._cdata not in places) for t in _tensors(out)]
        self._own |= {t.untyped_storage()._cdata for t, fresh in made if fresh}
        self._steps.append((func, args, kwargs, made))
        return out

    def replay(self) -> None:
        for *_, made in self._steps:
            for tensor, fresh in made:
                if fresh and tensor.is_floating_point():
                    tensor.fill_(float("nan"))
                elif fresh and tensor.dtype != torch.bool:
                    tensor.fill_(min(2**40, torch.iinfo(tensor.dtype).max))
        for func, args, kwargs, made in self._steps:
            out = _tensors(func(*args, **kwargs))
            for (tensor, fresh), new in zip(made, out, strict=True):
                if fresh:
                    tensor.copy_(new)


def _name(func) -> str:
    return func.overloadpacket._qualified_op_name.split("::")[1]


def _tensors(tree) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _bytes(storage: torch.UntypedStorage) -> torch.Tensor:
    return torch.empty(0, dtype=torch.uint8).set_(storage)
