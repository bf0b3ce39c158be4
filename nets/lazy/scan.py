"""A grid of lazy runs: one kernel a seed, its runs in threads, results stored as they end."""

from collections.abc import Callable, Iterable
from pathlib import Path

from nets.config import NetConfig
from nets.lazy import by_kernel, check_request
from nets.lazy.config import LazyConfig
from nets.lazy.kernel import LazyKernel, build_kernel
from nets.lazy.records import lazy_record
from nets.lazy.run import run_lazy
from nets.ntk import BuildStopped
from perceptron_sim.experiments.interrupts import Interrupts
from perceptron_sim.experiments.progress import NoProgress, Progress
from perceptron_sim.experiments.records import Record, versions_text
from perceptron_sim.experiments.scan import ScanReport, Tally, default_workers, in_threads, passed
from perceptron_sim.experiments.simulate import StopFlag
from perceptron_sim.experiments.store import Store

# Seconds per P^2 of a kernel and of a run, and of the least run: measured at h = 128, L = 5.
_KERNEL_S, _RUN_S, _LEAST_S = 2e-8, 5e-10, 2e-4


def scan_lazy(
    configs: Iterable[NetConfig],
    store: Store,
    *,
    paired: bool = False,
    data_dir: Path | None = None,
    folder: Path | None = None,
    checkpoints: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
    on_kernel: Callable[[LazyConfig, LazyKernel], None] = lambda leader, kernel: None,
    until: float | None = None,
) -> ScanReport:
    """Simulate every lazy run that ``store`` does not hold yet.

    The first Ctrl-C starts no new run or kernel and stores what runs; the second drops it.

    Args:
        configs: what to run.
        store: where results are looked up and put.
        paired, data_dir, folder, checkpoints: as in ``simulate_lazy``.
        workers: threads; default one a core.
        progress: watcher.
        on_kernel: told of every kernel built, with the run of largest P that it serves.
        until: start no run or kernel after this time.monotonic(); None for no end.

    Returns:
        The report.

    Raises:
        InputError: before any run, as ``nets.lazy.check_request``.
    """
    watcher = progress or NoProgress()
    tally = Tally(store, watcher)
    by_key = {run.key(): run for run in (LazyConfig(config, paired) for config in configs)}
    check_request(by_key.values(), data_dir, folder)
    stored = store.keys()
    pending = [run for key, run in by_key.items() if key not in stored]
    provenance = versions_text(("torch",))
    n_workers = workers or default_workers()
    # The largest P of each kernel.
    kernels = {run.kernel_key(): run for run in sorted(pending, key=lambda run: run.config.P)}
    cost = sum(map(_cost, pending)) + sum(map(_kernel_cost, kernels.values()))

    def serve(members: list[LazyConfig], interrupts: Interrupts) -> None:
        # A function of its own, so that one kernel is gone before the next is built.
        kernel = build_kernel(
            members[0],
            data_dir,
            folder=folder,
            workers=n_workers,
            progress=_Part(watcher, _kernel_cost(members[0])),
            stop=lambda: interrupts.draining,
        )
        on_kernel(members[0], kernel)

        def work(run: LazyConfig, stop: StopFlag) -> Record:
            return lazy_record(
                run, run_lazy(kernel, run, checkpoints=checkpoints, stop=stop), provenance
            )

        for run, record in in_threads(members, work, n_workers, interrupts, tally.flush, until):
            if record["status"] != "interrupted":
                tally.add(record, _cost(run))

    watcher.start("nets lazy", len(pending), cost)
    with Interrupts(watcher) as interrupts:
        try:
            for members in by_kernel(pending):
                if not (interrupts.draining or passed(until)):
                    serve(members, interrupts)
        except BuildStopped:
            pass
        finally:
            watcher.finish()
            tally.flush(force=True)
    return tally.close(by_key, len(pending), interrupts)


def _cost(run: LazyConfig) -> float:
    return _LEAST_S + _RUN_S * run.config.P**2


def _kernel_cost(run: LazyConfig) -> float:
    return _KERNEL_S * run.config.P**2


class _Part(NoProgress):
    """A watcher of one kernel, which is a part of the whole job."""

    def __init__(self, whole: Progress, cost: float) -> None:
        self._whole, self._cost, self._total = whole, cost, 0.0

    def start(self, what: str, runs: int, cost: float) -> None:
        # The kernel between training and test samples, which comes next, costs little.
        first = self._total == 0.0
        self._total = cost if first else float("inf")

    def advance(self, runs: int, cost: float) -> None:
        self._whole.advance(0, self._cost * cost / self._total)

    def note(self, text: str) -> None:
        self._whole.note(text)
