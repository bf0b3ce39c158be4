"""Steps per second of both engines beside the plain loop over single nets, on one thread.

Run from the root of the repository: python tests/benchmarks/nets_throughput.py
Whole training runs of the engines, drawing of data and weights included; the plain loop (autograd,
a backward pass at every step) takes the first steps of some of the same runs before and after.

It needs ``PYTHONPATH=tests/helpers``.
"""

import sys
import time

import torch
from single_net import seconds_a_step

from nets.config import NetConfig
from nets.data import load_images
from nets.data.paths import locate
from nets.training import train

_PLAIN_STEPS = 200
_REPETITIONS = 3
# What is trained, and with how many replicas.
_CASES = [
    ("digits", {"depth": 5, "width": 32, "P": 256}, 32),
    ("digits", {"depth": 5, "width": 64, "P": 512}, 32),
    ("mnist", {"depth": 5, "width": 128, "P": 1024}, 16),
    ("digits", {"arch": "cnn", "P": 256}, 16),
    ("digits", {"arch": "mnas", "P": 256}, 8),
    ("cifar10", {"arch": "cnn", "P": 128}, 8),
    ("cifar10", {"arch": "mnas", "width": 16, "P": 128}, 4),
]


def _whole_runs(configs: list[NetConfig], engine: str) -> tuple[float, float, float]:
    """Return steps of a run, steps per second, and seconds to train all."""
    started = time.perf_counter()
    results = train(configs, "cpu", engine=engine, workers=1, checkpoints=False)
    wall = time.perf_counter() - started
    steps = sum(run.steps for run in results)
    return steps / len(results), steps / wall, wall


def main() -> None:
    """Print one line a case, engine and repetition."""
    torch.set_num_threads(1)
    print(
        "data     net                   P  engine    runs  steps/run    steps/s  plain/s"
        "  ratio    all in"
    )
    for data, net, runs in _CASES:
        if data != "digits" and locate(data) is None:
            print(f"{data} is not there: set PERCEPTRON_SIM_DATA", file=sys.stderr)
            continue
        load_images(data)
        configs = [NetConfig(data=data, **net, T=2.0**-8, seed=s) for s in range(runs)]
        one = configs[0]
        name = f"{one.arch} L {one.depth} h {one.width}"
        for engine in ("compiled", "ensemble") if one.arch == "mlp" else ("ensemble",):
            train(configs[:1], "cpu", engine=engine, workers=1)
            for _ in range(_REPETITIONS):
                before = seconds_a_step(configs[:3], _PLAIN_STEPS)
                length, rate, wall = _whole_runs(configs, engine)
                after = seconds_a_step(configs[:3], _PLAIN_STEPS)
                plain = 2.0 / (before + after)
                print(
                    f"{data:8s} {name:16s} {one.P:6d}  {engine:9s} {runs:4d} {length:10.0f} "
                    f"{rate:10.0f} {plain:8.0f} {rate / plain:6.1f} {wall:7.2f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
