"""A lazy run beside training the same net: by the ensemble, and by the plain loop over one net.

Run from the root of the repository: python tests/benchmarks/nets_lazy.py
MNIST by parity (digits where it is absent), mlp of 5 hidden layers of 128, P = 1024, B = 16,
alpha = 2^15, one thread but for the kernel. Times of training are those of whole runs; the plain
loop (autograd, a backward pass at every step) is timed over its first steps and scaled to the
steps that the same runs took. The three are timed in turn, so that they meet the same machine.
"""

import importlib.util
import time
from pathlib import Path
from statistics import median

import torch

from nets.config import NetConfig
from nets.data import load_images
from nets.datasets import locate
from nets.lazy import LazyConfig, build_kernel, run_lazy
from nets.training import train

_PLAIN_STEPS = 200
_RUNS = 16
_REPETITIONS = 3


def _plain_loop(configs: list[NetConfig]) -> float:
    """Return seconds a step of the loop of tests/nets/single_net.py."""
    path = Path(__file__).parents[1] / "nets" / "single_net.py"
    spec = importlib.util.spec_from_file_location("single_net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    times = []
    for steps in (1, 1 + _PLAIN_STEPS):
        # A run of one step first, so that what comes with drawing data is not counted as steps.
        started = time.perf_counter()
        for config in configs:
            module.train_single(config, steps)
        times.append(time.perf_counter() - started)
    return (times[1] - times[0]) / (len(configs) * _PLAIN_STEPS)


def main() -> None:
    """Print one line a temperature."""
    torch.set_num_threads(1)
    data, P = ("mnist", 1024) if locate("mnist") is not None else ("digits", 1024)
    load_images(data)
    print(f"{data}, P = {P}, L = 5, h = 128: ms a run, and how many times a lazy run's time")
    print("      T  steps  kernel     lazy   ensemble  (ratio)    plain loop  (ratio)  break-even")
    for T in (2.0**-13, 2.0**-8):
        configs = [NetConfig(data=data, depth=5, width=128, P=P, T=T, seed=s) for s in range(_RUNS)]
        runs = [LazyConfig(config) for config in configs]
        kernel = build_kernel(runs[0])
        run_lazy(kernel, runs[0])
        train(configs[:1], "cpu")
        rows = []
        for _ in range(_REPETITIONS):
            started = time.perf_counter()
            kernel = build_kernel(runs[0])
            built = time.perf_counter() - started
            # All on one kernel, with batches of their own.
            started = time.perf_counter()
            ends = [run_lazy(kernel, run, checkpoints=False) for run in runs]
            lazy = (time.perf_counter() - started) / _RUNS
            started = time.perf_counter()
            results = train(configs, "cpu", checkpoints=False)
            ensemble = (time.perf_counter() - started) / _RUNS
            steps = sum(run.steps for run in results) / _RUNS
            plain = _plain_loop(configs[:2]) * steps
            assert all(end.status == "fitted" for end in ends)
            rows.append((steps, built, lazy, ensemble, plain))
        steps, built, lazy, ensemble, plain = (median(column) for column in zip(*rows, strict=True))
        print(
            f"{T:7.2g} {steps:6.0f} {1e3 * built:7.0f} {1e3 * lazy:8.3f} {1e3 * ensemble:10.1f} "
            f"{ensemble / lazy:8.0f} {1e3 * plain:13.1f} {plain / lazy:8.0f} "
            f"{built / (ensemble - lazy):8.1f} runs",
            flush=True,
        )


if __name__ == "__main__":
    main()
