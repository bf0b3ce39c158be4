"""Replica-steps per second of an ensemble beside the plain loop over single nets.

Run from the root of the repository: python tests/benchmarks/nets_throughput.py
Whole training runs of the ensemble, on one thread; the plain loop (autograd, a backward pass at
every step) takes the first steps of some of the same runs before and after, on one thread too.
"""

import importlib.util
import sys
import time
from pathlib import Path

import torch

from nets.config import NetConfig
from nets.data import load_images
from nets.datasets import locate
from nets.training import train

_PLAIN_STEPS = 200


def _plain_loop(configs: list[NetConfig]) -> float:
    """Return steps per second of the loop of tests/nets/single_net.py."""
    path = Path(__file__).parents[1] / "nets" / "single_net.py"
    spec = importlib.util.spec_from_file_location("single_net", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # A run of one step first, so that what comes with drawing data is not counted as steps.
    started = time.perf_counter()
    for config in configs:
        module.train_single(config, 1)
    once = time.perf_counter() - started
    started = time.perf_counter()
    for config in configs:
        module.train_single(config, 1 + _PLAIN_STEPS)
    return len(configs) * _PLAIN_STEPS / (time.perf_counter() - started - once)


def main() -> None:
    """Print one line a case."""
    torch.set_num_threads(1)
    cases = [
        ("digits", 5, 32, 256, 32),
        ("digits", 5, 64, 512, 32),
        ("mnist", 5, 128, 1024, 16),
    ]
    print("data    L    h     P  runs   steps/run  ensemble/s   plain/s  ratio  time to fit all")
    for data, depth, width, P, runs in cases:
        if data == "mnist" and locate(data) is None:
            print("mnist is not there: set PERCEPTRON_SIM_DATA", file=sys.stderr)
            continue
        load_images(data)
        configs = [
            NetConfig(data=data, depth=depth, width=width, P=P, T=2.0**-8, seed=s)
            for s in range(runs)
        ]
        train(configs[:1], "cpu")
        before = _plain_loop(configs[:3])
        started = time.perf_counter()
        results = train(configs, "cpu", checkpoints=False)
        wall = time.perf_counter() - started
        plain = 0.5 * (before + _plain_loop(configs[:3]))
        steps = sum(run.steps for run in results)
        print(
            f"{data:6s} {depth:2d} {width:4d} {P:5d} {runs:5d} {steps / runs:11.0f} "
            f"{steps / wall:11.0f} {plain:9.0f} {steps / wall / plain:6.1f} {wall:9.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
