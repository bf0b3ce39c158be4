"""The GPU's ways without a GPU: graphs, memory, one trainer a device, devices that fail."""

import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace

import cuda_emulator as emulator
import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from cli.main import run as run_command
from nets.architectures import build, convolution
from nets.config import NetConfig
from nets.data import load_images
from nets.scan import NetWork
from nets.training import Control, Failure, device_on, lease, train, train_each
from nets.training import device as device_module
from nets.training.device import DeviceLost, free_bytes, is_lost, release
from nets.training.graphs import size_of_graph
from nets.training.plan import Plan
from nets.training.replicas import Replicas
from nets.training.resident import ResidentEnsemble
from nets.training.stock import Bytes
from perceptron_sim import InputError
from perceptron_sim.runs.simulate import StopFlag
from perceptron_sim.scans.cluster_task import Steering
from perceptron_sim.store.store import ParquetStore

SMALL = {
    "mlp": {"depth": 3, "width": 16, "T": 2.0**-6},
    "linear": {"arch": "linear", "T": 2.0**-4},
    "cnn": {"arch": "cnn", "depth": 2, "width": 4, "T": 2.0**-4},
    "mnas": {"arch": "mnas", "depth": 2, "width": 4, "T": 2.0**-2},
}
CUDA = torch.device("cuda")


def _configs(n: int = 8) -> list[NetConfig]:
    return [NetConfig(depth=2, width=16, P=64, T=2.0**-5, seed=s, P_test=0) for s in range(n)]


@pytest.fixture
def emulated(monkeypatch):
    """Let the resident engine capture graphs on the CPU."""

    class Graphs(emulator.EmulatedGraphs):
        pass

    monkeypatch.setattr("nets.training.graphs.Graphs", Graphs)
    return Graphs


@pytest.mark.parametrize("arch", SMALL)
def test_replays_are_the_steps_themselves(arch, monkeypatch) -> None:
    # More runs than places: replicas retire, others take their places, the last ones leave gaps.
    configs = [
        NetConfig(**SMALL[arch], P=P, seed=s, dtype="float64", P_test=8, max_steps=100)
        for P in (16, 24)
        for s in range(3)
    ]
    how = {
        **{"engine": "resident", "workers": 1, "most": 4},
        **{"checkpoints": False, "keep_weights": True},
    }
    plain = train(configs, "cpu", **how)

    class Graphs(emulator.EmulatedGraphs):
        pass

    monkeypatch.setattr("nets.training.graphs.Graphs", Graphs)
    notes: list[str] = []
    replayed = {
        r.config.key(): r
        for r in train_each(configs, "cpu", **how, control=Control(note=notes.append))
    }
    assert notes == []
    assert Graphs.captures > 1
    assert Graphs.replays > 10
    for one in plain:
        other = replayed[one.config.key()]
        assert (other.steps, other.updates, other.hits) == (one.steps, one.updates, one.hits)
        assert all(map(np.array_equal, other.weights, one.weights))
        assert other.test_error == one.test_error


def _operations(arch: str, R: int, K: int, plant: bool = False) -> emulator.Operations:
    """Return what a step of R replicas of depth 5 does on a device that computes nothing."""
    emulator.lend_device_guard()
    net = build(arch, 64, 5, 16, "relu")
    if plant:
        forward = net.forward

        def waits(weights, x):
            found = forward(weights, x)
            torch.isfinite(found[0]).all().item()
            return found

        net.forward = waits
    with FakeTensorMode():
        replicas = Replicas.__new__(Replicas)
        replicas.architecture, replicas.capacity = net, R
        replicas.queue = SimpleNamespace(B=4)
        replicas._store = [torch.zeros((R, *shape), device=CUDA) for shape in net.shapes]
        replicas.index = torch.zeros(R * 32, dtype=torch.int64, device=CUDA)
        replicas.y, replicas.f0 = (torch.zeros(R * 32, device=CUDA) for _ in range(2))
        replicas.stock = stock = Bytes.__new__(Bytes)
        stock._pixels = torch.zeros((50, 64), dtype=torch.uint8, device=CUDA)
        stock._table = torch.zeros(256, device=CUDA)
        ensemble = ResidentEnsemble(replicas, False, False)
        with emulator.Operations() as operations:
            ensemble._step(R, K)
    return operations


# Operations of a step of depth 5, views not counted: by K = 1 and K > 1.
MOST = {"mlp": (76, 90), "linear": (51, 60)}


@pytest.mark.parametrize("arch", MOST)
def test_a_step_on_a_gpu_never_waits_for_the_host(arch) -> None:
    for K, most in zip((1, 4), MOST[arch], strict=True):
        operations = _operations(arch, 8, K)
        assert set().union(*(devices for _, devices in operations.seen)) == {"cuda"}
        assert not operations.names() & emulator.WAITING
        assert 20 < operations.count() <= most
        # As many for any number of replicas.
        assert operations.count() == _operations(arch, 64, K).count()


