"""A lazy run beside training the same net: by each engine, and by the plain loop over one net.

Run from the root of the repository: python tests/benchmarks/nets_lazy.py
MNIST by parity (digits where it is absent), mlp of 5 hidden layers of 128, P = 1024, B = 16,
alpha = 2^15, one thread but for the kernel. Times of training are those of whole runs; the plain
loop (autograd, a backward pass at every step) is timed over its first steps and scaled to the
steps that the same runs took. They are timed in turn, so that they meet the same machine.

It needs ``PYTHONPATH=tests/helpers``.
"""

import time
from statistics import median

import torch
from single_net import seconds_a_step

from nets.config import NetConfig
from nets.data import load_images
from nets.data.paths import locate
from nets.lazy import LazyConfig, build_kernel, run_lazy
from nets.training import train

_PLAIN_STEPS = 200
_RUNS = 16
# A lazy run is short: so many, all with batches of their own, for a time that can be measured.
_LAZY_RUNS = 400
_REPETITIONS = 3
ENGINES = ("compiled", "ensemble")


def main() -> None:
    """Print one line a temperature."""
    torch.set_num_threads(1)
    data, P = ("mnist", 1024) if locate("mnist") is not None else ("digits", 1024)
    load_images(data)
    print(f"{data}, P = {P}, L = 5, h = 128: ms a run, and how many times a lazy run's time")
    print("    T   steps  kernel    lazy |  compiled  ratio |  ensemble  ratio | plain loop  ratio")
    for T in (2.0**-13, 2.0**-8):
        configs = [
            NetConfig(data=data, depth=5, width=128, P=P, T=T, seed=s) for s in range(_LAZY_RUNS)
        ]
        runs = [LazyConfig(config) for config in configs]
        kernel = build_kernel(runs[0])
        run_lazy(kernel, runs[0])
        some = configs[:_RUNS]
        for engine in ENGINES:
            train(some[:1], "cpu", engine=engine, workers=1)
        rows = []
        for _ in range(_REPETITIONS):
            started = time.perf_counter()
            kernel = build_kernel(runs[0])
            times = [time.perf_counter() - started]
            started = time.perf_counter()
            ends = [run_lazy(kernel, run, checkpoints=False) for run in runs]
            times.append((time.perf_counter() - started) / _LAZY_RUNS)
            assert all(end.status == "fitted" for end in ends)
            for engine in ENGINES:
                started = time.perf_counter()
                results = train(some, "cpu", engine=engine, checkpoints=False, workers=1)
                times.append((time.perf_counter() - started) / _RUNS)
            steps = sum(run.steps for run in results) / _RUNS
            rows.append((steps, *times, seconds_a_step(some[:2], _PLAIN_STEPS) * steps))
        steps, built, lazy, *others = (median(column) for column in zip(*rows, strict=True))
        columns = " |".join(f"{1e3 * t:10.1f} {t / lazy:6.0f}" for t in others)
        print(f"{T:7.2g} {steps:5.0f} {1e3 * built:7.0f} {1e3 * lazy:7.3f} |{columns}", flush=True)
        # Worth it against the quickest way of training that there is.
        even = built / (min(others) - lazy)
        print(f"        the kernel is paid for after {even:.1f} runs")


if __name__ == "__main__":
    main()