def test_a_step_that_waits_for_the_host_is_found() -> None:
    with pytest.raises(DataDependentOutputException):
        _operations("mlp", 8, 1, plant=True)


@pytest.mark.parametrize("arch", ["mlp"])
def test_a_wait_inside_a_captured_step_costs_a_note(arch, emulated, monkeypatch) -> None:
    step = ResidentEnsemble._step

    def waits(self, n, K):
        step(self, n, K)
        self._counts.sum().item()

    monkeypatch.setattr(ResidentEnsemble, "_step", waits)
    notes: list[str] = []
    how = {"engine": "resident", "workers": 1, "checkpoints": False}
    ended = list(train_each(_configs(2), "cpu", **how, control=Control(note=notes.append)))
    assert [run.status for run in ended] == ["fitted"] * 2
    (note,) = notes
    assert "_local_scalar_dense: operation not permitted" in note


def test_a_block_of_steps_is_one_read_of_the_device(monkeypatch) -> None:
    # All that the host reads of a block are the counters, whatever the number of replicas.
    reads = []
    whole = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: reads.append(1) or whole(self))
    how = torch.float32, torch.device("cpu")
    for R in (2, 6):
        stock = Bytes(load_images("digits"), *how)
        net = build("mlp", 64, 2, 16, "relu")
        ensemble = ResidentEnsemble(Replicas(net, R, 64, 16, stock, *how, 10**6), True, False)
        ensemble.admit(_configs(R))
        ensemble.round()
        reads.clear()
        # Steps 2 and 3 have no mark between them, and no run ends there.
        ensemble.replicas.mark[:R] = 100
        ensemble.replicas.limit[:R] = 4
        monkeypatch.setattr(ensemble, "_ended", lambda diverged, seen: {})
        ensemble.round()
        assert len(reads) == 1


@pytest.mark.parametrize("arch", ["cnn", "mnas"])
def test_images_pass_a_gpu_without_waiting_for_the_host(arch) -> None:
    emulator.lend_device_guard()
    net = build(arch, 64, 2, 4, "gelu", (8, 8))
    # The constants of a layer are made before any capture.
    convolution._root_of_places.cache_clear()
    try:
        with FakeTensorMode():
            weights = [torch.zeros((3, *shape), device=CUDA) for shape in net.shapes]
            x = torch.zeros((3, 5, 64), device=CUDA)
            net.forward(weights, x)
            with emulator.Operations() as operations:
                f, _ = net.forward(weights, x)
    finally:
        convolution._root_of_places.cache_clear()
    assert (f.device.type, f.shape) == ("cuda", (3, 5))
    # What reads single pixels is a product.
    single = [shape for shape in net.shapes if shape[-2:] == (1, 1)]
    names = [name for name, _ in operations.seen]
    assert names.count("convolution") == len(net.shapes) - 1 - len(single)
    assert set().union(*(devices for _, devices in operations.seen)) == {"cuda"}
    assert not {name for name, _ in operations.seen} & emulator.WAITING


def test_the_net_of_the_tutorial_stays_on_its_device() -> None:
    emulator.lend_device_guard()
    page = Path(__file__).parents[2] / "docs" / "tutorials" / "own-net.md"
    block = next(b for b in page.read_text().split("```") if "class Waves" in b)
    code = block.removeprefix("python\n").partition("architectures.register")[0]
    space: dict[str, object] = {}
    exec(code, space)
    net = space["Waves"](2, 1, 8, "relu", None)
    with FakeTensorMode():
        weights = [torch.zeros((3, *shape), device=CUDA) for shape in net.shapes]
        assert net.output(weights, torch.zeros((3, 5, 2), device=CUDA)).device.type == "cuda"


def test_norms_at_marks_are_one_look_however_many_replicas_have_one() -> None:
    replicas = Replicas(
        *(build("mlp", 8, 2, 4, "relu"), 5, 4, 2, None, torch.float32, torch.device("cpu"), 100)
    )
    generator = torch.Generator().manual_seed(0)
    for layer in (*replicas._store, *replicas._start):
        layer.normal_(generator=generator)
    counts = []
    for slots in (np.array([3]), np.array([0, 3, 4])):
        with emulator.Operations() as operations:
            moved, start = replicas.layer_norms(slots)
        counts.append(len(operations.seen))
        for row, slot in zip(range(len(slots)), slots, strict=True):
            for i, (w, w0) in enumerate(zip(replicas._store, replicas._start, strict=True)):
                assert moved[row, i] == pytest.approx((w[slot] - w0[slot]).norm().item(), rel=1e-5)
                assert start[row, i] == pytest.approx(w0[slot].norm().item(), rel=1e-5)
    assert counts[0] == counts[1]


def test_a_failed_capture_costs_a_note_and_no_result(emulated, monkeypatch) -> None:
    plain = train(_configs(4), "cpu", engine="resident", workers=1, checkpoints=False)

    def capture(self, step):
        # As where a net waits for the device: part of the step is done.
        step()
        raise RuntimeError("operation not permitted when stream is capturing\nlong story")

    monkeypatch.setattr(emulated, "capture", capture)
    notes: list[str] = []
    how = {"engine": "resident", "workers": 1, "checkpoints": False}
    ended = list(train_each(_configs(4), "cpu", **how, control=Control(note=notes.append)))
    by_seed = {r.config.seed: (r.steps, r.hits, r.dw) for r in ended}
    assert by_seed == {r.config.seed: (r.steps, r.hits, r.dw) for r in plain}
    (note,) = notes
    assert "cannot be captured as a CUDA graph (RuntimeError: operation not permitted" in note
    assert "long story" not in note


def test_graphs_have_few_sizes_that_depend_on_the_replicas_alive_alone() -> None:
    sizes = [size_of_graph(n, 40) for n in range(1, 41)]
    assert sorted(set(sizes)) == [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40]
    assert all(n <= size <= max(1.5 * n, 1) for n, size in enumerate(sizes, 1))


def test_a_gpu_has_one_lane_whatever_the_workers() -> None:
    plan = Plan(CUDA, Control(), workers=4)
    assert [len(group) for group in plan.groups(_configs(), ())] == [1]


def test_what_pytorch_keeps_for_later_is_free_memory(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 7000)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3000)
    assert free_bytes(CUDA) == 5000


def _fails_with_more_than(most: int, monkeypatch, error=torch.cuda.OutOfMemoryError):
    whole = ResidentEnsemble._round

    def round_(self):
        if len(self.configs) > most:
            raise error("CUDA out of memory")
        yield from whole(self)

    monkeypatch.setattr(ResidentEnsemble, "_round", round_)


def test_out_of_memory_halves_when_all_is_let_go(monkeypatch) -> None:
    # As on a GPU: free memory is what no ensemble holds, and that of the old one is measured
    # before a new one is made.
    ensembles: list[weakref.ref] = []
    found: list[int] = []
    make = Replicas.__init__

    def init(self, *args):
        make(self, *args)
        ensembles.append(weakref.ref(self))

    def free(device):
        gone = all(ref() is None for ref in ensembles)
        found.append(gone)
        return 8 << 30 if gone else 0

    monkeypatch.setattr(Replicas, "__init__", init)
    _fails_with_more_than(2, monkeypatch)
    configs = _configs()
    gc.disable()
    try:
        results = []
        for result in train_each(configs, "cpu", engine="resident", workers=1, checkpoints=False):
            results.append(result)
            monkeypatch.setattr(device_module, "free_bytes", free)
    finally:
        gc.enable()
    assert {r.config.seed for r in results if not isinstance(r, Failure)} == set(range(8))
    assert [ref().capacity for ref in ensembles if ref() is not None] in ([], [2])


def test_little_free_memory_after_a_failure_ends_no_scan(monkeypatch) -> None:
    free = {"bytes": 8 << 30}
    monkeypatch.setattr(device_module, "free_bytes", lambda device: free["bytes"])
    whole = ResidentEnsemble._round

    def round_(self):
        if len(self.configs) > 2:
            free["bytes"] = 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        yield from whole(self)

    monkeypatch.setattr(ResidentEnsemble, "_round", round_)
    ended = list(train_each(_configs(), "cpu", engine="resident", workers=1, checkpoints=False))
    assert [r.status for r in ended] == ["fitted"] * 8


def test_runs_that_never_fit_fail_one_by_one(monkeypatch) -> None:
    def no_room(self, *args):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Replicas, "__init__", no_room)
    ended = list(train_each(_configs(3), "cpu", engine="resident", workers=1))
    assert all(isinstance(r, Failure) for r in ended)
    assert {r.config.seed for r in ended} == {0, 1, 2}


def test_a_failure_holds_no_tensors() -> None:
    def deep() -> None:
        tensor = torch.zeros(8)
        held.append(weakref.ref(tensor))
        raise RuntimeError("at fault")

    held: list[weakref.ref] = []
    try:
        deep()
    except RuntimeError as error:
        kept = error
    assert held[0]() is not None
    release(kept)
    assert held[0]() is None
    # Where it happened is still told.
    assert kept.__traceback__.tb_next.tb_frame.f_code.co_name == "deep"


STICKY = [
    "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be",
    "CUDA error: device-side assert triggered",
    "CUDA error: unspecified launch failure",
    "CUDA error: uncorrectable ECC error encountered",
]


@pytest.mark.parametrize("message", STICKY)
def test_a_device_that_fails_for_good_is_known(message) -> None:
    assert is_lost(RuntimeError(message), torch.device("cpu"))


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2 GiB",
        "CUDA error: operation not permitted when stream is capturing\nCompile with "
        "`TORCH_USE_CUDA_DSA` to enable device-side assertions.",
        "an illegal value",
    ],
)
def test_other_errors_leave_the_device_alone(message) -> None:
    assert not is_lost(RuntimeError(message), torch.device("cpu"))


def test_a_lost_device_ends_the_scan_and_no_run(tmp_path, monkeypatch, capsys) -> None:
    whole = ResidentEnsemble._round

    def round_(self):
        if len(self.configs) < 6:
            raise RuntimeError(STICKY[0])
        yield from whole(self)

    monkeypatch.setattr(ResidentEnsemble, "_round", round_)
    command = ["nets", "scan", "-P", "64", "-T", "2^-5", "--depth", "2", "--width", "16"]
    command += ["--seeds", "8", "--test-samples", "8", "--no-checkpoints"]
    command += ["--engine", "resident", "--workers", "1", "--device", "cpu"]
    out = tmp_path / "out"
    assert run_command([*command, "--out", str(out)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert (
        "the GPU fails for good in this process (RuntimeError: CUDA error: an illegal memory access"
        in line
    )
    assert "repeat the command to go on" in line
    frame = ParquetStore(out).frame()
    assert 0 < len(frame) < 8
    assert set(frame["status"]) == {"fitted"}
    monkeypatch.setattr(ResidentEnsemble, "_round", whole)
    assert run_command([*command, "--out", str(out)]) == 0
    assert len(ParquetStore(out).frame()) == 8


def test_a_lost_device_is_raised_where_nothing_is_stored(monkeypatch) -> None:
    def round_(self):
        raise RuntimeError(STICKY[1])

    monkeypatch.setattr(ResidentEnsemble, "_round", round_)
    with pytest.raises(DeviceLost, match="device-side assert triggered"):
        train(_configs(2), "cpu", engine="resident", workers=1)


@pytest.fixture
def two_gpus(tmp_path, monkeypatch):
    monkeypatch.setattr(lease.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(lease, "gpus", lambda: [(torch.device("cuda", i), f"g{i}") for i in (0, 1)])


def test_processes_of_a_host_spread_over_its_gpus(two_gpus, tmp_path) -> None:
    # Another process holds the first GPU until it dies.
    with lease.leased(CUDA):
        (lock,) = tmp_path.glob("perceptron-sim-*-gpu-g0.lock")
    code = (
        "import fcntl, sys\n"
        f"file = open({str(lock)!r})\n"
        "fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "held\n"
        with lease.leased(CUDA) as device:
            assert device == torch.device("cuda", 1)
    finally:
        other.kill()
        other.communicate()
    with lease.leased(CUDA) as device:
        assert device == torch.device("cuda", 0)


def test_more_trainers_than_gpus_wait_for_one_and_say_so_once(two_gpus) -> None:
    notes: list[str] = []
    got: list[torch.device | None] = []
    waits = threading.Event()

    def third() -> None:
        with lease.leased(CUDA, notes.append, heartbeat=waits.set) as device:
            got.append(device)

    with lease.leased(CUDA) as first:
        with lease.leased(CUDA) as second:
            assert {first.index, second.index} == {0, 1}
            thread = threading.Thread(target=third)
            thread.start()
            assert waits.wait(20)
            assert got == []
        thread.join(20)
    assert got == [second]
    assert notes == ["others train on all GPUs of this host: waiting for one"]
    with lease.leased(CUDA), lease.leased(CUDA), lease.leased(CUDA, given_up=lambda: True) as none:
        assert none is None


def test_workers_of_a_cluster_take_gpus_only_where_they_offer_them() -> None:
    offering, bare = SimpleNamespace(gpu=True), SimpleNamespace(gpu=False)
    assert (device_on(offering, "auto"), device_on(bare, "auto")) == ("cuda", "cpu")
    assert (device_on(offering, "cuda"), device_on(bare, "cpu")) == ("cuda", "cpu")


def test_a_lost_device_of_a_worker_is_named_as_such(monkeypatch) -> None:
    def round_(self):
        raise RuntimeError(STICKY[2])

    monkeypatch.setattr(ResidentEnsemble, "_round", round_)
    work = NetWork("cpu", "resident", None, False)
    with pytest.raises(InputError, match="the GPU fails for good in this process"):
        work(_configs(2), Steering(False, StopFlag()))
